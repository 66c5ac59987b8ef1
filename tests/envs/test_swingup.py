"""The cartpole by its equations, against MuJoCo in C; worlds with repeated actions."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Env, Step, check, make
from jaxdl.envs import mjx as worlds
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.repeat import repeat_actions
from jaxdl.envs.swingup import RAIL, move, poses
from tests.envs.test_mjx import compiled


def test_steps_and_poses_are_mujocos_in_c():
    """From random states, also with other constants; where the rail does not end."""
    tasks = worlds.Task(), worlds.Task(True, 2.0, 0.4, 0.6, 0.1, 0.02, 7.0, 5.0)
    draws = np.random.default_rng(0)
    place = poses()
    for task in tasks:
        model = compiled(task)
        data = mujoco.MjData(model)
        step = jax.jit(lambda q, v, u, task=task: move(q, v, task.force * u, task))
        for _ in range(50):
            qpos, qvel = draws.uniform(-1, 1, 2) * [1.2, 4.0], draws.normal(size=2)
            push = draws.uniform(-1, 1)
            data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, push
            mujoco.mj_step(model, data)
            ours = step(jnp.float32(qpos), jnp.float32(qvel), jnp.float32(push))
            np.testing.assert_allclose(ours[0], data.qpos, atol=1e-5)
            np.testing.assert_allclose(ours[1], data.qvel, atol=1e-4)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        state = worlds.State(jnp.float32(data.qpos), jnp.zeros(2), jnp.int32(0))
        for name, found in place(state, task)._asdict().items():
            expected = getattr(data, name).reshape(found.shape)
            np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


def test_the_cart_stops_at_the_ends_of_the_rail():
    task = worlds.Task()
    qpos, qvel = move(jnp.array([RAIL - 1e-3, 3.0]), jnp.array([2.0, 0.0]), 10.0, task)
    assert float(qpos[0]) == np.float32(RAIL) and float(qvel[0]) == 0.0
    qpos, qvel = move(qpos, qvel, -10.0, task)
    assert float(qpos[0]) < RAIL and float(qvel[0]) < 0


def test_an_impact_keeps_the_momentum_of_the_angle():
    """Beside the same step on a longer rail: where nothing is hit, both are the same."""
    task = worlds.Task(False, 1.5, 0.4, 0.8)
    angle, qvel = 0.7, jnp.array([2.0, -1.0])
    free = move(jnp.array([0.0, angle]), qvel, 3.0, task)[1]
    for end in (-1, 1):
        hit = move(
            jnp.array([end * (RAIL - 1e-3), angle]), end * qvel, 3.0 * end, task, impact=True
        )
        mirrored = move(jnp.array([0.0, angle]), end * qvel, 3.0 * end, task)[1]
        lever = 0.4 * 0.8 / 2
        turning = worlds.capsule_inertia(0.4, worlds.POLE_RADIUS, 0.8)[0] + lever * 0.4
        expected = mirrored[1] + lever * np.cos(angle) / turning * mirrored[0]
        np.testing.assert_allclose(hit[1], [0.0, expected], rtol=1e-5)
    far = move(jnp.array([0.0, angle]), qvel, 3.0, task, impact=True)[1]
    np.testing.assert_array_equal(far, free)


def test_observations_rewards_and_starts_are_those_of_the_other_cartpole():
    ours, other = make("swingup", randomize=0.3), make("mjx/cartpole:task=swingup,randomize=0.3")
    check(ours)
    key = jax.random.key(0)
    task = ours.sample_task(key)
    state, obs = ours.reset(key, task)
    theirs = other.reset(key, other.sample_task(key))
    np.testing.assert_array_equal(obs, theirs[1])
    state, out = jax.jit(ours.step)(key, state, jnp.array([0.5]), task)
    place, cos, _, _, turn = np.float64(out.obs)
    upright, centered = (1 + cos) / 2, (1 + 0.1 ** (place / 2) ** 2) / 2
    slow = (1 + 0.1 ** (turn / 5) ** 2) / 2
    np.testing.assert_allclose(out.reward, upright * centered * slow * (5 - 0.25) / 5, rtol=1e-5)
    with pytest.raises(BadInput, match="randomize=1.0 should be at least 0 and below 1"):
        make("swingup", randomize=1.0)
    assert read_asset("cartpole.xml").opt.timestep == 0.01


def counting(ends_at=5, cut_at=100):
    """Pays 10^t in step t, so that a sum tells which steps were taken."""

    def step(key, time, action, task):
        end, late = time + 1 >= ends_at, time + 1 >= cut_at
        return time + 1, Step(time[None] + 1.0, 10.0**time, end, late, {"time": time}, 0.5)

    reset = lambda key, task: (jnp.int32(0), jnp.zeros(1))  # noqa: E731
    return Env(lambda key: (), reset, step, Box((1,)), Box((1,), -1.0, 1.0))


@pytest.mark.parametrize(("name", "ends"), [("terminated", (5, 100)), ("truncated", (100, 5))])
def test_actions_are_repeated_until_the_end(name, ends):
    env = repeat_actions(counting(*ends), 4)
    step = jax.jit(env.step)
    state, _ = env.reset(jax.random.key(0), ())
    state, out = step(jax.random.key(0), state, jnp.zeros(1), ())
    assert out.reward == 1 + 5 + 25 + 125 and out.discount == 0.5**4 and out.obs == 4
    assert not out.terminated and not out.truncated and out.info["time"] == 3
    state, out = step(jax.random.key(0), state, jnp.zeros(1), ())
    assert out.reward == 10_000 and out.discount == 0.5 and out.obs == 5 and state == 5
    assert {"terminated": out.terminated, "truncated": out.truncated}[name]
    assert repeat_actions(env, 1) is env
