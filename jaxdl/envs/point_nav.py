"""A point in the plane that shall find a hidden goal: Finn et al. 2017 (MAML), section 5.3."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box

REACH = 0.5  # of goals along each axis
SPEED = 0.1  # the farthest move along each axis in a step
NEAR = 0.01  # of the goal along each axis, where an episode ends


class State(NamedTuple):
    """Holds where the point is.

    Attributes:
      place: [2].
      time: int32 steps since the episode began.
    """

    place: jax.Array
    time: jax.Array


def point_nav(*, steps: int = 100) -> Env:
    """Moves a point to a goal that only the reward tells of, by up to 0.1 along each axis [2].

    The task is the goal [2], from U[-0.5, 0.5] along each axis; episodes begin at the origin. The
    observation [2] is where the point is, unbounded. The reward is minus the distance to the goal
    after the move, as in the authors' code (github.com/cbfinn/maml_rl, point_env_randgoal.py); the
    paper is said to square it. Terminates within 0.01 of the goal along both axes.

    Args:
      steps: after which an episode is truncated.

    Raises:
      BadInput: fewer than one step.
    """
    if steps < 1:
        raise BadInput(f"point_nav needs at least 1 step, got steps={steps}")

    def sample_task(key):
        return jax.random.uniform(key, (2,), minval=-REACH, maxval=REACH)

    def reset(key, task):
        return State(jnp.zeros(2), jnp.int32(0)), jnp.zeros(2)

    def step(key, state, action, task):
        place = state.place + jnp.clip(action, -SPEED, SPEED)
        state = State(place, state.time + 1)
        reward = -_length(place - task)
        is_there = jnp.all(jnp.abs(place - task) < NEAR)
        is_late = (state.time >= steps) & ~is_there
        return state, Step(place, reward, is_there, is_late, {})

    return Env(sample_task, reset, step, Box((2,)), Box((2,), -SPEED, SPEED))


def informed_return(goal: jax.Array, *, steps: int = 100) -> jax.Array:
    """Returns what one earns at most who knows the goal, a scalar.

    Along each axis it goes as fast as it can; no other path is nearer to the goal at any time.

    Args:
      goal: [2].
      steps: of an episode.
    """
    moved = SPEED * jnp.arange(1, steps + 1)[:, None]
    left = jnp.maximum(jnp.abs(goal) - moved, 0.0)  # [T, 2]
    return -jnp.sum(_length(left))


def _length(vector: jax.Array) -> jax.Array:
    """Returns the length of vectors [..., 2], whose gradient at 0 nobody asks for."""
    return jnp.sqrt(jnp.sum(vector**2, axis=-1))
