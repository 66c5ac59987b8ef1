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
from jaxdl.envs.maze.layout import Maze

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
      start: [2], x and y where they begin.
      way: [2, W], x and y gone for each cell of depth; never 0.
    """

    start: jax.Array
    way: jax.Array


def rays_of(row: jax.Array, column: jax.Array, heading: jax.Array, *, width: int) -> Rays:
    """Sends rays from the middle of a cell, over a field of view of 90 degrees.

    Args:
      row: int32 scalar.
      column: int32 scalar.
      heading: int32 scalar.
      width: W, an even number: then no ray runs along a line or through a corner.
    """
    cos, sin = (1 - heading) * (heading % 2 == 0), (2 - heading) * (heading % 2)
    ahead = jnp.stack([cos, sin]).astype(jnp.float32)  # x to the right and y down on the map
    right = jnp.stack([-sin, cos]).astype(jnp.float32)
    way = ahead[:, None] + right[:, None] * places(width)
    return Rays(jnp.stack([column, row]) + 0.5, way)


def cast(maze: Maze, rays: Rays) -> tuple[jax.Array, jax.Array]:
    """Finds the nearest walls.

    Args:
      maze: the walls.
      rays: W of them.

    Returns:
      Depths [W] in cells along the optical axis, and [W] bool, whether the wall is on a line of x.
    """
    words = jnp.stack(maze)[:, :, None]  # [2, n + 1, 1], the lines of x, then those of y
    lines = jnp.arange(words.shape[1], dtype=jnp.float32)[:, None]
    start, way = rays.start[:, None, None], rays.way[:, None]
    depth = (lines - start) / way  # [2, n + 1, W]
    along = jnp.floor(start[::-1] + depth * way[::-1]).astype(jnp.int32)  # cell beside the line
    # Beside the maze, and so beyond the word's bits, a shift leaves nothing.
    is_wall = (words >> along.astype(jnp.uint32)) & 1 > 0
    at_x, at_y = jnp.min(jnp.where(is_wall & (depth > 0), depth, FAR), axis=1)
    return jnp.minimum(at_x, at_y), at_x < at_y


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
    walls = jnp.floor(255 * bright[:, None] * jnp.array([WALL, TARGET])[:, None] + 0.5)
    wall, enters, leaves, walls = barrier((wall, enters, leaves, walls.astype(jnp.uint8)))
    flat, flats = flat_rows(height, width)
    depth = jnp.minimum(wall, flat[:, None])  # [H, W] of what is seen
    is_wall = (wall < flat[:, None])[..., None]
    is_target = ((depth > enters + EDGE) & (depth < leaves + EDGE))[..., None]
    plain, red = (jnp.where(is_wall, walls[i], flats[i][:, None]) for i in range(2))
    return jnp.where(is_target, red, plain)


def flat_rows(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what each row of a picture shows where no wall does.

    Args:
      height: H.
      width: W, which the field of view is measured by.

    Returns:
      Depths [H] of ceiling and floor, and bytes [2, H, 3], their colors and those of the target's
      cell.
    """
    up = (height - 1 - 2 * np.arange(height)) / width
    depth = EYE / np.maximum(np.abs(up), EYE / FAR)
    plain = np.where(up[:, None] > 0, CEILING, FLOOR)
    colors = np.stack([plain, np.broadcast_to(TARGET, plain.shape)])
    shown = np.floor(255 * colors / (1 + FADE * depth[:, None]) + 0.5)
    return depth.astype(np.float32), shown.astype(np.uint8)


def _within(cell: jax.Array, rays: Rays) -> tuple[jax.Array, jax.Array]:
    """Returns the depths [W] at which rays enter and leave a cell, the first later for misses."""
    low = (cell[::-1] - rays.start)[:, None]
    one, other = low / rays.way, (low + 1) / rays.way  # [2, W]
    return jnp.max(jnp.minimum(one, other), axis=0), jnp.min(jnp.maximum(one, other), axis=0)
