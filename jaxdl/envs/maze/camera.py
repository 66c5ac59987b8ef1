"""What is seen from a cell of a maze: one ray for each column of the picture.

The walls are as high everywhere, so a column of the picture is told by the depth of its ray: wall
in the middle, ceiling above, floor below. A ray crosses at most n + 1 lines of each kind. Where it
crosses line k is known without going there, and so is the bit that says whether a wall stands at
this place. The nearest such wall is what a walk from cell to cell (DDA: Amanatides & Woo 1987)
would end at, without its steps and gathers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.corridor.camera import places
from jaxdl.envs.maze.layout import EAST, NORTH, SOUTH, WEST, Maze

# Cells, of the eye below the ceiling and above the floor. In pictures of less than 500 columns no
# pixel's middle then lies on the edge of a wall or of a cell, where rounding would decide.
EYE = 0.447
FADE = 0.25  # brightness is 1 / (1 + FADE depth)
SHADE = 0.75  # brightness of walls on lines of x beside that of the others
FAR = 1e6
EDGE = 1e-3  # cells of depth by which a wall may stand beside the edge of its cell
WALL, FLOOR, CEILING = (0.75, 0.75, 0.70), (0.45, 0.40, 0.32), (0.35, 0.45, 0.60)
TARGET = (1.0, 0.25, 0.10)  # everything in the target's cell
barrier = jax.lax.optimization_barrier


class Rays(NamedTuple):
    """Holds the rays of the W columns of a picture.

    Attributes:
      x: scalar, where they begin.
      y: scalar.
      way_x: [W], x gone for each cell of depth; never 0.
      way_y: [W].
    """

    x: jax.Array
    y: jax.Array
    way_x: jax.Array
    way_y: jax.Array


def rays_of(row: jax.Array, column: jax.Array, heading: jax.Array, *, width: int) -> Rays:
    """Sends rays from the middle of a cell, over a field of view of 90 degrees.

    Args:
      row: int32 scalar.
      column: int32 scalar.
      heading: int32 scalar.
      width: W, an even number: then no ray runs along a line or through a corner.
    """
    aside = places(width)  # to the right
    ahead_x = jnp.float32(heading == EAST) - jnp.float32(heading == WEST)
    ahead_y = jnp.float32(heading == SOUTH) - jnp.float32(heading == NORTH)
    way_x, way_y = ahead_x - aside * ahead_y, ahead_y + aside * ahead_x
    return Rays(column + 0.5, row + 0.5, way_x, way_y)


def cast(maze: Maze, rays: Rays) -> tuple[jax.Array, jax.Array]:
    """Finds the nearest walls.

    Args:
      maze: the walls.
      rays: W of them.

    Returns:
      Depths [W] in cells along the optical axis, and [W] bool, whether the wall is on a line of x.
    """
    x, y, way_x, way_y = rays
    at_x = _nearest(maze.at_x, x, way_x, y, way_y)
    at_y = _nearest(maze.at_y, y, way_y, x, way_x)
    return jnp.minimum(at_x, at_y), at_x < at_y


def _nearest(words, start, way, other_start, other_way):
    """Finds the depth [W] of the nearest wall on the lines of one kind."""
    lines = jnp.arange(len(words), dtype=jnp.float32)[:, None]
    depth = (lines - start) / way  # [n + 1, W]
    cell = jnp.floor(other_start + depth * other_way).astype(jnp.int32)
    # Beside the maze, and so beyond the word's bits, a shift leaves nothing.
    is_wall = (words[:, None] >> cell.astype(jnp.uint32)) & 1 > 0
    return jnp.min(jnp.where(is_wall & (depth > 0), depth, FAR), axis=0)


def take_picture(
    maze: Maze,
    target: jax.Array,
    row: jax.Array,
    column: jax.Array,
    heading: jax.Array,
    *,
    height: int,
    width: int,
) -> jax.Array:
    """Takes a picture [H, W, 3] uint8 from the middle of a cell.

    Args:
      maze: the walls.
      target: [2] int32, row and column of the cell that is painted red.
      row: int32 scalar.
      column: int32 scalar.
      heading: int32 scalar.
      height: H.
      width: W, an even number.
    """
    rays = rays_of(row, column, heading, width=width)
    wall, is_at_x = cast(maze, rays)
    enters, leaves = _within(target, rays)
    bright = jnp.where(is_at_x, SHADE, 1.0) / (1 + FADE * wall)
    columns = jnp.stack([as_bytes(bright * c) for c in (*WALL, *TARGET)])  # [6, W]
    wall, enters, leaves, columns = barrier((wall, enters, leaves, columns))
    flat, rows = flat_rows(height, width)
    depth = jnp.minimum(wall, flat[:, None])  # [H, W] of what is seen
    is_wall = wall < flat[:, None]
    is_target = (depth > enters + EDGE) & (depth < leaves + EDGE)

    def channel(i):
        plain = jnp.where(is_wall, columns[i], rows[i][:, None])
        red = jnp.where(is_wall, columns[3 + i], rows[3 + i][:, None])
        return jnp.where(is_target, red, plain)

    return jnp.stack([channel(i) for i in range(3)], axis=-1)


def flat_rows(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what each row of a picture shows where no wall does.

    Args:
      height: H.
      width: W, which the field of view is measured by.

    Returns:
      Depths [H] of ceiling and floor, and bytes [6, H]: their red, green and blue, and these in the
      target's cell.
    """
    up = (height - 1 - 2 * np.arange(height)) / width
    depth = EYE / np.maximum(np.abs(up), EYE / FAR)
    bright = 1 / (1 + FADE * depth)
    plain = np.where(up[:, None] > 0, CEILING, FLOOR).T
    colors = np.concatenate([plain, np.repeat(np.array(TARGET)[:, None], height, 1)])
    rows = np.floor(255 * bright * colors + 0.5).astype(np.uint8)
    return depth.astype(np.float32), rows


def as_bytes(share: jax.Array) -> jax.Array:
    """Rounds numbers within 0 and 1 to bytes."""
    return jnp.floor(255 * share + 0.5).astype(jnp.uint8)


def _within(cell: jax.Array, rays: Rays) -> tuple[jax.Array, jax.Array]:
    """Returns the depths [W] at which rays enter and leave a cell, the first later for misses."""
    row, column = cell[0], cell[1]
    one_x, other_x = (column - rays.x) / rays.way_x, (column + 1 - rays.x) / rays.way_x
    one_y, other_y = (row - rays.y) / rays.way_y, (row + 1 - rays.y) / rays.way_y
    enters = jnp.maximum(jnp.minimum(one_x, other_x), jnp.minimum(one_y, other_y))
    leaves = jnp.minimum(jnp.maximum(one_x, other_x), jnp.maximum(one_y, other_y))
    return enters, leaves
