"""Our classic worlds against Gymnasium, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import cartpole, make, pendulum


def cartpole_state(x):
    return cartpole.State(*(jnp.float32(v) for v in x), jnp.int32(0))


def test_cartpole_plays_as_gymnasium():
    gymnasium = pytest.importorskip("gymnasium")
    theirs = gymnasium.make("CartPole-v1")
    env = make("cartpole")
    task = env.sample_task(jax.random.key(0))
    step = jax.jit(env.step)
    lengths = []
    ends = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        obs, _ = theirs.reset(seed=seed)
        state = cartpole_state(theirs.unwrapped.state)
        done = False
        while not done:
            # The first half of the episodes balances, so that the time limit is met too.
            action = int(obs[2] + 0.5 * obs[3] > 0) if seed < 3 else int(rng.integers(2))
            obs, reward, terminated, truncated, _ = theirs.step(action)
            state, out = step(jax.random.key(0), state, jnp.int32(action), task)
            np.testing.assert_allclose(out.obs, obs, rtol=1e-5, atol=1e-6)
            assert out.reward == reward
            assert (bool(out.terminated), bool(out.truncated)) == (terminated, truncated)
            # Both go on from the same state, so that rounding does not add up.
            state = cartpole_state(theirs.unwrapped.state)._replace(time=state.time)
            done = terminated or truncated
        lengths.append(int(state.time))
        ends += terminated
    assert 500 in lengths and ends >= 3


def test_pendulum_plays_as_gymnasium():
    gymnasium = pytest.importorskip("gymnasium")
    theirs = gymnasium.make("Pendulum-v1")
    env = make("pendulum")
    task = env.sample_task(jax.random.key(0))
    step = jax.jit(env.step)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        theirs.reset(seed=seed)
        time = jnp.int32(0)
        for t in range(200):
            angle, turn = theirs.unwrapped.state
            wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
            state = pendulum.State(jnp.float32(wrapped), jnp.float32(turn), time)
            torque = np.float32(rng.uniform(-3, 3, 1))  # beyond the limits too
            obs, reward, terminated, truncated, _ = theirs.step(torque)
            state, out = step(jax.random.key(0), state, torque, task)
            np.testing.assert_allclose(out.obs, obs, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(out.reward, reward, rtol=1e-4, atol=1e-4)
            assert not terminated and not out.terminated
            assert bool(out.truncated) == truncated == (t == 199)
            time = state.time


def test_starts_follow_the_laws_of_gymnasium():
    # Uniform laws: the extremes of 4000 draws come within 1 % of the limits, and never pass them.
    for name, limits in (("cartpole", [0.05] * 4), ("pendulum", [np.pi, 1.0])):
        env = make(name)
        keys = jax.random.split(jax.random.key(0), 4000)
        state, _ = jax.vmap(env.reset, (0, None))(keys, env.sample_task(keys[0]))
        for values, limit in zip(state, limits, strict=False):
            assert -limit <= values.min() < -0.99 * limit and 0.99 * limit < values.max() <= limit
            np.testing.assert_allclose(values.mean(), 0, atol=4 * limit / np.sqrt(3 * 4000))
        assert np.all(np.asarray(state.time) == 0)


def test_constants_are_the_task():
    env = make("cartpole")
    state = cartpole_state([0.0, 0.0, 0.1, 0.0])
    # By hand at rest and angle 0: the turn rate is -push / (l (4/3 - m_p / m)), with push = F / m.
    task = cartpole.Task(cart_mass=2.0, pole_mass=1.0, half_length=0.25, force=3.0)
    out = env.step(jax.random.key(0), state._replace(angle=jnp.float32(0)), 1, task)[1]
    np.testing.assert_allclose(out.obs[3], -0.02 * 1.0 / (0.25 * (4 / 3 - 1 / 3)), rtol=1e-6)
    heavy = env.step(jax.random.key(0), state, 1, cartpole.Task(gravity=20.0))[1].obs[3]
    assert heavy > env.step(jax.random.key(0), state, 1, cartpole.Task())[1].obs[3]

    env = make("pendulum")
    down = pendulum.State(*jnp.array([jnp.pi / 2, 0.0]), jnp.int32(0))
    out = env.step(jax.random.key(0), down, jnp.ones(1), pendulum.Task(4.0, 2.0, 0.5))[1]
    # 3 g / (2 l) sin + 3 u / (m l^2) = 12 + 6, over 0.05 s.
    np.testing.assert_allclose(out.obs[2], 0.05 * 18, rtol=1e-6)


def test_bandit_pays_its_means():
    env = make("bandit", arms=3)
    keys = jax.random.split(jax.random.key(0), 4000)
    means = jax.vmap(env.sample_task)(keys)
    assert means.shape == (4000, 3) and means.min() >= 0 and means.max() <= 1
    np.testing.assert_allclose(means.mean(0), 0.5, atol=0.02)

    task = jnp.array([0.2, 0.9, 0.0])
    for arm, mean in enumerate([0.2, 0.9, 0.0]):
        out = jax.vmap(lambda key, arm=arm: env.step(key, (), jnp.int32(arm), task)[1])(keys)
        assert set(np.unique(out.reward)) <= {0.0, 1.0}
        np.testing.assert_allclose(out.reward.mean(), mean, atol=0.025)
        np.testing.assert_allclose(out.info["expected_reward"], mean)
        assert out.terminated.all() and not out.truncated.any() and out.obs.shape == (4000, 1)
