"""The contract of worlds. An `Env` is a family of tasks that share one set of pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxdl.envs.spaces import Space

Task = Any  # pytree of arrays
EnvState = Any  # pytree of arrays
Obs = Any  # an element of the observation space
Action = Any  # an element of the action space


class Step(NamedTuple):
    """Holds what a world answers to an action.

    Attributes:
      obs: the observation after the action; at an episode's end the last one of that episode.
      reward: float32 scalar.
      terminated: bool scalar; the episode ended in a state whose value is zero.
      truncated: bool scalar; the episode was cut, and its last state still has a value.
      info: dict of arrays, the same at every step; learners average it under `info/`.
      discount: float32 scalar within [0, 1] that multiplies the learner's discount in this step,
        for options that last several steps and for games. It is 1 in most worlds.
    """

    obs: Obs
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    info: dict[str, jax.Array]
    discount: jax.Array | float = 1.0


SampleTask = Callable[[jax.Array], Task]
Reset = Callable[[jax.Array, Task], tuple[EnvState, Obs]]
StepFunction = Callable[[jax.Array, EnvState, Action, Task], tuple[EnvState, Step]]


class Env(NamedTuple):
    """Describes a family of worlds, of which the task, an argument, picks one.

    Attributes:
      sample_task: key -> task, a pytree: arm means, a maze, masses; () where there is one task.
      reset: key, task -> state, obs.
      step: key, state, action, task -> state, Step. State keeps its structure, shapes and dtypes.
      obs_space: of one world.
      action_space: of one world.
    """

    sample_task: SampleTask
    reset: Reset
    step: StepFunction
    obs_space: Space
    action_space: Space
