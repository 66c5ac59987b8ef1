"""Drawings of the worlds that have no MuJoCo state, as pure functions of what happens there.

Colors differ for color-blind readers too; blue is what the policy does.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from jaxdl.pages import COLORS
from jaxdl.render.canvas import (
    FAINT,
    INK,
    Canvas,
    arrow,
    box,
    canvas,
    disc,
    edges,
    line,
    picture,
    polygon,
    write,
)

BLUE, VERMILION, GREEN, _, ORANGE, SKY, GRAY = COLORS[:7]
SAFE = "#e6f2ec"  # a tint of green
EMPTY = "#efefea"
BOARD = "#e2ddd0"
HOLE = "#fbfaf6"
LABELS_FROM = 160  # pixels below which no label is readable


def cartpole(
    position: float,
    angle: float,
    push: float,
    *,
    length: float = 1.0,
    limits: tuple[float, float] = (2.4, np.pi / 15),
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws a pole on a cart over a ruler, whose limits end an episode.

    Args:
      position: of the cart, m.
      angle: of the pole from the vertical, rad, to the right.
      push: force on the cart as a share of the greatest one, to the right.
      length: of the pole, m.
      limits: of |position|, m, and |angle|, rad.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    left, _, right, bottom = edges(sheet)
    ground = 200
    scale = 100 / max(length / 1.3, 1)
    place = lambda meters: 128 + scale * (meters - position)  # noqa: E731
    hinge = (128, ground - 46)
    reach = scale * length
    tip = lambda a, r=reach: (hinge[0] + r * np.sin(a), hinge[1] - r * np.cos(a))  # noqa: E731
    fan = [tip(a, 1.12 * reach) for a in np.linspace(-limits[1], limits[1], 24)]
    polygon(sheet, [hinge, *fan], SAFE)
    for tenth in range(-40, 41, 5):
        long = tenth % 10 == 0
        line(
            sheet,
            [(place(tenth / 10), ground), (place(tenth / 10), ground + 5 + 4 * long)],
            1.2,
            GRAY,
        )
        if long and min(height, width) >= LABELS_FROM:
            write(
                sheet,
                (place(tenth / 10), ground + 20),
                f"{tenth // 10} m".replace("-", "\u2212"),
                11,
                GRAY,
            )
    for end in (-limits[0], limits[0]):
        outside = left if end < 0 else right
        low, high = sorted((min(max(place(end), left), right), outside))
        if low < high:
            box(sheet, (low, ground), (high, bottom), "#f6ddcf")
        line(sheet, [(place(end), ground - 34), (place(end), ground)], 3, VERMILION)
    line(sheet, [(left - 9, ground), (right + 9, ground)], 2.5, INK)
    for x in (108, 148):
        disc(sheet, (x, ground - 8), 8, INK)
        disc(sheet, (x, ground - 8), 3, FAINT)
    box(sheet, (92, ground - 46), (164, ground - 12), GRAY, round_by=5)
    if push:
        start = 128 + np.sign(push) * 42
        arrow(sheet, [(start, ground - 28), (start + 30 * push, ground - 28)], 6, BLUE)
    line(sheet, [hinge, tip(angle)], 9, ORANGE)
    disc(sheet, hinge, 6.5, INK)
    disc(sheet, hinge, 2.5, FAINT)
    return picture(sheet)


def pendulum(
    angle: float, torque: float, *, length: float = 1.0, height: int = 256, width: int = 256
) -> np.ndarray:
    """Draws a rod about its end, the goal above it, and the torque on it as a bent arrow.

    Args:
      angle: from the vertical, rad, to the left, as Gymnasium counts it.
      torque: as a share of the greatest one, in the same sense.
      length: of the rod, m.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    pivot = (128, 128)
    reach = 84 * min(length, 1.3)
    around = lambda a, r: (128 - r * np.sin(a), 128 - r * np.cos(a))  # noqa: E731
    ring = [around(a, reach) for a in np.linspace(0, 2 * np.pi, 90)]
    line(sheet, ring, 1.6, FAINT)
    disc(sheet, around(0, reach), 15, SAFE, GREEN)
    line(sheet, [pivot, around(angle, reach)], 15, ORANGE)
    if abs(torque) > 0.02:
        ends = angle + 0.35 * np.sign(torque), angle + 0.35 * np.sign(torque) + 1.5 * torque
        arrow(sheet, [around(a, 46) for a in np.linspace(*ends, 24)], 6, BLUE)
    disc(sheet, pivot, 10, INK)
    disc(sheet, pivot, 4, FAINT)
    return picture(sheet)


