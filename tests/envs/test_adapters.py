"""The worlds of other packages."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mujoco import MjModel

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, check, make, mujoco, vectorize


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


def test_lengths_of_brax_episodes():
    from jaxdl.envs import brax

    assert set(brax.EPISODE_LENGTHS) == set(brax.NAMES)
    for name, steps in brax.EPISODE_LENGTHS.items():  # the docstring's table states them
        (row,) = (line for line in brax.__doc__.splitlines() if re.search(rf"\b{name}\b.*\|", line))
        assert row.split("|")[2].strip() == str(steps)
    with pytest.raises(BadInput, match="brax/reacher: episode_length=0 should be at least 1"):
        make("brax/reacher:episode_length=0")


@pytest.mark.slow
@pytest.mark.parametrize("name, steps", [("reacher", 50), ("reacher:episode_length=7", 7)])
def test_brax_episodes_are_cut_at_their_length(name, steps):
    env = make(f"brax/{name}")
    state, _ = jax.jit(env.reset)(jax.random.key(0), ())
    step = jax.jit(env.step)
    for time, truncated in ((0, False), (steps - 2, False), (steps - 1, True)):
        _, out = step(jax.random.key(0), state._replace(time=jnp.int32(time)), jnp.zeros(2), ())
        assert not out.terminated and bool(out.truncated) == truncated


def test_controls_have_the_bounds_of_the_mjcf():
    motors = ['ctrlrange="-1 2" ctrllimited="true"', 'ctrlrange="0 100" ctrllimited="true"', ""]
    actuators = "".join(f'<motor joint="j" {motor}/>' for motor in motors)
    body = '<body><joint name="j" type="slide"/><geom size="0.1" mass="1"/></body>'
    xml = f"<mujoco><worldbody>{body}</worldbody><actuator>{actuators}</actuator></mujoco>"
    box = mujoco.action_box(MjModel.from_xml_string(xml))
    assert box == Box((3,), (-1.0, 0.0, -np.inf), (2.0, 100.0, np.inf))
    assert make("mjx/cartpole").action_space == Box((1,), -1.0, 1.0)


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
    assert env.action_space == Box((1,), -2.0, 2.0)
    assert env.obs_space == Box((3,), (-1.0, -1.0, -8.0), (1.0, 1.0, 8.0))
    bounds = np.array(make("gymnax/CartPole-v1").obs_space.high)  # by entry; two have none
    np.testing.assert_allclose(bounds, [4.8, np.inf, 2 * 12 * np.pi / 180, np.inf], rtol=1e-6)
    # Observations are what the space says, also where gymnax's own spaces have another dtype.
    for name in ("Catch-bsuite", "FourRooms-misc"):
        assert make(f"gymnax/{name}").obs_space.dtype == np.float32
        check(make(f"gymnax/{name}"))
    with pytest.raises(BadInput, match="did you mean 'gymnax/CartPole-v1'"):
        make("gymnax/cartpole-v1")
