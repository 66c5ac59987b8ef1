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
from typing import Any

import jax

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import quiet_mujoco
from jaxdl.envs.names import suggest
from jaxdl.envs.robots import as_env

with quiet_mujoco():
    from brax import envs
    from brax.mjx import pipeline

# `fast` is brax's stand-in for its own tests, without physics.
NAMES = tuple(sorted(set(envs._envs) - {"fast"}))
EPISODE_LENGTHS = dict.fromkeys(NAMES, 1000) | {"pusher": 100, "reacher": 50}


def make(name: str, *, episode_length: int | None = None) -> Env:
    """Builds one of brax's robots, with neither its episode nor its auto-reset wrapper.

    It is what `jaxdl.envs.robots.as_env` makes of it; brax maps actions to the motors.

    Args:
      name: of the robot.
      episode_length: steps after which an episode is `truncated`; by default `EPISODE_LENGTHS`.

    Raises:
      BadInput: the name is unknown, or an episode has no step.
    """
    robot, observed = _load_once(name)
    length = EPISODE_LENGTHS[name] if episode_length is None else episode_length
    return as_env(f"brax/{name}", robot, observed, episode_length=length)


@cache
def _load_once(name: str) -> tuple[envs.Env, jax.ShapeDtypeStruct]:
    """A robot and the shape of what it observes, which takes a second to trace."""
    robot = load(name)
    return robot, jax.eval_shape(robot.reset, jax.random.key(0)).obs


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
