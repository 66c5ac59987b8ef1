"""The robots of MuJoCo Playground on MJX's JAX backend, named `playground/<name>`.

Its physics are its own: those of its dm_control tasks differ from dm_control's, and from those of
our `mjx/` worlds. Its trainers and wrappers are not used. Arms and legs need MuJoCo Menagerie,
which Playground downloads with git when the first of them is built.
"""

import subprocess
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
    from mujoco_playground import registry

NAMES = tuple(sorted(registry.ALL_ENVS))


class State(NamedTuple):
    """Holds where a robot is.

    Attributes:
      playground: Playground's own state.
      time: int32 steps since the episode began.
    """

    playground: Any
    time: jax.Array


def make(name: str, *, episode_length: int | None = None) -> Env:
    """Builds one of Playground's robots, with neither its episode nor its auto-reset wrapper.

    Observations are unbounded; some are dicts. Actions, within [-1, 1], are clipped. What
    Playground calls done is `terminated`; `info` holds its metrics. The task is ().

    Args:
      name: of the robot.
      episode_length: steps after which an episode is `truncated`; by default Playground's.

    Raises:
      BadInput: the name is unknown, an episode has no step, or Menagerie cannot be downloaded.
    """
    robot, length = load(name)
    length = length if episode_length is None else episode_length
    if length < 1:
        raise BadInput(f"playground/{name}: episode_length={length} should be at least 1")
    observed = jax.eval_shape(robot.reset, jax.random.key(0)).obs
    obs_space = jax.tree.map(lambda x: Box(x.shape, dtype=x.dtype), observed)

    def reset(key, task):
        with jax.default_matmul_precision("highest"):
            start = as_strong(robot.reset(key))
        return State(start, jnp.int32(0)), start.obs

    def step(key, state, action, task):
        before = jax.tree.map(lambda x: x, state.playground)  # its dicts are written into
        # Not the short floats that some accelerators multiply with: they upset contacts.
        with jax.default_matmul_precision("highest"):
            after = robot.step(before, jnp.clip(action, -1.0, 1.0))
        after = keep_dtypes(after, state.playground)
        time = state.time + 1
        terminated = after.done > 0
        truncated = (time >= length) & ~terminated
        reward = jnp.asarray(after.reward, jnp.float32)
        return State(after, time), Step(
            after.obs, reward, terminated, truncated, dict(after.metrics)
        )

    actions = Box((robot.action_size,), -1.0, 1.0)
    return Env(lambda key: (), reset, step, obs_space, actions)


def load(name: str) -> tuple[Any, int]:
    """Loads Playground's own env on the JAX backend, and how many steps its episodes have.

    Raises:
      BadInput: the name is unknown, or Menagerie cannot be downloaded.
    """
    if name not in NAMES:
        hint = suggest(name, NAMES, "playground/")
        raise BadInput(f"Playground has no env {name!r}{hint}\nit has {', '.join(NAMES)}")
    config = registry.get_default_config(name)
    overrides: dict[str, Any] = {"impl": "jax"} if "impl" in config else {}
    try:
        with quiet_mujoco():
            robot = registry.load(name, config_overrides=overrides)
    except (OSError, subprocess.SubprocessError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(
            f"playground/{name} needs MuJoCo Menagerie, which git could not download: {reason}"
        ) from None
    return robot, int(config.episode_length)
