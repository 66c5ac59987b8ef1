"""The probes' yardsticks against every course that their episodes can take."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import make, probe, spaces, vectorize

KINDS = ("discrete", "continuous")
KEY = jax.random.key(0)


def best(env, state, task, actions, discount):
    """The best discounted return from a state, and its first action, by trying all courses."""
    scores = []
    for action in actions:
        after, out = env.step(KEY, state, action, task)
        future = 0.0 if out.terminated else best(env, after, task, actions, discount)[0]
        scores.append(float(out.reward) + discount * future)
    return max(scores), actions[int(np.argmax(scores))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", probe.PROBES)
def test_yardsticks_against_all_courses(which, kind):
    env = make("probe", which=which, actions=kind)
    tried = [jnp.int32(0), jnp.int32(1)]
    if kind == "continuous":
        tried = [jnp.array([a]) for a in np.linspace(-1, 1, 9)]
    task = env.sample_task(KEY)
    returns = {}
    shown = {}
    for seed in range(12):
        state, obs = env.reset(jax.random.key(seed), task)
        done = False
        while not done:
            assert spaces.contains(env.obs_space, obs)
            value, action = best(env, state, task, tried, 0.9)
            np.testing.assert_allclose(probe.true_value(obs, discount=0.9), value, rtol=1e-6)
            if which in ("action", "both"):
                np.testing.assert_allclose(probe.optimal_action(obs, actions=kind), action)
            shown[tuple(np.asarray(obs))] = value
            if state.time == 0:
                returns[tuple(np.asarray(obs))] = best(env, state, task, tried, 1.0)[0]
            state, out = env.step(KEY, state, action, task)
            obs = out.obs
            done = bool(out.terminated)
    assert set(shown) == {tuple(np.asarray(obs)) for obs in probe.observations(which)}
    # Starts are equally likely, so that their mean is the mean return.
    np.testing.assert_allclose(probe.optimal_return(which), np.mean(list(returns.values())))


@pytest.mark.parametrize("kind", KINDS)
def test_a_player_that_is_wrong_is_paid_less(kind):
    wrong = {"discrete": jnp.int32(0), "continuous": jnp.array([-0.5])}[kind]
    env = make("probe", which="action", actions=kind)
    state, _ = env.reset(KEY, env.sample_task(KEY))
    reward = env.step(KEY, state, wrong, env.sample_task(KEY))[1].reward
    assert reward == {"discrete": -1, "continuous": 0}[kind]


def test_all_probes_are_drawn_and_shown():
    worlds = vectorize(make("probe"), 32)

    def body(state, key):
        after, out = worlds.step(key, state, jnp.zeros(32, jnp.int32))
        return after, (state.task, state.obs, out)

    keys = jax.random.split(jax.random.key(1), 400)
    run = jax.jit(lambda: jax.lax.scan(body, worlds.reset(KEY), keys)[1])
    task, obs, out = run()
    np.testing.assert_array_equal(obs[..., :5].argmax(-1), task)
    # Episodes of `delayed` last two steps, so that it is met twice as often.
    share = np.bincount(np.ravel(task), minlength=5) / task.size
    np.testing.assert_allclose(share, np.array([1, 1, 2, 1, 1]) / 6, atol=0.02)
    np.testing.assert_array_equal(out.terminated, (task != 2) | (obs[..., 6] == 1))
    np.testing.assert_allclose(obs[..., 5][task == 4].mean(), 0, atol=0.2)


def test_bad_settings():
    with pytest.raises(BadInput, match="which='none' should be all or one of constant"):
        probe.probe(which="none")  # pyright: ignore
    with pytest.raises(BadInput, match="actions='both' should be discrete or continuous"):
        probe.probe(actions="both")  # pyright: ignore
