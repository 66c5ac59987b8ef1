"""The robots of brax 0.14 on the MJX backend, named `brax/<name>`. Its trainers are not used.

An episode is as long as that of Gymnasium's robot of the same name, unless `episode_length` says
otherwise (`brax/reacher:episode_length=200`); brax itself takes 1000 steps for all.

| robot | steps in an episode | seconds |
|---|---|---|
| ant, halfcheetah | 1000 | 50 |
| hopper, walker2d | 1000 | 8 |
| humanoid, humanoidstandup | 1000 | 15 |
| inverted_pendulum, swimmer | 1000 | 40 |
| inverted_double_pendulum | 1000 | 20 |
| pusher | 100 | 5 |
| reacher | 50 | 1 |
"""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.arrays import as_strong, keep_dtypes
from jaxdl.envs.env import Env, Step
from jaxdl.envs.mujoco import quiet_mujoco
from jaxdl.envs.names import suggest
from jaxdl.envs.spaces import Box

with quiet_mujoco():
    from brax import envs
    from brax.mjx import pipeline

# `fast` is brax's stand-in for its own tests, without physics.
NAMES = tuple(sorted(set(envs._envs) - {"fast"}))
EPISODE_LENGTHS = dict.fromkeys(NAMES, 1000) | {"pusher": 100, "reacher": 50}


class State(NamedTuple):
    """Holds where a robot is.

    Attributes:
      brax: brax's own state.
      time: int32 steps since the episode began.
    """

    brax: Any
    time: jax.Array


def make(name: str, *, episode_length: int | None = None) -> Env:
    """Builds one of brax's robots, with neither its episode nor its auto-reset wrapper.

    Observations are unbounded; actions, within [-1, 1], are clipped, and brax maps them to the
    motors. What brax calls done is `terminated`. `info` holds brax's metrics. The task is ().

    Args:
      name: of the robot.
      episode_length: steps after which an episode is `truncated`; by default `EPISODE_LENGTHS`.

    Raises:
      BadInput: the name is unknown, or an episode has no step.
    """
    robot, obs_shape = _load_once(name)
    length = EPISODE_LENGTHS[name] if episode_length is None else episode_length
    if length < 1:
        raise BadInput(f"brax/{name}: episode_length={length} should be at least 1")

    def reset(key, task):
        with jax.default_matmul_precision("highest"):
            start = as_strong(robot.reset(key))
        return State(start, jnp.int32(0)), start.obs

    def step(key, state, action, task):
        before = jax.tree.map(lambda x: x, state.brax)  # brax writes into the dicts of its argument
        # Not the short floats that some accelerators multiply with: they upset contacts.
        with jax.default_matmul_precision("highest"):
            after = robot.step(before, jnp.clip(action, -1.0, 1.0))
        after = keep_dtypes(after, state.brax)
        time = state.time + 1
        terminated = after.done > 0
        truncated = (time >= length) & ~terminated
        info = dict(after.metrics)
        return State(after, time), Step(after.obs, after.reward, terminated, truncated, info)

    actions = Box((robot.action_size,), -1.0, 1.0)
    return Env(lambda key: (), reset, step, Box(obs_shape), actions)


@cache
def _load_once(name: str) -> tuple[envs.Env, tuple[int, ...]]:
    """A robot and the shape of what it observes, which takes a second to trace."""
    robot = load(name)
    return robot, jax.eval_shape(robot.reset, jax.random.key(0)).obs.shape


def load(name: str) -> envs.Env:
    """Loads brax's own env on the MJX backend.

    Its `sys.mj_model` is MuJoCo's model, its `dt` a step's seconds.

    Raises:
      BadInput: the name is unknown.
    """
    if name not in NAMES:
        hint = suggest(name.replace("-", "_"), NAMES, "brax/")
        raise BadInput(f"brax has no env {name!r}{hint}\nit has {', '.join(NAMES)}")
    with quiet_mujoco():
        return _load_swimmer() if name == "swimmer" else envs.get_environment(name, backend="mjx")


def _load_swimmer() -> envs.Env:
    """Moves the swimmer to MJX, which knows drag, from a backend that fails on current JAX."""
    robot: Any = envs.get_environment("swimmer")
    robot._pipeline = pipeline
    robot._backend = "mjx"
    return robot
