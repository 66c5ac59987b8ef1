"""A maze that is felt and not seen: whoever walks there knows which neighbor cells are walls.

After the partially observable mazes of Schmidhuber, Zhao & Wiering 1997: all corridor cells look
alike, so that what is sensed now does not tell what to do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Discrete

# Rows and columns: up, right, down, left. A turn to the right is the next one.
HEADINGS = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)], np.int32)
FORWARD, LEFT, RIGHT = range(3)  # actions


class Maze(NamedTuple):
    """The task.

    Attributes:
      free: [n, n] bool, cells that are no wall.
      start: [2] int32 row and column.
      heading: int32 at the start, a row of HEADINGS.
      goal: [2] int32.
    """

    free: jax.Array
    start: jax.Array
    heading: jax.Array
    goal: jax.Array


class Walker(NamedTuple):
    """Where the walker is.

    Attributes:
      place: [2] int32 row and column.
      heading: int32, a row of HEADINGS.
      time: int32 steps since the episode began.
    """

    place: jax.Array
    heading: jax.Array
    time: jax.Array


def dark_maze(*, size: int = 7, longest: int = 3, limit: int = 1000) -> Env:
    """Walks a winding corridor by touch, from one corner of a grid to where it ends.

    The task is the corridor: straight legs of 2 up to some cells, turns to the right and to the
    left in turn, the first of them by chance. Actions are a step forward, which walls forbid, and a
    turn to the left or to the right. The observation is the number 4 front + 2 left + right of the
    sides that are blocked. The goal pays 1 and terminates the episode; after the limit it is
    truncated.

    Args:
      size: n of the n x n cells.
      longest: steps of a leg.
      limit: steps of an episode.

    Raises:
      BadInput: a size below 3, a leg of less than 2 steps, or a limit below 1.
    """
    for name, value, least in (("size", size, 3), ("longest", longest, 2), ("limit", limit, 1)):
        if value < least:
            raise BadInput(f"dark_maze needs {name} of at least {least}, got {name}={value}")

    def sample_task(key):
        return corridor(key, size=size, longest=longest)

    def reset(key, task):
        del key
        walker = start_walker(task)
        return walker, touch_number(task, walker)

    def step(key, state, action, task):
        del key
        after = walk(task, state, action)
        is_there = jnp.all(after.place == task.goal)
        is_late = (after.time >= limit) & ~is_there
        reward = is_there.astype(jnp.float32)
        return after, Step(touch_number(task, after), reward, is_there, is_late, {})

    return Env(sample_task, reset, step, Discrete(8), Discrete(3))


def corridor(key: jax.Array, *, size: int, longest: int) -> Maze:
    """Draws a corridor that goes right and down in turn, or down and right.

    Args:
      key: of the draw.
      size: n.
      longest: steps of a leg, which has at least 2.
    """
    first_key, leg_key = jax.random.split(key)
    first = jax.random.randint(first_key, (), 1, 3)  # right or down
    legs = jax.random.randint(leg_key, (size,), 2, longest + 1)
    ends = jnp.cumsum(legs)
    number = jnp.arange(2 * size)
    turned = jnp.sum(number[:, None] >= ends, axis=1) % 2  # whether a step is of an odd leg
    heading = jnp.where(turned == 0, first, 3 - first)
    places = jnp.cumsum(jnp.asarray(HEADINGS)[heading], axis=0)
    inside = jnp.all(places < size, axis=1)
    goes = jnp.cumprod(inside).astype(bool)
    start = jnp.zeros(2, jnp.int32)
    # Steps that would lead out stay at the start, which is free anyhow.
    places = jnp.where(goes[:, None], places, start)
    free = jnp.zeros((size, size), bool).at[0, 0].set(True).at[places[:, 0], places[:, 1]].set(True)
    return Maze(free, start, first, places[jnp.sum(goes) - 1])


def start_walker(maze: Maze) -> Walker:
    """Returns a walker at the start."""
    return Walker(maze.start, maze.heading, jnp.int32(0))


def walk(maze: Maze, walker: Walker, action: jax.Array) -> Walker:
    """Returns where an action leads."""
    turn = jnp.where(action == LEFT, 3, jnp.where(action == RIGHT, 1, 0))
    ahead = walker.place + jnp.asarray(HEADINGS)[walker.heading]
    goes = (action == FORWARD) & ~touch(maze, walker)[0]
    place = jnp.where(goes, ahead, walker.place)
    return Walker(place, (walker.heading + turn) % 4, walker.time + 1)


def touch(maze: Maze, walker: Walker) -> jax.Array:
    """Returns whether front, left and right are blocked, [3] bool."""
    size = maze.free.shape[0]
    sides = (walker.heading + jnp.array([0, 3, 1])) % 4
    cells = walker.place + jnp.asarray(HEADINGS)[sides]  # [3, 2]
    is_inside = jnp.all((cells >= 0) & (cells < size), axis=1)
    row, column = jnp.clip(cells, 0, size - 1).T
    return ~(is_inside & maze.free[row, column])


def touch_number(maze: Maze, walker: Walker) -> jax.Array:
    """Returns what is touched as a number, int32."""
    return jnp.sum(touch(maze, walker) * jnp.array([4, 2, 1], jnp.int32), dtype=jnp.int32)
