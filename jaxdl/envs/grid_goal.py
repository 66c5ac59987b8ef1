"""A grid with a hidden goal, the gridworld of Zintgraf et al. 2020 (VariBAD)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Discrete

MOVES = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))  # stay, up, right, down, left, as (x, y)
START = 0  # the cell in the corner where every episode begins
FOUND, ELSEWHERE = 1.0, -0.1  # what a step pays on the goal, and elsewhere


class State(NamedTuple):
    """Holds where an episode stands.

    Attributes:
      place: int32, the cell, x + size * y.
      time: int32 steps since the episode began.
    """

    place: jax.Array
    time: jax.Array


def grid_goal(*, size: int = 5, horizon: int = 15) -> Env:
    """Looks for a hidden goal among the cells of a grid: stay, up, right, down or left (0 .. 4).

    The task is the goal's cell, int32, equally likely to be any but the four nearest to the start
    in a corner. A step pays 1 on the goal and -0.1 elsewhere; a move beyond the edge stays. The
    observation is the cell, int32, so that only the reward tells of the goal. Terminates after
    `horizon` steps, on the goal too. All of it is as in the authors' code
    (github.com/lmzintgraf/varibad, gridworld.py).

    Args:
      size: cells along each side.
      horizon: H, steps of an episode.

    Raises:
      BadInput: a side of fewer than 3 cells, or no step.
    """
    if size < 3 or horizon < 1:
        raise BadInput(
            "grid_goal needs size of at least 3 and horizon of at least 1, "
            f"got size={size} and horizon={horizon}"
        )
    goals = jnp.asarray(possible_goals(size))
    following = jnp.asarray(cells_after(size))

    def sample_task(key):
        return jax.random.choice(key, goals)

    def reset(key, task):
        return State(jnp.int32(START), jnp.int32(0)), jnp.int32(START)

    def step(key, state, action, task):
        place = following[state.place, action]
        state = State(place, state.time + 1)
        reward = jnp.where(place == task, FOUND, ELSEWHERE)
        return state, Step(place, reward, state.time >= horizon, jnp.bool_(False), {})

    return Env(sample_task, reset, step, Discrete(size**2), Discrete(len(MOVES)))


def possible_goals(size: int) -> np.ndarray:
    """Returns the cells [G] int32 that may be the goal: all but the 2 x 2 at the start."""
    y, x = np.indices((size, size)).reshape(2, -1)
    return np.flatnonzero((x > 1) | (y > 1)).astype(np.int32)


def cells_after(size: int) -> np.ndarray:
    """Returns the cell [size^2, 5] int32 that each action leads to from each cell."""
    y, x = np.indices((size, size)).reshape(2, -1, 1)
    dx, dy = np.array(MOVES).T
    x_after = np.clip(x + dx, 0, size - 1)
    y_after = np.clip(y + dy, 0, size - 1)
    return (x_after + size * y_after).astype(np.int32)
