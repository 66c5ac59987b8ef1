"""Drawings of ways: of a point among marks, and through rooms of cells."""

import numpy as np

from jaxdl.pages import COLORS
from jaxdl.render.canvas import FAINT, INK, box, canvas, disc, line, picture
from jaxdl.render.drawings import EMPTY, SAFE, lay_out

BLUE, _, GREEN = COLORS[:3]
REACH = 1.6  # what is seen to each side of the start, in radii of the circle of marks


def path_among_marks(
    path: np.ndarray,
    marks: np.ndarray,
    paying: int,
    radius: float,
    *,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws the way of a point among marks, of which one pays; lengths in radii of their circle.

    Args:
      path: [t, 2] places so far, the last one where the point is; the start is (0, 0).
      marks: [k, 2] their places.
      paying: the number of the one that pays.
      radius: of the disc about it.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    scale = 128 / REACH

    def place(point):
        x, y = point
        return 128 + scale * float(x), 128 - scale * float(y)

    ring = [(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 90)]
    line(sheet, [place(point) for point in ring], 1.2, FAINT)
    disc(sheet, place((0, 0)), 3, FAINT)
    for number, mark in enumerate(marks):
        pays = number == paying
        disc(sheet, place(mark), scale * radius, SAFE if pays else EMPTY, GREEN if pays else FAINT)
        disc(sheet, place(mark), 4, GREEN if pays else INK)
    if len(path) > 1:
        line(sheet, [place(point) for point in path], 3, BLUE)
    disc(sheet, place(path[-1]), 7, BLUE)
    return picture(sheet)


def path_in_rooms(
    free: np.ndarray,
    path: np.ndarray,
    goal: tuple[int, int],
    *,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws a way through cells to a goal.

    Args:
      free: [h, w] bool, the cells that can be entered; all others are walls.
      path: [t, 2] rows and columns so far, the last one where the walker is.
      goal: its row and column.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    cell, left, top = lay_out(*free.shape)

    def corner(row, column):
        return left + cell * column, top + cell * row

    def center(spot):
        x, y = corner(*spot)
        return x + cell / 2, y + cell / 2

    for row, column in np.ndindex(*free.shape):
        low = corner(row, column)
        color = EMPTY if free[row, column] else INK
        box(sheet, low, (low[0] + 0.96 * cell, low[1] + 0.96 * cell), color)
    low = corner(*goal)
    box(sheet, low, (low[0] + 0.96 * cell, low[1] + 0.96 * cell), GREEN)
    if len(path) > 1:
        line(sheet, [center(spot) for spot in path], 0.16 * cell, BLUE)
    disc(sheet, center(path[-1]), 0.34 * cell, BLUE)
    return picture(sheet)
