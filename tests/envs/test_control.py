"""Our worlds of dm_control's tasks against its recorded trajectories, and against MuJoCo in C."""

import importlib

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.envs.control.episodes import Moment

RECORDED = {
    "reacher": "reacher-easy",
    "cheetah": "cheetah-run",
    "walker": "walker-walk",
    "finger": "finger-spin",
    "ball_in_cup": "ball_in_cup-catch",
}


def design_of(name, *settings):
    return importlib.import_module(f"jaxdl.envs.control.{name}").design(*settings)


def recording(real_data, name):
    recorded = np.load(real_data / "mjcf/dmc_traj.npz")
    names = ("qpos", "qvel", "act", "rew", "obs", "dt")
    return [recorded[f"{RECORDED[name]}/{part}"] for part in names]


def goal_of(real_data, name, design):
    if name != "reacher":
        return design.draw_goal(jax.random.key(0))
    target = np.load(real_data / "mjcf/dmc_traj.npz")["reacher-easy/target"]
    goal = design.draw_goal(jax.random.key(0))
    assert goal.radius == np.float32(target[3])
    return goal._replace(place=jnp.float32(target[:2]))


def exact(compiled):
    """The model with dm_control's settings of the solver, which ours are a faster choice of."""
    compiled.opt.iterations = 200
    compiled.opt.ls_iterations = 50
    compiled.opt.tolerance = 1e-8
    return compiled


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_trajectories_of_dm_control(real_data, name):
    qpos, qvel, action, reward, obs, (seconds, timestep, *_) = recording(real_data, name)
    design = design_of(name)
    goal = goal_of(real_data, name, design)
    model = exact(design.mechanism.compiled)
    assert model.opt.timestep == timestep
    assert design.mechanism.steps * timestep == pytest.approx(seconds)
    data = mujoco.MjData(model)
    data.qpos = qpos[0]
    data.qvel = qvel[0]
    observe = jax.jit(design.observe)
    judge = jax.jit(design.reward)
    for t in range(60):
        data.ctrl = action[t]
        for _ in range(design.mechanism.steps):
            mujoco.mj_step(model, data)
        np.testing.assert_allclose(data.qpos, qpos[t + 1], atol=1e-10)
        np.testing.assert_allclose(data.qvel, qvel[t + 1], atol=1e-9)
        joints = jnp.float32(data.qpos), jnp.float32(data.qvel)
        moment = Moment(design.mechanism.model, *joints, jnp.float32(data.sensordata))
        np.testing.assert_allclose(observe(moment, goal), obs[t], rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(judge(moment, goal), reward[t], rtol=1e-4, atol=1e-6)
