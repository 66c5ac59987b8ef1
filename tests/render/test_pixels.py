"""Worlds seen by a camera."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import Box, Env, Step, make, vectorize
from jaxdl.envs import mjx as worlds
from jaxdl.envs.mujoco import put_on_device, read_asset
from jaxdl.render import Ranges, default_look, pixels, render, sample_look, scene, segmentation
from tests.render.oracle import parse


class Ball(NamedTuple):
    x: jax.Array
    time: jax.Array


MODEL, DATA = parse(
    "<camera pos='0 0 3'/><geom name='ball' size='0.2' rgba='1 0 0 1'/>"
    "<geom type='plane' size='0 0 1' pos='0 0 -1' rgba='0 0 1 1'/>"
)
SCENE = scene(MODEL, height=20, width=24)
STILL = Ranges(camera_shift=0.0, camera_turn=0.0, fovy=0.0)


def poses(state, task):
    xpos = jnp.asarray(DATA.geom_xpos, jnp.float32).at[0, 0].set(state.x)
    return xpos, DATA.geom_xmat, DATA.cam_xpos, DATA.cam_xmat


def rolling(ends_at=5, cut_at=100):
    """A ball that an action shifts along x. The reward of step t is 10^t, and so tells which."""

    def reset(key, task):
        return Ball(jnp.float32(-0.5), jnp.int32(0)), jnp.zeros(2)

    def step(key, state, action, task):
        out = Step(
            jnp.zeros(2),
            10.0**state.time,
            state.time + 1 == ends_at,
            state.time + 1 >= cut_at,
            {"time": state.time},
        )
        return Ball(state.x + action[0], state.time + 1), out

    return Env(lambda key: (), reset, step, Box((2,)), Box((1,), -1.0, 1.0))


@jax.jit
def picture(x):
    return render(SCENE, default_look(SCENE), poses(Ball(x, 0), ()))


def test_stacks_pictures_and_repeats_actions():
    env = pixels(rolling(), SCENE, poses=poses, frame_stack=3, action_repeat=2)
    assert env.obs_space == Box((20, 24, 9), 0, 255, jnp.uint8)
    key = jax.random.key(0)
    task = env.sample_task(key)
    state, obs = jax.jit(env.reset)(key, task)
    assert obs.dtype == jnp.uint8
    first = picture(-0.5)
    np.testing.assert_array_equal(obs, np.tile(first, 3))
    step = jax.jit(env.step)
    state, out = step(key, state, jnp.array([0.1]), task)
    np.testing.assert_array_equal(out.obs, np.concatenate([first, first, picture(-0.3)], -1))
    assert out.reward == 11 and not out.terminated and out.info["time"] == 1
    state, out = step(key, state, jnp.array([0.2]), task)
    expected = [first, picture(-0.3), picture(0.1)]
    assert np.abs(np.int32(out.obs) - np.concatenate(expected, -1)).max() <= 1
    assert out.reward == 1100 and not out.terminated


@pytest.mark.parametrize(("name", "ends"), [("terminated", (5, 100)), ("truncated", (100, 5))])
def test_nothing_happens_after_the_end(name, ends):
    env = pixels(rolling(*ends), SCENE, poses=poses, frame_stack=1, action_repeat=4)
    key = jax.random.key(0)
    task = env.sample_task(key)
    state, _ = jax.jit(env.reset)(key, task)
    step = jax.jit(env.step)
    state, out = step(key, state, jnp.array([0.1]), task)
    assert out.reward == 1111 and not out.terminated and not out.truncated
    state, out = step(key, state, jnp.array([0.1]), task)
    assert out.reward == 10_000  # of the fifth step alone
    assert {"terminated": out.terminated, "truncated": out.truncated}[name]
    assert out.terminated != out.truncated
    assert state.world.time == 5 and out.info["time"] == 4
    np.testing.assert_allclose(state.world.x, 0.0, atol=1e-6)
    assert np.abs(np.int32(out.obs) - picture(0.0)).max() <= 1


def test_vectorized_worlds_look_different_and_begin_again():
    def looks(key, task):
        return sample_look(key, SCENE, STILL)

    env = pixels(rolling(), SCENE, poses=poses, sample_look=looks, frame_stack=2, action_repeat=2)
    many = vectorize(env, 3)
    step = jax.jit(many.step)
    state = jax.jit(many.reset)(jax.random.key(0))
    assert state.obs.shape == (3, 20, 24, 6)
    assert len(np.unique(np.asarray(state.obs).reshape(3, -1), axis=0)) == 3
    for t in range(3):
        before = state
        state, out = step(jax.random.key(t), state, jnp.full((3, 1), 0.1))
        assert np.all(out.terminated == (t == 2))
        np.testing.assert_array_equal(out.obs[..., :3], before.obs[..., 3:])
    np.testing.assert_array_equal(state.stats.ended_return, [11111] * 3)
    np.testing.assert_array_equal(state.obs[..., :3], state.obs[..., 3:])  # a first picture, twice
    assert not np.array_equal(state.obs[0], before.obs[0])
    changed = jax.tree.map(lambda a, b: not np.array_equal(a, b), state.task.look, before.task.look)
    assert changed.rgb and changed.light


@pytest.mark.slow
def test_mjx_cartpole_is_seen_as_it_stands():
    model = read_asset("cartpole.xml")
    drawn = scene(model, camera="side", height=32, width=32)
    poses_of = worlds.cartpole_poses()
    on_device, _ = put_on_device(model)
    rows = jnp.array(drawn.ids)

    def looks(key, task):
        size = worlds.physics(on_device, task).geom_size[rows]  # poles are as long as they look
        return sample_look(key, drawn, STILL)._replace(size=size)

    settings = {"poses": poses_of, "sample_look": looks, "frame_stack": 2, "action_repeat": 2}
    env = pixels(make("mjx/cartpole", randomize=0.5), drawn, **settings)
    many = vectorize(env, 4)

    def run(key):
        state = many.reset(key)
        step = lambda state, key: many.step(key, state, jnp.ones((4, 1)))  # noqa: E731
        return jax.lax.scan(step, state, jax.random.split(key, 3))

    state, out = jax.jit(run)(jax.random.key(0))
    assert out.obs.shape == (3, 4, 32, 32, 6) and out.obs.dtype == jnp.uint8
    assert np.all(state.env.world.time == 6) and np.all(out.reward > 1)  # two steps, upright

    still = state.task.look._replace(sensor_noise=jnp.zeros(4), blur=jnp.zeros(4))
    view = jax.vmap(poses_of)(state.env.world, state.task.world)
    sharp = np.int32(jax.jit(jax.vmap(partial(render, drawn)))(still, view))
    noise = np.int32(state.obs[..., 3:]) - sharp
    assert np.abs(noise).mean() < 20 and np.abs(noise).max() > 0  # the sensor's

    lengths = state.task.world.pole_length
    assert lengths.max() / lengths.min() > 1.1
    seen = jax.jit(jax.vmap(partial(segmentation, drawn)))(still, view)
    top = np.argmax((seen == 2).any(2), 1)  # the row of the pole's tip, from 4 m at 45 degrees
    height = (lengths + 0.045) * jnp.cos(state.env.world.qpos[:, 1]) / 4
    np.testing.assert_allclose(top, 16 - 16 * height / np.tan(np.pi / 8), atol=1.5)
