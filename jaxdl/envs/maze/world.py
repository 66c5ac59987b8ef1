"""Mazes to be searched in first person for a red cell (Duan et al. 2016, section 3.3).

Rewards, pictures and sizes are said to be the paper's; how its agent moves is not known here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.maze.camera import take_picture
from jaxdl.envs.maze.layout import (
    LARGEST,
    SMALLEST,
    Maze,
    as_index,
    count_lots,
    dig_maze,
    is_wall_ahead,
    neighbor,
    turned,
)
from jaxdl.envs.spaces import Box, Discrete, Space

FORWARD, LEFT, RIGHT = range(3)  # actions
STEP_REWARD, TARGET_REWARD, HIT_REWARD = -0.04, 1.0, -0.001
LEAST_SIDE, MOST_SIDE = 8, 256  # pixels of a picture


class Task(NamedTuple):
    """Holds a maze, and what is to be found in it from where.

    Attributes:
      maze: the walls.
      start: [2] int32, row and column of the first cell of every episode.
      heading: int32, there.
      target: [2] int32, another cell.
    """

    maze: Maze
    start: jax.Array
    heading: jax.Array
    target: jax.Array


class State(NamedTuple):
    """Holds where the agent is.

    Attributes:
      row: int32.
      column: int32.
      heading: int32; 0 east, 1 south, 2 west, 3 north.
      time: int32 steps since the episode began.
    """

    row: jax.Array
    column: jax.Array
    heading: jax.Array
    time: jax.Array


Observe = Callable[[State, Task], Any]  # -> what is observed


def maze(*, size: int = 5, width: int = 40, height: int = 30, limit: int = 250) -> Env:
    """Searches a random maze in first person for a cell that is painted red.

    The task is the maze, drawn by a depth-first search, the target, and where and how the agent
    stands at the beginning of each episode: within a trial all of them stay. It stands in the
    middle of a cell and looks to one of four sides. It goes ahead by a cell (0), or makes a quarter
    turn to the left (1) or to the right (2). A step costs 0.04, one into a wall, which leads
    nowhere, 0.001 more; the target pays 1 and terminates. The observation is a picture
    [height, width, 3] uint8 with a field of view of 90 degrees, in which walls are darker the
    farther they are. `info["hit"]` is 1 for a step into a wall.

    Args:
      size: cells along a side; the paper's small mazes are said to have 5, its large ones 9.
      width: pixels.
      height: pixels.
      limit: steps after which an episode is truncated.

    Raises:
      BadInput: fewer than 2 cells or more than 31, a picture with an odd width or of less than
        8 x 8 or more than 256 x 256 pixels, or no step.
    """
    if not (LEAST_SIDE <= min(width, height) and max(width, height) <= MOST_SIDE):
        raise BadInput(f"maze: a picture of {width} x {height} pixels; should be "
                       f"{LEAST_SIDE} to {MOST_SIDE} along each side")  # fmt: skip
    if width % 2:
        raise BadInput(f"maze: width={width} should be even, so that no ray runs along a wall")

    def see(state, task):
        place = state.row, state.column, state.heading
        return take_picture(task.maze, task.target, *place, height=height, width=width)

    return maze_observed(see, Box((height, width, 3), 0, 255, jnp.uint8), size=size, limit=limit)


def maze_observed(observe: Observe, space: Space, *, size: int = 5, limit: int = 250) -> Env:
    """Makes the same world with other observations.

    Args:
      observe: state, task -> observation.
      space: of the observations.
      size: as for `maze`.
      limit: as for `maze`.

    Raises:
      BadInput: as `maze` does for these.
    """
    if not SMALLEST <= size <= LARGEST:
        raise BadInput(f"maze: size={size} should be {SMALLEST} to {LARGEST} cells along a side")
    if limit < 1:
        raise BadInput(f"maze: limit={limit} should be at least 1 step")

    def sample_task(key):
        # All chance in one draw, which compiles faster than several.
        lots = jax.random.uniform(key, (count_lots(size) + 3,))
        start = as_index(lots[0], size**2)
        target = (start + 1 + as_index(lots[1], size**2 - 1)) % size**2
        return Task(
            dig_maze(lots[3:]),
            jnp.stack([start // size, start % size]),
            as_index(lots[2], 4),
            jnp.stack([target // size, target % size]),
        )

    def reset(key, task):
        del key
        state = State(task.start[0], task.start[1], task.heading, jnp.int32(0))
        return state, observe(state, task)

    def step(key, state, action, task):
        del key
        state, hit = move(state, action, task.maze)
        found = (state.row == task.target[0]) & (state.column == task.target[1])
        reward = STEP_REWARD + TARGET_REWARD * found + HIT_REWARD * hit
        info = {"hit": hit.astype(jnp.float32)}
        late = (state.time >= limit) & ~found
        return state, Step(observe(state, task), reward.astype(jnp.float32), found, late, info)

    return Env(sample_task, reset, step, space, Discrete(3))


def move(state: State, action: jax.Array, maze: Maze) -> tuple[State, jax.Array]:
    """Takes a step.

    Args:
      state: before.
      action: int32 scalar.
      maze: the walls.

    Returns:
      The state, and whether the agent went into a wall, a bool scalar.
    """
    goes = action == FORWARD
    is_blocked = is_wall_ahead(maze, state.row, state.column, state.heading)
    row, column = neighbor(state.row, state.column, state.heading)
    moves = goes & ~is_blocked
    quarters = jnp.where(action == RIGHT, 1, jnp.where(action == LEFT, 3, 0))
    after = State(
        jnp.where(moves, row, state.row),
        jnp.where(moves, column, state.column),
        turned(state.heading, quarters),
        state.time + 1,
    )
    return after, goes & is_blocked
