"""Drawings of worlds whose goal is hidden from the player, and seen by who looks on."""

import numpy as np

from jaxdl.pages import COLORS
from jaxdl.render.canvas import FAINT, INK, Canvas, arrow, box, canvas, disc, line, picture, polygon

BLUE, VERMILION = COLORS[:2]
SEEN = "#d5e5f2"  # a tint of blue
UNSEEN = "#efefea"


def plane(
    path: np.ndarray, goal: np.ndarray, action: np.ndarray, *, height: int = 256, width: int = 256
) -> np.ndarray:
    """Draws the path of a point in the plane, its next move, and the goal as a star.

    Args:
      path: [t, 2] where it was in this episode, last where it is.
      goal: [2].
      action: [2] the next move.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8, from -0.8 to 0.8 along each axis.
    """
    sheet = canvas(height, width)
    place = lambda xy: (128 + 150 * float(xy[0]), 128 - 150 * float(xy[1]))  # noqa: E731
    low, high = place((-0.5, 0.5)), place((0.5, -0.5))
    box(sheet, low, high, UNSEEN)
    for end in (-0.8, 0.8):
        line(sheet, [place((0, 0)), place((end, 0))], 1, FAINT)
        line(sheet, [place((0, 0)), place((0, end))], 1, FAINT)
    star(sheet, place(goal), 11)
    if len(path) > 1:
        line(sheet, [place(xy) for xy in path], 2, BLUE)
    here = place(path[-1])
    if np.abs(action).max() > 1e-3:
        arrow(sheet, [here, place(path[-1] + action)], 3, INK)
    disc(sheet, here, 6, BLUE)
    return picture(sheet)


def grid(
    visited: np.ndarray, place: int, goal: int, *, height: int = 256, width: int = 256
) -> np.ndarray:
    """Draws the cells of a grid, those that the player has seen, the player, and the goal.

    Args:
      visited: [size, size] bool, by row and column, the lowest row first.
      place: the player's cell, column + size * row.
      goal: its cell, likewise.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    size = len(visited)
    cell = 232 / size

    def corner(row, column):
        return 12 + cell * column, 12 + cell * (size - 1 - row)

    def center(number):
        x, y = corner(*divmod(number, size))
        return x + cell / 2, y + cell / 2

    for row, column in np.ndindex(size, size):
        x, y = corner(row, column)
        color = SEEN if visited[row, column] else UNSEEN
        box(sheet, (x + 1.5, y + 1.5), (x + cell - 1.5, y + cell - 1.5), color, round_by=3)
    star(sheet, center(goal), 0.36 * cell)
    disc(sheet, center(place), 0.2 * cell, BLUE)
    return picture(sheet)


def star(sheet: Canvas, center: tuple[float, float], radius: float) -> None:
    """Draws a star of five points."""
    angles = np.pi * np.arange(10) / 5
    radii = np.where(np.arange(10) % 2, 0.42, 1.0) * radius
    x, y = center
    points = np.stack([x + radii * np.sin(angles), y - radii * np.cos(angles)], axis=-1)
    polygon(sheet, [(float(a), float(b)) for a, b in points], VERMILION)
