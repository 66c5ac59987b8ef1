"""DDPG, and what it shares with TD3 and SAC."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, make
from jaxdl.envs.spaces import MultiDiscrete
from jaxdl.nn import deterministic_actor, squashed_actor, stacked_critics
from jaxdl.ops import make_optimizer
from jaxdl.rl import ddpg, sac, td3
from jaxdl.rl.continuous import Nets, check_actions, follow, improve_actor, improve_critics
from jaxdl.rl.noise import forget, gaussian_noise, ornstein_uhlenbeck
from jaxdl.rl.off_policy import Regime
from jaxdl.rl.value_error import value_error
from tests.rl.control import (
    REGIME,
    STEPS,
    check_optimal,
    linear_nets,
    linear_q,
    linear_state,
    regulator,
    transitions,
)


def test_critics_and_policy_move_by_the_gradients_that_numpy_finds():
    """Linear critics and a policy tanh(W s + b): algorithm 1, by hand."""
    nets = linear_nets(deterministic_actor, critics=2)
    state, batch = linear_state(nets), transitions()
    next_action = nets.actor.apply(state.extra.target.actor, batch.next_obs)
    head = state.extra.target.actor["head"]
    np.testing.assert_allclose(
        next_action, np.tanh(batch.next_obs @ head.kernel + head.bias), atol=1e-6
    )
    next_q, _ = linear_q(state.extra.target.critics, batch.next_obs, next_action)
    target = batch.reward + batch.discount * next_q.min(0)
    q, x = linear_q(state.params.critics, batch.obs, batch.action)
    after, metrics, td_error = jax.jit(lambda s: improve_critics(nets, s, batch, next_action))(
        state
    )
    slope = np.einsum("kb,bd->kd", batch.weight * (q - target), x) / 6
    before, moved = (s.params.critics["critics"]["value"] for s in (state, after))
    np.testing.assert_allclose(before.kernel - moved.kernel, slope[..., None], atol=1e-5)
    np.testing.assert_allclose(
        before.bias - moved.bias, (batch.weight * (q - target)).mean(1)[:, None], atol=1e-5
    )
    np.testing.assert_allclose(td_error, (target - q).mean(0), atol=1e-5)
    loss = 0.5 * (batch.weight * (target - q) ** 2).mean(1).sum()
    np.testing.assert_allclose(metrics["critic_loss"], loss, rtol=1e-5)

    moved_actor, _ = jax.jit(lambda s: improve_actor(nets, s, batch.obs))(state)
    head = state.params.actor["head"]
    action = np.tanh(batch.obs @ head.kernel + head.bias)
    by_action = before.kernel[0, 3:, 0]  # dQ_1 / da, of the first critic alone
    upward = (1 - action**2) * by_action
    after_head = moved_actor.params.actor["head"]
    np.testing.assert_allclose(after_head.kernel - head.kernel, batch.obs.T @ upward / 6, atol=1e-5)
    np.testing.assert_allclose(after_head.bias - head.bias, upward.mean(0), atol=1e-5)


def test_targets_follow_by_a_share():
    nets = linear_nets(deterministic_actor, critics=1)
    state = linear_state(nets)
    after = follow(state, tau=0.25).extra.target
    expected = jax.tree.map(
        lambda x, y: 0.75 * x + 0.25 * y, tuple(state.extra.target), tuple(state.params)
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), tuple(after), expected)


def test_noise_is_scaled_by_world_and_wanders_as_stated():
    scales = jnp.array([0.0, 0.1, 0.4])
    key = jax.random.key(0)
    _, drawn = jax.vmap(lambda key: gaussian_noise(scales, 2).draw(key, ()))(
        jax.random.split(key, 4000)
    )
    np.testing.assert_allclose(drawn.std((0, 2)), scales, rtol=0.05)
    process = ornstein_uhlenbeck(scales, 2)
    keys = jax.random.split(key, 20_000)
    _, path = jax.lax.scan(lambda memory, key: process.draw(key, memory), process.start(3), keys)
    path = path[100:]
    np.testing.assert_allclose(path.std((0, 2)), scales / np.sqrt(1 - 0.85**2), rtol=0.1)
    together = (path[1:, 2] * path[:-1, 2]).mean() / (path[:, 2] ** 2).mean()
    np.testing.assert_allclose(together, 0.85, atol=0.03)
    kept = forget(path[-1], jnp.array([False, True, False]))
    np.testing.assert_array_equal(kept[1], 0.0)
    np.testing.assert_array_equal(kept[2], path[-1, 2])


def small(name, env, **settings):
    """A learner of that name with small nets."""
    size = check_actions(env)
    updates = STEPS * REGIME.updates
    tx = make_optimizer(learning_rate=2e-3, schedule="linear", steps=updates, flat=True)
    actor = squashed_actor if name == "sac" else deterministic_actor
    critics = 1 if name == "ddpg" else 2
    shape = {"hidden": (64, 64), "activation": jnp.tanh}  # smooth, as what is learned
    nets = Nets(
        actor(env.obs_space, size, **shape),
        stacked_critics(env.obs_space, size, count=critics, **shape),
        tx,
        tx,
    )
    regime = settings.pop("regime", REGIME)
    if name == "sac":
        return nets, sac(env, nets, regime, **settings)
    noise = settings.pop("noise", gaussian_noise(jnp.full(regime.num_envs, 0.3), size))
    return nets, {"ddpg": ddpg, "td3": td3}[name](env, nets, regime, noise, **settings)


def test_actions_in_the_ring_are_the_policys_with_noise_within_the_bounds():
    """Noise that wanders is zero again where an episode begins."""
    env = regulator()
    regime = REGIME._replace(num_envs=4, unroll=16, learning_starts=32, capacity=128, updates=1)
    noise = ornstein_uhlenbeck(jnp.array([0.0, 0.05, 0.1, 4.0]), 2)
    nets, learner = small("ddpg", env, regime=regime, noise=noise)
    state = jax.jit(learner.init)(jax.random.key(0))
    after, _ = jax.jit(learner.step)(jax.random.key(1), state, ())
    steps = jax.tree.map(lambda x: x[:, 8:24], after.actors.replay.ring.steps)
    policy = nets.actor.apply(state.params.actor, steps.obs)
    added = np.asarray(steps.action - policy)
    np.testing.assert_allclose(added[0], 0.0, atol=1e-6)
    assert np.abs(steps.action).max() == 1.0  # of the loudest world
    assert steps.done[:, 3::4].all() and steps.done.sum() == 16
    innovation = added[1:3, 1:] - 0.85 * added[1:3, :-1]
    began = added[1:3, ::4]  # noise after nothing is what is drawn alone
    expected = 0.05 * np.array([1.0, 2.0])
    np.testing.assert_allclose(np.delete(innovation, [3, 7, 11], 1).std((1, 2)), expected, rtol=0.4)
    assert np.abs(began).max() < 0.4
    np.testing.assert_array_equal(after.actors.noise, 0.0)  # the last step was an episode's end


@pytest.mark.parametrize("name", ["ddpg", "td3", "sac"])
def test_worlds_of_integers_and_of_endless_actions_are_refused(name):
    with pytest.raises(BadInput, match=r"actions of 0 .. 1: DDPG, TD3 and SAC act by real numbers"):
        small(name, make("cartpole"))
    endless = regulator()._replace(action_space=Box((2,)))
    with pytest.raises(BadInput, match="two finite bounds"):
        small(name, endless)
    many = regulator()._replace(action_space=MultiDiscrete((2, 3)))
    with pytest.raises(BadInput, match="act by real numbers"):
        small(name, many)


def test_values_are_compared_with_the_returns_that_follow():
    """Of a policy that does nothing, from states that stay where they are."""
    env = regulator()

    def still(key, state, action, task):
        x, time = state
        state, out = env.step(key, state, action, task)
        return (x, state[1]), out._replace(obs=x[None], reward=x)

    def do_nothing(key, carry, obs, first):
        return carry, jnp.tile(jnp.array([0.0, 20.0]), (obs.shape[0], 1))

    found = value_error(
        jax.random.key(0),
        env._replace(step=still),
        do_nothing,
        lambda obs: obs[:, 0] / (1 - 0.8) + 0.5,
        episodes=64,
        discount=0.8,
    )
    np.testing.assert_allclose(found["value_error"], 0.5, atol=5e-3)
    assert abs(found["value_estimate"] - found["value_measured"] - found["value_error"]) < 1e-5


@pytest.mark.slow
def test_the_optimal_regulator_is_found():
    nets, learner = small("ddpg", regulator())
    check_optimal(learner, lambda params, x: nets.actor.apply(params.actor, x))


def test_regimes_name_what_the_frame_takes():
    with pytest.raises(BadInput, match="capacity=100 is below batch_size=128"):
        small("ddpg", regulator(), regime=Regime(num_envs=4, batch_size=128, capacity=100))
