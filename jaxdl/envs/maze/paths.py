"""Shortest ways through a maze, by breadth-first search, and those of a hand on the wall."""

import jax
import jax.numpy as jnp

from jaxdl.envs.maze.layout import STEPS, Maze, openings


def shortest_path(maze: Maze, start: jax.Array, heading: jax.Array, target: jax.Array) -> jax.Array:
    """Counts the least steps to a cell, where a quarter turn is a step as well as a cell ahead.

    Args:
      maze: the walls.
      start: [2] int32, row and column.
      heading: int32 scalar, at the start.
      target: [2] int32, row and column.

    Returns:
      int32 scalar.
    """
    is_open = openings(maze)  # [4, n, n]
    reached = jnp.zeros(is_open.shape, bool).at[heading, start[0], start[1]].set(True)

    def is_searching(search):
        reached, _ = search
        return ~jnp.any(reached[:, target[0], target[1]])

    def search_on(search):
        reached, steps = search
        ahead = reached & is_open
        # The walls around the maze are closed, so that nothing rolls over its edge.
        moved = jnp.stack([jnp.roll(ahead[i], step, (0, 1)) for i, step in enumerate(STEPS)])
        turned = jnp.roll(reached, 1, 0) | jnp.roll(reached, -1, 0)
        return reached | moved | turned, steps + 1

    return jax.lax.while_loop(is_searching, search_on, (reached, jnp.int32(0)))[1]
