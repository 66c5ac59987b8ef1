"""Drawings of trials whose tasks have a structure: informative arms, and tasks that change."""

from collections.abc import Sequence

import numpy as np

from jaxdl.pages import COLORS
from jaxdl.render.canvas import FAINT, INK, box, canvas, disc, line, picture, write

BLUE, ORANGE = COLORS[0], COLORS[1]
GOOD, EMPTY = "#cfe8da", "#deded7"
ACROSS = 17  # choices in a line


def session(
    better: np.ndarray,
    places: np.ndarray,
    rewards: np.ndarray,
    rare: np.ndarray | None = None,
    *,
    parts: int,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws choices in turn, 17 in a line, beside which of two places pays more at the time.

    A choice is a column of two cells, place 0 above place 1; the better one is green. A dot is
    where the player was: filled where it was paid, blue, or orange after a rare transition.

    Args:
      better: [t] 0 or 1, of each choice so far.
      places: [t] 0 or 1, where the player was.
      rewards: [t] paid.
      rare: [t] bool; None where there are no transitions.
      parts: n, choices in the trial.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    lines = -(-parts // ACROSS)
    side = min(232 / min(parts, ACROSS), 232 / (2.6 * lines), 40)
    left = 128 - side * min(parts, ACROSS) / 2
    top = 128 - side * 2.6 * lines / 2
    for i in range(parts):
        x = left + side * (i % ACROSS)
        y = top + 2.6 * side * (i // ACROSS)
        for place in range(2):
            is_good = i < len(places) and better[i] == place
            low = (x + 0.4, y + side * place + 0.4)
            high = (x + side - 0.4, y + side * (place + 1) - 0.4)
            box(sheet, low, high, GOOD if is_good else EMPTY)
        if i < len(places):
            color = ORANGE if rare is not None and rare[i] else BLUE
            at = (x + side / 2, y + side * (places[i] + 0.5))
            disc(sheet, at, 0.3 * side, color)
            if not rewards[i]:
                disc(sheet, at, 0.18 * side, "#ffffff")
    return picture(sheet)


def informative(
    pays: np.ndarray,
    arms: Sequence[int],
    rewards: Sequence[float],
    *,
    pulls: int,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws what each arm pays, which the player sees of those alone that it has pulled.

    Args:
      pays: [k] of each arm; the last one tells the target.
      arms: [t] that were pulled so far.
      rewards: [t] what they paid.
      pulls: n, in the trial.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    step = 232 / len(pays)
    floor, unit = 196, 150 / max(pays.max(), 1e-6)
    seen = set(arms)
    for i, pay in enumerate(pays):
        x = 12 + step * i
        low, high = (x + 2, floor - unit * pay), (x + step - 2, floor)
        color = (ORANGE if i == len(pays) - 1 else BLUE) if i in seen else None
        box(sheet, low, high, color, rim=INK)
        turns = [str(t + 1) for t, arm in enumerate(arms) if arm == i]
        write(sheet, (x + step / 2, low[1] - 9), turns[0] if turns else "", 11, INK)
    line(sheet, [(12, floor), (244, floor)], 1.4, FAINT)
    total = f"{sum(rewards):.1f} in {len(rewards)} of {pulls} pulls"
    write(sheet, (128, 222), total, 15, INK)
    return picture(sheet)
