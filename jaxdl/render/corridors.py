"""Drawings of flights through corridors: a map from above, and what the drone sees."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxdl.pages import COLORS
from jaxdl.render.canvas import (
    FINER,
    INK,
    Canvas,
    arrow,
    box,
    canvas,
    disc,
    edges,
    line,
    picture,
)

BLUE, VERMILION = COLORS[:2]
WALL, LOW, BEAM = "#8f8b82", "#d9b98c", "#bcd7ea"
RIM = "#6f6b63"
HEAD = 1.0  # m: what is lower may be flown over
UNDER = 1.0  # m: what begins higher may be flown under
SAFE, RISKY = np.array([0, 158, 115]), np.array([213, 94, 0])


class Track(NamedTuple):
    """Describes the way of a drone.

    Attributes:
      points: [T, 2] m.
      color: that it is drawn in.
      has_crashed: whether it ends in a collision.
    """

    points: np.ndarray
    color: str
    has_crashed: bool


def corridor_map(
    low: np.ndarray, high: np.ndarray, tracks: Sequence[Track], *, height: int, width: int
) -> np.ndarray:
    """Draws a corridor from above, with the ways of drones in it.

    Args:
      low: [N, 3] least corners of its boxes, m.
      high: [N, 3] greatest corners.
      tracks: what has flown in it, the last one on top.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    sheet = canvas(height, width)
    left, top, right, bottom = edges(sheet)
    least, most = low[:, :2].min(axis=0), high[:, :2].max(axis=0)
    scale = min((right - left - 8) / (most - least)[0], (bottom - top - 8) / (most - least)[1])
    middle = (least + most) / 2

    def place(point):
        x, y = (np.asarray(point)[:2] - middle) * scale
        return (left + right) / 2 + x, (top + bottom) / 2 - y

    for one, other in sorted(zip(low, high, strict=True), key=lambda ends: ends[1][2]):
        (x0, y1), (x1, y0) = place(one), place(other)
        color = BEAM if one[2] > UNDER else LOW if other[2] <= HEAD else WALL
        box(sheet, (x0, y0), (x1, y1), color)
    for track in tracks:
        _draw_track(sheet, [place(point) for point in track.points], track)
    return picture(sheet)


def risk_picture(seen: np.ndarray, risk: np.ndarray, bins: np.ndarray, *, size: int) -> np.ndarray:
    """Draws what the drone sees, with the predicted collision of each direction in it.

    Args:
      seen: [S, S, 3] uint8.
      risk: [B] probabilities; the least one, which is flown to, has a ring.
      bins: [B, 2] places in the picture, to the right and up, -1 .. 1.
      size: pixels of a side.

    Returns:
      [size, size, 3] uint8.
    """
    sheet = canvas(size, size)
    paste(sheet, seen, (0, 0), size)
    for i in np.argsort(-risk):
        right, up = bins[i]
        at = (128 + 128 * right, 128 - 128 * up)
        disc(sheet, at, 6, _between(float(risk[i])), "white")
    right, up = bins[np.argmin(risk)]
    disc(sheet, (128 + 128 * right, 128 - 128 * up), 11, None, "white")
    return picture(sheet)


def flight_frame(
    seen: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    positions: np.ndarray,
    heading: float,
    *,
    height: int,
    width: int,
) -> np.ndarray:
    """Draws what the drone sees above a map of where it is.

    Args:
      seen: [S, S, 3] uint8.
      low: [N, 3] least corners of the boxes, m.
      high: [N, 3] greatest corners.
      positions: [t, 3] of the drone so far, m.
      heading: rad.
      height: pixels.
      width: pixels.

    Returns:
      [H, W, 3] uint8.
    """
    above = int(0.6 * height)
    tip = positions[-1, :2] + 0.8 * np.array([np.cos(heading), np.sin(heading)])
    tracks = [
        Track(positions[:, :2], BLUE, False),
        Track(np.stack([positions[-1, :2], tip]), VERMILION, False),
    ]
    below = corridor_map(low, high, tracks, height=height - above, width=width)
    side = min(above, width)
    sheet = canvas(above, width)
    paste(sheet, seen, ((width - side) // 2, (above - side) // 2), side)
    return np.concatenate([picture(sheet), below])


def paste(sheet: Canvas, seen: np.ndarray, corner: tuple[int, int], side: int) -> None:
    """Puts a picture on a sheet, at pixels of what comes of it, as squares."""
    large = Image.fromarray(seen).resize((FINER * side, FINER * side), Image.Resampling.NEAREST)
    sheet.image.paste(large, (FINER * corner[0], FINER * corner[1]))


def _draw_track(sheet: Canvas, points: list[tuple[float, float]], track: Track) -> None:
    if len(points) == 2:
        arrow(sheet, points, 2.5, track.color)
        return
    line(sheet, points, 2.5, track.color)
    x, y = points[-1]
    if track.has_crashed:
        for sign in (1, -1):
            line(sheet, [(x - 5, y - sign * 5), (x + 5, y + sign * 5)], 2.5, track.color)
    else:
        disc(sheet, (x, y), 4, track.color, INK)


def _between(share: float) -> str:
    """Mixes the colors of no risk and of a sure collision."""
    mixed = (SAFE + np.clip(share, 0.0, 1.0) * (RISKY - SAFE)).astype(np.uint8)
    return f"#{mixed.tobytes().hex()}"