def bandit(
    means: np.ndarray,
    arms: np.ndarray,
    rewards: np.ndarray,
    *,
    pulls: int | None = None,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws what pulls lead to expect of each arm, beside the means that the player does not know.

    A bar is the mean of the Beta posterior with one standard deviation about it; a dashed line is
    the true mean. Below it: how often the arm has paid, of how many pulls. The row at the bottom
    shows the pulls in turn: filled where they paid; the triangle is at the arm of the last one.

    Args:
      means: [k] of the arms.
      arms: [t] those that were pulled so far.
      rewards: [t] what they paid, 0 or 1.
      pulls: n, in all; t if None.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    k = len(means)
    slots = max(pulls or len(arms), 1)
    step = 224 / k
    top = 34
    floor = 188
    half = min(0.36 * step, 26)
    level = lambda share: floor - (floor - top) * share  # noqa: E731
    counts = np.bincount(arms, minlength=k)
    wins = np.bincount(arms, rewards, minlength=k)
    first = wins + 1
    second = counts - wins + 1
    belief = first / (first + second)
    spread = np.sqrt(belief * (1 - belief) / (first + second + 1))
    for i in range(k):
        x = 16 + step * (i + 0.5)
        box(sheet, (x - half, top), (x + half, floor), EMPTY)
        box(sheet, (x - half, level(belief[i])), (x + half, floor), SKY if counts[i] else FAINT)
        if half > 3:
            low, high = (level(np.clip(belief[i] + s * spread[i], 0, 1)) for s in (-1, 1))
            line(sheet, [(x, low), (x, high)], min(3, half / 2), BLUE if counts[i] else GRAY)
        y = level(means[i])
        for a, b in ((-1.2, -0.7), (-0.25, 0.25), (0.7, 1.2)) if half > 6 else ((-1.0, 1.0),):
            line(sheet, [(x + a * half, y), (x + b * half, y)], min(2.6, half), INK)
        if k <= 8:
            write(
                sheet, (x, floor + 15), f"{wins[i]:.0f}/{counts[i]}", min(15, 42 * half / 26), INK
            )
    if len(arms):
        x = 16 + step * (arms[-1] + 0.5)
        size = min(max(half / 1.6, 4), 10)
        polygon(
            sheet,
            [(x - size, top - 6 - 1.7 * size), (x + size, top - 6 - 1.7 * size), (x, top - 6)],
            BLUE,
        )
    gap = min(224 / slots, 26)
    for t in range(slots):
        at = (128 + gap * (t + 0.5 - slots / 2), 232)
        paid = t < len(arms) and rewards[t] > 0
        rim = BLUE if t < len(arms) else FAINT
        disc(sheet, at, max(0.34 * gap, 0.8), BLUE if paid else None, rim)
    return picture(sheet)


class Grid(NamedTuple):
    """Where square cells lie in the middle of a picture, in units of a canvas.

    Attributes:
      cell: side of one.
      left: edge of the first column.
      top: edge of the first row.
    """

    cell: float
    left: float
    top: float


def lay_out(rows: int, columns: int) -> Grid:
    """Lays out cells as large as fit."""
    cell = 232 / max(rows, columns)
    return Grid(cell, 128 - cell * columns / 2, 128 - cell * rows / 2)


def board(
    stones: np.ndarray, last: tuple[int, int] | None = None, *, height: int = 256, width: int = 256
) -> np.ndarray:
    """Draws the stones of a board game; a dot marks the last one.

    Args:
      stones: [h, w]; 1 where the first player's are, -1 where the second's, 0 where none is.
      last: row and column of the last one.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    rows, columns = stones.shape
    cell, left, top = lay_out(rows, columns)
    box(sheet, (left, top), (left + cell * columns, top + cell * rows), BOARD, round_by=4)
    for row, column in np.ndindex(rows, columns):
        center = left + cell * (column + 0.5), top + cell * (row + 0.5)
        color = {1: BLUE, -1: VERMILION, 0: HOLE}[int(stones[row, column])]
        disc(sheet, center, 0.4 * cell, color)
        if (row, column) == last:
            disc(sheet, center, 0.12 * cell, HOLE)
    return picture(sheet)


def numbers(obs: np.ndarray, *, height: int = 256, width: int = 256) -> np.ndarray:
    """Draws any observation, as bars up and down if it is a vector [D], cells if [h, w, C].

    Bars end at 1 as tanh does, so that any size of number fits. A cell has the color of its largest
    channel, and is empty where none is above zero.
    """
    sheet = canvas(height, width)
    obs = np.asarray(obs, float)
    if obs.ndim != 3:
        values = np.tanh(obs.reshape(-1))
        step = 224 / max(values.size, 1)
        for i, value in enumerate(values):
            x = 16 + step * i
            end = 128 - 96 * value
            low, high = sorted((128, end))
            color = BLUE if value > 0 else VERMILION
            box(sheet, (x + 0.12 * step, low), (x + 0.88 * step, high), color)
        line(sheet, [(12, 128), (244, 128)], 1.6, INK)
        return picture(sheet)
    rows, columns, _ = obs.shape
    cell, left, top = lay_out(rows, columns)
    channel = obs.argmax(-1)
    for y, x in np.ndindex(rows, columns):
        color = COLORS[channel[y, x] % len(COLORS)] if obs[y, x].max() > 0 else EMPTY
        low = left + cell * x, top + cell * y
        box(sheet, low, (low[0] + 0.94 * cell, low[1] + 0.94 * cell), color)
    return picture(sheet)


class Mark(NamedTuple):
    """How a channel of a MinAtar board is drawn.

    Attributes:
      name: of what is there.
      shape: "block" fills the cell, "bar" lies in it, "disc" and "dot" are round.
      color: of it.
    """

    name: str
    shape: Literal["block", "bar", "disc", "dot"]
    color: str


NAMES = {
    BLUE: "blue",
    VERMILION: "red",
    GREEN: "green",
    ORANGE: "orange",
    SKY: "light blue",
    GRAY: "gray",
}
# Channels in the order of Young & Tian 2019, which gymnax and pgx both keep. Where several share a
# cell the first one of the list is seen.
MINATAR = {
    "breakout": (
        Mark("paddle", "bar", BLUE),
        Mark("ball", "disc", VERMILION),
        Mark("where the ball was", "dot", ORANGE),
        Mark("brick", "block", GRAY),
    ),
    "asterix": (
        Mark("player", "disc", BLUE),
        Mark("enemy", "block", VERMILION),
        Mark("where it was", "dot", GRAY),
        Mark("gold", "disc", ORANGE),
    ),
    "freeway": (
        Mark("chicken", "disc", BLUE),
        Mark("car", "block", VERMILION),
        *(Mark("where a car was", "dot", GRAY) for _ in range(5)),
    ),
    "space_invaders": (
        Mark("cannon", "bar", BLUE),
        Mark("alien", "block", GREEN),
        Mark("", "block", GREEN),  # aliens that move left,
        Mark("", "block", GREEN),  # and right: the same cells once more
        Mark("own bullet", "dot", SKY),
        Mark("their bullet", "dot", VERMILION),
    ),
    "seaquest": (
        Mark("submarine", "block", BLUE),
        Mark("its rear", "disc", BLUE),
        Mark("own bullet", "dot", SKY),
        Mark("where others were", "dot", GRAY),
        Mark("their bullet", "dot", VERMILION),
        Mark("fish", "disc", VERMILION),
        Mark("enemy submarine", "block", VERMILION),
        Mark("oxygen", "bar", GREEN),
        Mark("divers on board", "bar", ORANGE),
        Mark("diver", "disc", ORANGE),
    ),
}


def minatar(
    board: np.ndarray, marks: Sequence[Mark], *, height: int = 256, width: int = 256
) -> np.ndarray:
    """Draws a board of MinAtar.

    Args:
      board: [10, 10, C], above 0 where something of a channel is.
      marks: one for each channel.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    rows, columns, _ = board.shape
    cell, left, top = lay_out(rows, columns)
    for y, x in np.ndindex(rows, columns):
        low = left + cell * x, top + cell * y
        box(sheet, low, (low[0] + 0.94 * cell, low[1] + 0.94 * cell), EMPTY)
        for mark, there in reversed(list(zip(marks, board[y, x], strict=True))):
            if there > 0:
                _draw_mark(sheet, mark, (low[0] + 0.47 * cell, low[1] + 0.47 * cell), cell)
    return picture(sheet)


def _draw_mark(sheet: Canvas, mark: Mark, center: tuple[float, float], cell: float) -> None:
    if mark.shape in ("disc", "dot"):
        disc(sheet, center, (0.38 if mark.shape == "disc" else 0.16) * cell, mark.color)
        return
    half = np.array((0.44, 0.44 if mark.shape == "block" else 0.2)) * cell
    low, high = np.asarray(center) - half, np.asarray(center) + half
    box(sheet, tuple(low), tuple(high), mark.color, round_by=0.1 * cell)
