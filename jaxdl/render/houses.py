"""Drawings of an animal in its house, and of a walker in a maze that it only feels."""

import numpy as np

from jaxdl.envs.dark_maze import HEADINGS
from jaxdl.envs.needs import CLOSED, HALF_OPEN, MOVES, SIDE, is_wall
from jaxdl.pages import COLORS
from jaxdl.render.canvas import (
    FAINT,
    INK,
    Canvas,
    box,
    canvas,
    disc,
    line,
    picture,
    polygon,
)

BLUE, VERMILION, GREEN, _, ORANGE, SKY, GRAY = COLORS[:7]
FOOD, WATER, BOX = ORANGE, BLUE, GRAY
EMPTY = "#efefea"
MARGIN = 14  # units around the cells


def house(
    place: int,
    hungry: bool,
    things: list[tuple[int, str]],
    lids: tuple[int, int] | None = None,
    *,
    thirsty: bool = False,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws the animal as a disc, with a ring while it is thirsty, among walls and things.

    Args:
      place: cell of the animal, which is vermilion while it is hungry and green while it is not.
      hungry: whether it is.
      things: cells and colors of food and water, or of two boxes.
      lids: of the boxes; None where the things are no boxes.
      thirsty: whether it is.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    cell = (256 - 2 * MARGIN) / SIDE
    for place_of, (thing, color) in enumerate(things):
        low, high = _corners(thing, cell)
        if lids is None:
            box(sheet, low, high, color, round_by=6)
            continue
        box(sheet, low, high, ORANGE if lids[place_of] == HALF_OPEN else EMPTY, rim=color)
        if lids[place_of] == CLOSED:
            box(sheet, low, high, color, round_by=6)
    _draw_walls(sheet, cell)
    middle = tuple(np.add(_corners(place, cell)[0], cell / 2 - 3))
    if thirsty:
        disc(sheet, middle, 0.4 * cell, SKY)
    disc(sheet, middle, 0.28 * cell, VERMILION if hungry else GREEN)
    return picture(sheet)


def maze(
    free: np.ndarray,
    place: np.ndarray,
    heading: int,
    goal: np.ndarray,
    *,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws a walker as an arrowhead in the corridor that it feels.

    Args:
      free: [n, n] bool, cells that are no wall.
      place: [2] row and column of the walker.
      heading: a row of HEADINGS.
      goal: [2] row and column.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    size = len(free)
    cell = (256 - 2 * MARGIN) / size
    for row, column in np.ndindex(size, size):
        low = MARGIN + cell * column, MARGIN + cell * row
        color = EMPTY if free[row, column] else GRAY
        color = ORANGE if (row, column) == tuple(goal) else color
        box(sheet, low, (low[0] + cell - 1, low[1] + cell - 1), color)
    middle = MARGIN + cell * (np.asarray(place)[::-1] + 0.5)
    ahead = 0.36 * cell * HEADINGS[int(heading)][::-1]
    aside = 0.26 * cell * HEADINGS[(int(heading) + 1) % 4][::-1]
    corners = [middle + ahead, middle - ahead + aside, middle - ahead - aside]
    polygon(sheet, [(float(x), float(y)) for x, y in corners], BLUE)
    return picture(sheet)


def _corners(place: int, cell: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns the corners of a cell, a little within it."""
    row, column = divmod(int(place), SIDE)
    left, top = MARGIN + cell * column, MARGIN + cell * row
    return (left + 3, top + 3), (left + cell - 3, top + cell - 3)


def _draw_walls(sheet: Canvas, cell: float) -> None:
    """Draws faint lines between cells, and dark ones where a wall stops moves."""
    for dark in (False, True):
        for place in range(SIDE * SIDE):
            row, column = divmod(place, SIDE)
            middle = MARGIN + cell * np.array([column + 0.5, row + 0.5])
            for direction, step in enumerate(MOVES):
                if is_wall(place, direction) != dark:
                    continue
                towards = cell / 2 * step[::-1]
                along = cell / 2 * step
                ends = [tuple(middle + towards + side * along) for side in (-1, 1)]
                line(sheet, ends, 3.0 if dark else 0.8, INK if dark else FAINT)
