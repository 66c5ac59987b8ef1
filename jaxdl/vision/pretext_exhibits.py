"""What the reports of pretext tasks show: the task, and what the net makes of it."""

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import picture_grid
from jaxdl.pages.exhibit import of_first_seed
from jaxdl.vision.exhibits import as_shown

SHOWN = 8  # images; of rotations, which take four columns a piece, half as many rows
TILE = 64  # pixels at least that a tile of a puzzle is drawn with, so that its frame is a thin line


def rotations_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows images turned four ways, with the angles that the net takes them for.

    Args:
      outcome: whose arrays hold `turned` [(S,) P, 4, s, s, C] and `taken_for` [(S,) P, 4].
    """
    if "turned" not in outcome.arrays:
        return []
    turned = of_first_seed(outcome, "turned")[: SHOWN // 2]
    taken_for = of_first_seed(outcome, "taken_for")[: SHOWN // 2]
    rows = {f"image {i + 1}": as_shown(four) for i, four in enumerate(turned)}
    titles = {
        name: [f"{90 * q}° taken for {90 * p}°" for q, p in enumerate(row)]
        for name, row in zip(rows, taken_for, strict=True)
    }
    wrong = dict(zip(rows, taken_for != np.arange(4), strict=True))
    caption = (
        "Images turned by a multiple of 90 degrees, and the angle that the net takes each for; "
        "mistakes are red."
    )
    return [Exhibit("rotations", picture_grid(rows, titles=titles, wrong=wrong), caption)]


def puzzles_exhibit(outcome: Outcome, *, side: int) -> list[Exhibit]:
    """Shows puzzles, their tiles in the order that the net takes for right, and the truth.

    Args:
      outcome: whose arrays hold `tiles` [(S,) P, T, h, w, C] in reading order, and `order` and
        `solution` [(S,) P, T].
      side: tiles in a row.
    """
    if "tiles" not in outcome.arrays:
        return []
    tiles = of_first_seed(outcome, "tiles")[:SHOWN]
    order = of_first_seed(outcome, "order")[:SHOWN]
    solution = of_first_seed(outcome, "solution")[:SHOWN]
    puzzle = _take(tiles, order)
    solved = _take(puzzle, np.argsort(solution, axis=1))
    parts = {"puzzle": puzzle, "solved": solved, "truth": tiles}
    rows = {
        name: as_shown(assemble(enlarge(each), side, line_color=0.6))
        for name, each in parts.items()
    }
    right = np.mean(order == solution, axis=1)
    titles = {"solved": [f"{share:.0%} in place" for share in right]}
    wrong = {"solved": right < 1}
    caption = (
        "Tiles as the net gets them, put where it thinks that they belong, and where they do. Each "
        "is cut at random within its cell, and the net sees it normalized by itself."
    )
    return [Exhibit("puzzles", picture_grid(rows, titles=titles, wrong=wrong), caption)]


def holes_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows images with holes, what the net paints there, and the originals.

    Args:
      outcome: whose arrays hold `covered`, `completed` and `originals` [(S,) P, h, w, C].
    """
    if "completed" not in outcome.arrays:
        return []
    names = ("covered", "completed", "originals")
    rows = {name: as_shown(of_first_seed(outcome, name)[:SHOWN]) for name in names}
    caption = (
        "What the net is given, what it paints into the hole, and what was there. The holes are "
        "filled with the mean of what is left of an image."
    )
    return [Exhibit("holes", picture_grid(rows), caption)]


def enlarge(tiles: np.ndarray) -> np.ndarray:
    """Makes squares of the pixels of small tiles, [N, T, h, w, C] -> [N, T, H, W, C]."""
    factor = -(-TILE // tiles.shape[2])
    return np.asarray(tiles).repeat(factor, axis=2).repeat(factor, axis=3)


def assemble(tiles: np.ndarray, side: int, *, line_color: float = 1.0) -> np.ndarray:
    """Lays tiles [N, T, h, w, C] out in rows of `side` with lines between them: [N, H, W, C]."""
    line = max(tiles.shape[2] // 16, 1)
    pads = ((0, 0), (0, 0), (0, line), (0, line), (0, 0))
    framed = np.pad(np.asarray(tiles), pads, constant_values=line_color)
    count, _, height, width, channels = framed.shape
    grid = framed.reshape(count, side, side, height, width, channels)
    grid = grid.transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(count, side * height, side * width, channels)[:, :-line, :-line]


def _take(tiles: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.stack([each[places] for each, places in zip(tiles, order, strict=True)])
