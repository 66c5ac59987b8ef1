"""Drawings of mazes: a map from above with the way that was gone, beside what is seen there."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from jaxdl.pages import COLORS
from jaxdl.render.canvas import FAINT, FINER, INK, arrow, box, canvas, edges, line, picture

BLUE, SKY = COLORS[0], COLORS[5]
RED = "#e63a17"  # as the target is seen
STEPS = np.array(((0, 1), (1, 0), (0, -1), (-1, 0)))  # row and column, by heading


def maze_map(
    walls: tuple[np.ndarray, np.ndarray],
    target: np.ndarray,
    ways: Sequence[np.ndarray],
    heading: int,
    *,
    height: int,
    width: int,
) -> np.ndarray:
    """Draws a maze from above, with the ways through it.

    Args:
      walls: words [n + 1] of the lines of x and of y, as in `jaxdl.envs.maze.layout.Maze`.
      target: [2] row and column.
      ways: [t, 2] rows and columns of each episode, of which the last is under way.
      heading: of the agent, a number of quarters to the right of east.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    left, top, right, bottom = edges(sheet)
    size = len(walls[0]) - 1
    cell = (min(right - left, bottom - top) - 16) / size
    corner = np.array([(left + right) / 2 - cell * size / 2, (top + bottom) / 2 - cell * size / 2])

    def place(row, column):
        x, y = corner + cell * np.array([column, row])
        return float(x), float(y)

    box(sheet, place(*target), place(*(np.asarray(target) + 1)), RED)
    thin = max(cell / 9, 1.5)
    for line_number, bit in np.ndindex(size + 1, size):
        if walls[0][line_number] >> bit & 1:
            line(sheet, [place(bit, line_number), place(bit + 1, line_number)], thin, INK)
        if walls[1][line_number] >> bit & 1:
            line(sheet, [place(line_number, bit), place(line_number, bit + 1)], thin, INK)
    for i, way in enumerate(ways):
        # Ways lie beside one another, so that a way back is seen.
        aside = 0.5 + 0.12 * ((i % 3) - 1)
        points = [place(row + aside, column + aside) for row, column in way]
        color = BLUE if i == len(ways) - 1 else SKY if i == len(ways) - 2 else FAINT
        if len(points) > 1:
            line(sheet, points, thin, color)
    here = np.asarray(ways[-1][-1]) + 0.5
    tip = here + 0.3 * STEPS[heading]
    arrow(sheet, [place(*(here - 0.15 * STEPS[heading])), place(*tip)], max(cell / 6, 2), BLUE)
    return picture(sheet)


def split_ways(
    places: np.ndarray, numbers: np.ndarray, rewards: np.ndarray, target: np.ndarray
) -> list[np.ndarray]:
    """Splits the places of a trial into the ways of its episodes.

    Args:
      places: [t + 1, 2] rows and columns; at an episode's end those of the next one's start.
      numbers: [t + 1] of the episodes.
      rewards: [t]; the target's, which is above 0, adds the target to the way.
      target: [2] row and column.

    Returns:
      [., 2] each, the last one under way.
    """
    ways = [places[:1]]
    for i in range(1, len(places)):
        if numbers[i] == numbers[i - 1]:
            ways[-1] = np.concatenate([ways[-1], places[i : i + 1]])
            continue
        if rewards[i - 1] > 0:
            ways[-1] = np.concatenate([ways[-1], target[None]])
        ways.append(places[i : i + 1])
    return ways


def maze_frame(
    seen: np.ndarray,
    walls: tuple[np.ndarray, np.ndarray],
    target: np.ndarray,
    ways: Sequence[np.ndarray],
    heading: int,
    *,
    height: int,
    width: int,
) -> np.ndarray:
    """Draws what is seen and the map, side by side where the picture is wide, else one above.

    Args:
      seen: [h, w, 3] uint8.
      walls: as for `maze_map`.
      target: as there.
      ways: as there.
      heading: as there.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    is_wide = width > 1.3 * height
    share = 0.55 if is_wide else 0.45
    first = (height, int(share * width)) if is_wide else (int(share * height), width)
    rest = (height, width - first[1]) if is_wide else (height - first[0], width)
    one = _enlarge(seen, *first)
    other = maze_map(walls, target, ways, heading, height=rest[0], width=rest[1])
    return np.concatenate([one, other], axis=1 if is_wide else 0)


def _enlarge(seen: np.ndarray, height: int, width: int) -> np.ndarray:
    """Puts a picture into the middle of a sheet of that size, as large as fits."""
    sheet = canvas(height, width)
    scale = FINER * min(height / seen.shape[0], width / seen.shape[1])
    size = int(scale * seen.shape[1]), int(scale * seen.shape[0])
    large = Image.fromarray(seen).resize(size, Image.Resampling.NEAREST)
    gaps = sheet.image.width - size[0], sheet.image.height - size[1]
    sheet.image.paste(large, (gaps[0] // 2, gaps[1] // 2))
    return picture(sheet)
