"""What brax's and MuJoCo Playground's robots share: one interface of theirs, made an Env."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.arrays import as_strong, keep_dtypes
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box


class State(NamedTuple):
    """Holds where a robot is.

    Attributes:
      robot: the library's own state.
      time: int32 steps since the episode began.
    """

    robot: Any
    time: jax.Array


def as_env(name: str, robot: Any, observed: Any, *, episode_length: int) -> Env:
    """Makes a world of a robot that has neither an episode nor an auto-reset wrapper.

    Observations are unbounded; actions, within [-1, 1], are clipped. What the library calls done is
    `terminated`; `info` holds its metrics. The task is ().

    Args:
      name: of the world, for messages.
      robot: with `reset(key)` and `step(state, action)`, whose states hold `obs`, `reward`, `done`
        and `metrics`.
      observed: shapes and dtypes of what it observes.
      episode_length: steps after which an episode is `truncated`.

    Raises:
      BadInput: an episode has no step.
    """
    if episode_length < 1:
        raise BadInput(f"{name}: episode_length={episode_length} should be at least 1")

    def reset(key, task):
        with jax.default_matmul_precision("highest"):
            start = as_strong(robot.reset(key))
        return State(start, jnp.int32(0)), start.obs

    def step(key, state, action, task):
        before = jax.tree.map(lambda x: x, state.robot)  # the dicts of an argument are written into
        # Not the short floats that some accelerators multiply with: they upset contacts.
        with jax.default_matmul_precision("highest"):
            after = robot.step(before, jnp.clip(action, -1.0, 1.0))
        after = keep_dtypes(after, state.robot)
        time = state.time + 1
        terminated = after.done > 0
        truncated = (time >= episode_length) & ~terminated
        reward = jnp.asarray(after.reward, jnp.float32)
        info = dict(after.metrics)
        return State(after, time), Step(after.obs, reward, terminated, truncated, info)

    obs_space = jax.tree.map(lambda x: Box(x.shape, dtype=x.dtype), observed)
    return Env(lambda key: (), reset, step, obs_space, Box((robot.action_size,), -1.0, 1.0))
