"""What the reports of pretext tasks show: the task, and what the net makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import STYLE
from jaxdl.vision.exhibits import as_shown, of_first_seed

SHOWN = 8  # images; of rotations, which take four columns a piece, half as many rows


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
    titles = [[f"{90 * q}° taken for {90 * p}°" for q, p in enumerate(row)] for row in taken_for]
    wrong = taken_for != np.arange(4)
    caption = (
        "Images turned by a multiple of 90 degrees, and the angle that the net takes each for; "
        "mistakes are red."
    )
    return [Exhibit("rotations", picture_rows(rows, titles, wrong), caption)]


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
    rows = {name: as_shown(assemble(each, side)) for name, each in parts.items()}
    right = np.mean(order == solution, axis=1)
    titles = [[""] * len(tiles), [f"{share:.0%} in place" for share in right], [""] * len(tiles)]
    wrong = np.stack([right < 0, right < 1, right < 0])
    caption = (
        "Tiles as the net gets them, put where it thinks that they belong, and where they do. Each "
        "is cut at random within its cell, and the net sees it normalized by itself."
    )
    return [Exhibit("puzzles", picture_rows(rows, titles, wrong), caption)]


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
    return [Exhibit("holes", picture_rows(rows), caption)]


def assemble(tiles: np.ndarray, side: int) -> np.ndarray:
    """Lays tiles [N, T, h, w, C] out in rows of `side`, white lines between them: [N, H, W, C]."""
    line = max(tiles.shape[2] // 16, 1)
    pads = ((0, 0), (0, 0), (0, line), (0, line), (0, 0))
    framed = np.pad(np.asarray(tiles), pads, constant_values=1)
    count, _, height, width, channels = framed.shape
    grid = framed.reshape(count, side, side, height, width, channels)
    grid = grid.transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(count, side * height, side * width, channels)[:, :-line, :-line]


def _take(tiles: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.stack([each[places] for each, places in zip(tiles, order, strict=True)])


def picture_rows(
    rows: Mapping[str, np.ndarray],
    titles: Sequence[Sequence[str]] = (),
    wrong: np.ndarray | None = None,
) -> Any:
    """Draws pictures in named rows.

    Args:
      rows: name -> pictures [N, h, w, C], gray or colored, in [0, 1].
      titles: of each picture of each row.
      wrong: [rows, N], whose titles are red.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = len(next(iter(rows.values())))
    space = 0.35 if titles else 0.05
    with matplotlib.rc_context(STYLE):
        size = (1.3 * columns + 0.8, (1.3 + space) * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for row, (name, pictures) in enumerate(rows.items()):
            for column, (axis, picture) in enumerate(zip(axes[row], pictures, strict=True)):
                axis.imshow(
                    np.squeeze(picture, axis=-1) if picture.shape[-1] == 1 else picture,
                    cmap="gray",
                    vmin=0,
                    vmax=1,
                )
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set_visible(False)
                if titles:
                    color = "tab:red" if wrong is not None and wrong[row, column] else "black"
                    axis.set_title(titles[row][column], fontsize=7, color=color)
            axes[row, 0].set_ylabel(name, fontsize=11)
    return figure
