"""TD3: smoothed targets, and a policy that waits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import Box
from jaxdl.nn import stacked_critics
from jaxdl.rl.continuous import td_loss
from jaxdl.rl.td3 import smooth
from tests.rl.control import REGIME, check_optimal, regulator, transitions
from tests.rl.test_ddpg import small


def test_smoothing_is_clipped_to_its_bound_and_to_the_actions():
    action = jnp.tile(jnp.array([0.0, 0.9]), (20_000, 1))
    near = smooth(jax.random.key(0), action, scale=0.2, clip=0.5) - action
    np.testing.assert_allclose(near[:, 0].std(), 0.2, rtol=0.05)
    assert jnp.abs(near[:, 0]).max() == pytest.approx(0.5)  # of 20 000, some are beyond 2.5 sigma
    assert (near[:, 1] + 0.9).max() == pytest.approx(1.0)
    wide = smooth(jax.random.key(0), action, scale=10.0, clip=0.3) - action
    assert jnp.mean(jnp.abs(wide[:, 0]) >= 0.3 - 1e-6) > 0.9


def test_the_policy_and_all_targets_move_at_every_third_update():
    regime = REGIME._replace(num_envs=4, updates=1, batch_size=8, learning_starts=16, capacity=64)
    _, learner = small("td3", regulator(), regime=regime, policy_delay=3)
    state = jax.jit(learner.init)(jax.random.key(0))
    step = jax.jit(learner.step)
    for update in range(1, 7):
        after, metrics = step(jax.random.key(update), state, ())
        is_turn = update % 3 == 0
        assert moved(state.params.critics, after.params.critics)
        assert moved(state.params.actor, after.params.actor) == is_turn
        assert moved(state.extra.target.critics, after.extra.target.critics) == is_turn
        assert int(metrics["actor_loss"].count) == is_turn
        if is_turn:
            for part in ("actor", "critics"):
                slow, fast = getattr(state.extra.target, part), getattr(after.params, part)
                jax.tree.map(
                    lambda x, y, z: np.testing.assert_allclose(z, 0.98 * x + 0.02 * y, atol=1e-6),
                    *(slow, fast, getattr(after.extra.target, part)),
                )
        assert int(after.extra.updates) == update
        state = after


def test_a_distribution_is_learned_from_that_of_the_lesser_critic():
    """Three atoms, two critics: which target each transition has, by hand."""
    critics = stacked_critics(Box((1,)), 1, hidden=(), atoms=3, value_range=(0.0, 2.0))
    next_probs = jnp.array([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    outputs = jnp.zeros((2, 2, 3))
    batch = transitions(size=2, obs_size=1, action_size=1)
    batch = batch._replace(
        reward=jnp.array([1.0, 0.5]), discount=jnp.array([1.0, 0.5]), weight=jnp.array([1.0, 2.0])
    )
    loss, td_error = td_loss(critics, outputs, jnp.log(next_probs + 1e-9), batch)
    # The first is from critic 1 (mean 0.5): atoms at 1 and 2; the second from critic 2, all at 1.
    target = np.array([[0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    weight = np.array([1.0, 2.0])
    np.testing.assert_allclose(loss, 2 * (weight * np.log(3.0)).mean(), rtol=1e-5)
    np.testing.assert_allclose(td_error, [0.5, 0.0], atol=1e-5)
    slope = jax.grad(lambda x: td_loss(critics, x, jnp.log(next_probs + 1e-9), batch)[0])(outputs)
    expected = weight[:, None] * (1 / 3 - target) / 2
    np.testing.assert_allclose(slope, np.stack([expected, expected]), atol=1e-5)


def moved(before, after):
    return any(
        bool((x != y).any())
        for x, y in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    )


@pytest.mark.slow
def test_the_optimal_regulator_is_found():
    nets, learner = small("td3", regulator())
    check_optimal(learner, lambda params, x: nets.actor.apply(params.actor, x))
