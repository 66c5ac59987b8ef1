"""A drawing of decision processes whose tables are the task."""

from collections.abc import Sequence

import numpy as np

from jaxdl.pages import COLORS
from jaxdl.render.canvas import FAINT, INK, box, canvas, disc, line, picture

BLUE = COLORS[0]
LOW, HIGH = np.array([214, 94, 60]), np.array([60, 130, 90])  # of what pays badly, and well
EMPTY = np.array([239, 239, 234])


def decision_process(
    means: np.ndarray,
    visits: np.ndarray,
    place: int,
    action: int | None,
    returns: Sequence[float],
    *,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Draws what the actions of each state pay, how often each was taken, and the returns.

    A row is an action and a column a state. A cell is the greener the more it pays on average, the
    redder the less. A dot's area grows with how often the action was taken there. The bars at the
    bottom are the returns of the episodes so far, over a line for zero, the last one under way.

    Args:
      means: [S, A] of the rewards.
      visits: [S, A] how often each action was taken so far.
      place: the state that the player is in.
      action: that it takes there; None where nothing follows.
      returns: of the episodes so far.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    states, actions = means.shape
    wide, high = 232 / states, 150 / actions
    size = min(wide, high)
    scale = max(np.abs(means - means.mean()).max(), 1e-6)
    for s, a in np.ndindex(states, actions):
        left, top = 12 + wide * s, 14 + high * a
        share = (means[s, a] - means.mean()) / scale
        color = _mix(EMPTY, HIGH if share > 0 else LOW, abs(share))
        box(sheet, (left + 1, top + 1), (left + wide - 1, top + high - 1), color)
        if visits[s, a]:
            radius = 0.42 * size * np.sqrt(visits[s, a] / max(visits.max(), 4))
            disc(sheet, (left + wide / 2, top + high / 2), max(radius, 1.2), INK)
    left = 12 + wide * place
    box(sheet, (left, 14), (left + wide, 164), None, rim=INK)
    if action is not None:
        top = 14 + high * action
        for inset in (0.0, 1.2):
            low, corner = (left + inset, top + inset), (left + wide - inset, top + high - inset)
            box(sheet, low, corner, None, rim=BLUE)
    _draw_returns(sheet, returns)
    return picture(sheet)


def _draw_returns(sheet, returns: Sequence[float]) -> None:
    """Draws a bar for each return, up or down from a line."""
    step = min(232 / max(len(returns), 1), 24)
    unit = 40 / max(np.abs(returns).max(initial=0.0), 1.0)
    for i, value in enumerate(returns):
        low, high = sorted((212 - unit * value, 212.0))
        left = 12 + step * i
        color = BLUE if i == len(returns) - 1 else COLORS[5]
        box(sheet, (left + 1, low), (left + step - 1, high), color)
    line(sheet, [(12, 212), (244, 212)], 1.4, FAINT)


def _mix(one: np.ndarray, other: np.ndarray, share: float) -> str:
    """Returns a color between two, as #rrggbb."""
    red, green, blue = np.round((1 - share) * one + share * other).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
