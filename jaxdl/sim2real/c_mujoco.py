"""Policies of the swing-up, played in MuJoCo's own C program: a reality that no training saw.

The physics are written into the MJCF and compiled by MuJoCo, so nothing of what `jaxdl.envs`
computes of them is used. Only observations, rewards and starts are those of `swingup`.
"""

from collections.abc import Callable
from typing import Any

import jax
import mujoco
import numpy as np

from jaxdl.envs import Env
from jaxdl.envs.control.episodes import MAX_STEPS, State
from jaxdl.envs.mjcf import asset_spec
from jaxdl.envs.mjx import XML, Task, observe, score

# carry, obs [N, O], first [N] -> carry, action [N, 1].
Act = Callable[[Any, jax.Array, jax.Array], tuple[Any, jax.Array]]


def compile_cartpole(task: Task) -> mujoco.MjModel:
    """Compiles the cartpole's MJCF with a task's constants."""
    spec = asset_spec(XML)
    spec.option.gravity = [0.0, 0.0, -float(task.gravity)]
    spec.geom("cart").mass = float(task.cart_mass)
    spec.geom("pole").mass = float(task.pole_mass)
    spec.geom("pole").fromto = [0.0, 0.0, 0.0, 0.0, 0.0, float(task.pole_length)]
    spec.joint("slide").damping[0] = float(task.cart_damping)
    spec.joint("hinge").damping[0] = float(task.pole_damping)
    spec.actuator("push").gear[0] = float(task.force)
    return spec.compile()


def returns_in_c(
    key: jax.Array,
    env: Env,
    tasks: Task,
    act: Act,
    carry: Any,
    *,
    action_repeat: int = 1,
    steps: int = MAX_STEPS,
) -> np.ndarray:
    """Plays one swing-up in each of N physics, and returns what each earned, [N].

    Args:
      key: of the starts.
      env: the swing-up, which draws the starts.
      tasks: leaves [N].
      act: the policy. Its observation is the world's own, followed by the last action.
      carry: leaves [N, ...], the policy's memory; () without one.
      action_repeat: steps of MuJoCo in each action.
      steps: of MuJoCo, in an episode.
    """
    rows = len(jax.tree.leaves(tasks)[0])
    models = [
        compile_cartpole(jax.tree.map(lambda x, row=row: x[row], tasks)) for row in range(rows)
    ]
    worlds = [mujoco.MjData(model) for model in models]
    starts, _ = jax.vmap(env.reset)(jax.random.split(key, rows), tasks)
    for world, qpos, qvel in zip(worlds, np.asarray(starts.qpos), starts.qvel, strict=True):
        world.qpos[:], world.qvel[:] = qpos, qvel

    def seen():
        places, speeds = ([getattr(w, name) for w in worlds] for name in ("qpos", "qvel"))
        return State(np.float32(places), np.float32(speeds), np.zeros(rows, np.int32))

    look = jax.jit(jax.vmap(observe))
    rate = jax.jit(jax.vmap(score))
    play = jax.jit(act)
    action = np.zeros((rows, 1), np.float32)
    earned = np.zeros(rows)
    for time in range(steps):
        if time % action_repeat == 0:
            obs = np.concatenate([look(seen()), action], axis=1)
            carry, action = play(carry, obs, np.full(rows, time == 0))
            action = np.asarray(action)
        for model, world, push in zip(models, worlds, np.clip(action, -1, 1), strict=True):
            world.ctrl[:] = push
            mujoco.mj_step(model, world)
        earned += np.asarray(rate(seen(), np.clip(action, -1, 1)))
    return earned
