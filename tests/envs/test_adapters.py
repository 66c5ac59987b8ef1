"""The worlds of other packages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import make, vectorize


@pytest.mark.slow
def test_brax_inverted_pendulum():
    env = make("brax/inverted_pendulum", episode_length=8)
    assert env.obs_space.shape == (4,) and env.action_space.shape == (1,)
    worlds = vectorize(env, 4)

    def body(state, key):
        # Two worlds are pushed over (the action is clipped), two are left alone.
        after, out = worlds.step(key, state, jnp.array([[1.0], [50.0], [0.0], [0.0]]))
        return after, (state, out)

    def run(key):
        return jax.lax.scan(body, worlds.reset(key), jax.random.split(key, 24))

    last, (before, out) = jax.tree.map(np.asarray, jax.jit(run)(jax.random.key(0)))
    assert np.isfinite(out.obs).all()
    np.testing.assert_array_equal(out.reward, 1)
    np.testing.assert_array_equal(out.terminated, np.abs(out.obs[..., 1]) > 0.2)
    np.testing.assert_array_equal(out.truncated, (before.env.time == 7) & ~out.terminated)
    assert out.terminated[:, :2].any() and not out.terminated[:, 2:].any()
    assert out.truncated[[7, 15, 23], 2:].all()
    # Two physics steps of 0.02 s: the cart moves by about its mean speed times 0.04 s.
    moved = out.obs[..., 0] - before.obs[..., 0]
    speed = (out.obs[..., 2] + before.obs[..., 2]) / 2
    np.testing.assert_allclose(moved, 0.04 * speed, atol=0.04)
    # New starts near rest, each of them different.
    starts = before.obs[before.env.time == 0]
    assert np.abs(starts).max() <= 0.01 and len(np.unique(starts[:, 0])) == len(starts)


def test_brax_names_its_robots():
    with pytest.raises(BadInput, match="did you mean 'brax/halfcheetah'"):
        make("brax/HalfCheetah-v4")
    with pytest.raises(BadInput, match="ant, .*walker2d"):
        make("brax/submarine")


@pytest.mark.parametrize("name, action", [("CartPole-v1", 1), ("MountainCar-v0", 0)])
def test_gymnax_plays_as_gymnax(name, action):
    pytest.importorskip("gymnax")
    import gymnax

    theirs, params = gymnax.make(name)
    env = make(f"gymnax/{name}")
    if not hasattr(theirs, "is_truncated"):
        pytest.skip("gymnax 0.0.9 merges the two kinds of ends")

    def body(state, key):
        step_key, _ = jax.random.split(key)  # as gymnax does
        ours_state, ours = env.step(step_key, state, jnp.int32(action), ())
        obs, state, reward, terminated, truncated, info = theirs.step(key, state, action, params)
        expected = (info["final_observation"], reward, terminated, truncated)
        state = jax.tree.map(lambda x, old: jnp.asarray(x, old.dtype), state, ours_state)
        return state, (ours, expected, ours_state.time)

    def run(key):
        state, _ = env.reset(key, ())
        return jax.lax.scan(body, state, jax.random.split(key, 250))[1]

    ours, expected, time = jax.jit(run)(jax.random.key(0))
    for value, theirs_value in zip(ours[:4], expected, strict=True):
        np.testing.assert_allclose(value, theirs_value, rtol=1e-6)
    if name == "CartPole-v1":
        assert ours.terminated.sum() > 5 and not ours.truncated.any()
    else:
        np.testing.assert_array_equal(ours.truncated, time == 200)
        assert ours.truncated.sum() == 1 and not ours.terminated.any()
    assert ours.reward.dtype == jnp.float32


def test_gymnax_spaces_and_names():
    pytest.importorskip("gymnax")
    env = make("gymnax/Pendulum-v1")
    assert env.action_space == env.action_space._replace(shape=(1,), low=-2.0, high=2.0)
    assert make("gymnax/CartPole-v1").obs_space.high == np.inf
    with pytest.raises(BadInput, match="did you mean 'gymnax/CartPole-v1'"):
        make("gymnax/cartpole-v1")
