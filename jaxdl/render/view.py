"""What a way to look at a world is made of."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Pictures = list[np.ndarray]


class Play(NamedTuple):
    """An episode of T steps, as NumPy arrays.

    Attributes:
      kept: leaves [T + 1, ...], of the state before each step and of the last one.
      action: [T, ...].
      reward: [T].
    """

    kept: Any
    action: np.ndarray
    reward: np.ndarray


class View(NamedTuple):
    """How a world is looked at.

    Attributes:
      keep: state, task, obs -> what pictures need of them; for one world, under jit and vmap.
      paint: play, frames, height, width -> pictures [H, W, 3] uint8 of its states of these numbers.
      seconds: that a step takes in the world; None where steps have no duration.
      unit: what a step is called there.
      legend: what the pictures show, where they do not say it themselves.
    """

    keep: Callable[[Any, Any, Any], Any]
    paint: Callable[[Play, Sequence[int], int, int], Pictures]
    seconds: float | None = None
    unit: str = "step"
    legend: str = ""


def drawn(draw: Callable[..., np.ndarray]) -> Callable[..., Pictures]:
    """Makes a painter out of `draw`, a function of play, time and size."""

    def paint(play, frames, height, width):
        return [draw(play, int(i), {"height": height, "width": width}) for i in frames]

    return paint


def next_action(play: Play, time: int) -> Any:
    """The action that comes, or at the end the last one."""
    return play.action[min(time, len(play.action) - 1)]
