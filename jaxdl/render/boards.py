"""Boards of MinAtar as pictures, drawn on the device as the reports draw them, but in negative.

On black, as Atari's own games are, what moves is what nets see; on white paper they learn slower.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env
from jaxdl.envs.spaces import Box
from jaxdl.render import drawings
from jaxdl.render.canvas import UNITS
from jaxdl.render.pixels import SeenState, SeenTask

SMALLEST = 20  # pixels of a board, below which marks run into one another


def board_pixels(env: Env, marks: Sequence[drawings.Mark], *, side: int, board: int) -> Env:
    """Observes the same games by pictures [side, side, 3] uint8.

    Args:
      env: whose observations are boards [10, 10, C], above 0 where something of a channel is.
      marks: how each channel is drawn; where several share a cell the first is seen.
      side: of the pictures, pixels.
      board: of the square in their middle that the board is drawn in, pixels.

    Raises:
      BadInput: the board is too small to tell its marks apart, or larger than the pictures.
    """
    draw = board_painter(env.obs_space.shape, marks, side=side, board=board)

    def sample_task(key):
        return SeenTask(env.sample_task(key), ())

    def reset(key, task):
        world, obs = env.reset(key, task.world)
        picture = draw(obs)
        return SeenState(world, picture, obs), picture

    def step(key, state, action, task):
        world, out = env.step(key, state.world, action, task.world)
        picture = draw(out.obs)
        return SeenState(world, picture, out.obs), out._replace(obs=picture)

    space = Box((side, side, 3), 0, 255, jnp.uint8)
    return Env(sample_task, reset, step, space, env.action_space)


def board_painter(
    shape: tuple[int, ...], marks: Sequence[drawings.Mark], *, side: int, board: int
) -> Callable[[jax.Array], jax.Array]:
    """Makes a function of boards [h, w, C] that draws what `drawings.minatar` does, in negative.

    Every mark is drawn once on every cell of a sheet, and pixels are then picked out of these.

    Args:
      shape: h, w and C.
      marks: one for each channel.
      side: of the pictures, pixels.
      board: of the square in their middle, pixels.

    Raises:
      BadInput: as `board_pixels`.
    """
    if not SMALLEST <= board <= side:
        raise BadInput(
            f"a board of {board} x {board} in pictures of {side} x {side} pixels: should be at "
            f"least {SMALLEST} x {SMALLEST}, and at most the picture"
        )
    rows, columns, channels = shape
    size = {"height": board, "width": board}
    edge = (side - board) // 2
    margin = ((edge, side - board - edge),) * 2

    def sheet(channel):
        """Draws a board that is full of one mark, or empty."""
        cells = np.zeros(shape)
        cells[..., channel] = 1
        picture = 255 - drawings.minatar(cells, marks, **size)
        return np.pad(picture, (*margin, (0, 0)), mode="edge")

    empty = sheet(slice(0))
    sheets = [sheet(channel) for channel in range(channels)]
    covers = [(picture != empty).any(-1) for picture in sheets]
    cell, left, top = drawings.lay_out(rows, columns)
    middles = (np.arange(side) - edge + 0.5) * UNITS / board  # of pixels, in units of the sheet
    row, column = (
        np.clip((middles - start) // cell, 0, count - 1).astype(int)
        for start, count in ((top, rows), (left, columns))
    )

    def draw(cells):
        is_there = (cells > 0)[row][:, column]  # [side, side, C]
        picture = jnp.asarray(empty)
        for channel in reversed(range(channels)):
            is_seen = is_there[..., channel] & covers[channel]
            picture = jnp.where(is_seen[..., None], sheets[channel], picture)
        return picture

    return draw
