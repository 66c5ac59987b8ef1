"""What the frame does for all methods: observations are normalized wherever a method sees them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.nn import unit_to_env
from jaxdl.ops import Statistics, normalize
from jaxdl.rl.off_policy import Extra, Method, off_policy
from tests.rl.control import REGIME, regulator

WORLDS = 16
SIZES = REGIME._replace(num_envs=WORLDS, updates=1, batch_size=4096, learning_starts=512)


def spy() -> Method:
    """Acts by what it sees, and reports what its update is shown."""

    def act(obs):
        return jnp.clip(obs / 4, -1, 1) * jnp.ones(2)

    def update(key, state, batch):
        seen = {"mean": batch.obs.mean(), "deviation": batch.obs.std()}
        return state, seen, jnp.zeros(len(batch.reward))

    return Method(
        lambda key: TrainState({}, (), (), Extra((), jnp.int32(0))),
        lambda key, state, obs: act(obs),
        lambda params, obs: act(obs),
        update,
        unit_to_env(regulator().action_space),
        lambda key: jax.random.uniform(key, (2,), minval=-1.0),
    )


@pytest.mark.parametrize("is_on", [True, False])
def test_methods_see_normalized_observations(is_on):
    learner = off_policy(regulator(), spy(), SIZES._replace(normalize_observations=is_on))
    before = jax.jit(learner.init)(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), before, ())
    statistics = after.extra.obs_statistics
    obs = np.asarray(before.actors.worlds.obs)
    acted = np.asarray(newest(after).action)
    if not is_on:
        assert statistics == ()
        np.testing.assert_allclose(acted[:, 0], np.clip(obs[:, 0] / 4, -1, 1), atol=1e-6)
        return
    # All that was seen, by NumPy: the random steps, and the one that followed.
    ring = jax.tree.map(np.asarray, after.actors.replay.ring)
    seen = ring.steps.obs[:, : 512 // WORLDS + 1].reshape(-1)
    assert statistics.count == len(seen)
    np.testing.assert_allclose(statistics.mean, [seen.mean()], atol=1e-5)
    np.testing.assert_allclose(statistics.variance, [seen.var()], rtol=1e-4)
    # The action was chosen by what was known before it, the update by what is known now.
    expected = np.clip(normalize(before.extra.obs_statistics, obs) / 4, -1, 1)
    np.testing.assert_allclose(acted[:, 0], expected[:, 0], atol=1e-6)
    assert abs(metrics["mean"]) < 0.1 and abs(metrics["deviation"] - 1) < 0.1


def newest(state):
    """The steps that were added last, leaves [E, ...]."""
    ring = state.actors.replay.ring
    last = 512 // WORLDS
    return jax.tree.map(lambda x: x[:, last], ring.steps)


def test_the_policy_that_is_scored_sees_them_too():
    regime = SIZES._replace(normalize_observations=True)
    learner = off_policy(regulator(), spy(), regime)
    state = jax.jit(learner.init)(jax.random.key(0))
    score = jax.jit(learner.evaluate)
    usual = score(jax.random.key(1), state)["episode_return"]
    # Statistics by which every observation is 10, so that the action is at its bound.
    far = Statistics(jnp.float32(1), jnp.full(1, -1e6), jnp.ones(1))
    state = state._replace(extra=state.extra._replace(obs_statistics=far))
    assert score(jax.random.key(1), state)["episode_return"] < usual - 1


def test_stacked_frames_are_not_normalized():
    regime = SIZES._replace(normalize_observations=True, stack=2)
    with pytest.raises(BadInput, match="normalize_observations=True .* stack=2"):
        off_policy(regulator(), spy(), regime)
