"""The robots of MuJoCo Playground on MJX's JAX backend, named `playground/<name>`.

Its physics are its own: those of its dm_control tasks differ from dm_control's, and from those of
our `mjx/` worlds. Its trainers and wrappers are not used. Arms and legs need MuJoCo Menagerie,
which Playground downloads with git when the first of them is built.
"""

import subprocess
from typing import Any

import jax

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import quiet_mujoco
from jaxdl.envs.names import suggest
from jaxdl.envs.robots import as_env

with quiet_mujoco():
    from mujoco_playground import registry

NAMES = tuple(sorted(registry.ALL_ENVS))


def make(name: str, *, episode_length: int | None = None) -> Env:
    """Builds one of Playground's robots, with neither its episode nor its auto-reset wrapper.

    It is what `jaxdl.envs.robots.as_env` makes of it; some observations are dicts.

    Args:
      name: of the robot.
      episode_length: steps after which an episode is `truncated`; by default Playground's.

    Raises:
      BadInput: the name is unknown, an episode has no step, or Menagerie cannot be downloaded.
    """
    robot, length = load(name)
    length = length if episode_length is None else episode_length
    observed = jax.eval_shape(robot.reset, jax.random.key(0)).obs
    return as_env(f"playground/{name}", robot, observed, episode_length=length)


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
