"""Drawing on a sheet of 256 x 256 units, four times as fine as the picture that comes of it."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

UNITS = 256  # along the shorter side of a picture
FINER = 4  # pixels drawn for one of the picture, along each axis
PAPER = "#fcfcfa"
INK = "#3a3a3a"
FAINT = "#d9d9d4"

Point = tuple[float, float]


class Canvas(NamedTuple):
    """Holds a sheet with a square of 256 x 256 units in its middle, x to the right and y down.

    Attributes:
      image: Pillow's, FINER times as large as the picture.
      pen: draws on it.
      scale: its pixels in a unit.
      corner: its pixel at (0, 0) units.
    """

    image: Image.Image
    pen: Any
    scale: float
    corner: Point


def canvas(height: int, width: int) -> Canvas:
    """Makes an empty sheet for a picture of that size, pixels."""
    image = Image.new("RGB", (FINER * width, FINER * height), PAPER)
    scale = FINER * min(height, width) / UNITS
    corner = (image.width - UNITS * scale) / 2, (image.height - UNITS * scale) / 2
    return Canvas(image, ImageDraw.Draw(image), scale, corner)


def picture(sheet: Canvas) -> np.ndarray:
    """Returns what was drawn, [H, W, 3] uint8."""
    return np.asarray(sheet.image.reduce(FINER))


def edges(sheet: Canvas) -> tuple[float, float, float, float]:
    """Returns the sheet's left, top, right and bottom edge in units."""
    (x, y) = sheet.corner
    scale = sheet.scale
    return -x / scale, -y / scale, (sheet.image.width - x) / scale, (sheet.image.height - y) / scale


def line(sheet: Canvas, points: Sequence[Point], thickness: float, color: str) -> None:
    """Draws a polyline with round ends and joints."""
    pixels = [_pixel(sheet, point) for point in points]
    sheet.pen.line(pixels, color, max(round(thickness * sheet.scale), 1), "curve")
    for point in (points[0], points[-1]):
        disc(sheet, point, thickness / 2, color)


def disc(
    sheet: Canvas, center: Point, radius: float, color: str | None, rim: str | None = None
) -> None:
    """Draws a filled circle, a ring, or both."""
    x, y = _pixel(sheet, center)
    r = radius * sheet.scale
    sheet.pen.ellipse((x - r, y - r, x + r, y + r), color, rim, _rim(sheet))


def box(
    sheet: Canvas,
    low: Point,
    high: Point,
    color: str | None,
    *,
    round_by: float = 0,
    rim: Any = None,
) -> None:
    """Draws a rectangle between two corners, the left upper one first."""
    (left, top) = _pixel(sheet, low)
    (right, bottom) = _pixel(sheet, high)
    corners = (left, top, max(left, right), max(top, bottom))
    sheet.pen.rounded_rectangle(corners, round_by * sheet.scale, color, rim, _rim(sheet))


def polygon(sheet: Canvas, points: Sequence[Point], color: str) -> None:
    """Draws a filled polygon."""
    sheet.pen.polygon([_pixel(sheet, point) for point in points], color)


def arrow(sheet: Canvas, points: Sequence[Point], thickness: float, color: str) -> None:
    """Draws a polyline whose end is the tip of an arrow."""
    (x, y), tip = points[-2:]
    length = max(np.hypot(tip[0] - x, tip[1] - y), 1e-6)
    ahead = (tip[0] - x) / length
    aside = (tip[1] - y) / length
    size = 1.7 * thickness
    line(sheet, points, thickness, color)
    wings = [(tip[0] - s * size * aside, tip[1] + s * size * ahead) for s in (1, -1)]
    polygon(sheet, [(tip[0] + 1.9 * size * ahead, tip[1] + 1.9 * size * aside), *wings], color)


def write(sheet: Canvas, at: Point, text: str, size: float, color: str, anchor: str = "mm") -> None:
    """Writes text at a point, by Pillow's anchors, in a font of that size in units."""
    sheet.pen.text(_pixel(sheet, at), text, color, font(round(size * sheet.scale)), anchor)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Loads DejaVu Sans, which matplotlib brings along, of that size in pixels."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), max(size, 1))


def _pixel(sheet: Canvas, point: Point) -> Point:
    return tuple(float(c + v * sheet.scale) for c, v in zip(sheet.corner, point, strict=True))


def _rim(sheet: Canvas) -> int:
    return max(round(1.6 * sheet.scale), 1)
