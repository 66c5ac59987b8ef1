"""Pictures of an episode as an animated GIF and as one sheet, with captions."""

import functools
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxdl.render.canvas import INK, PAPER, font

GAP = 4  # pixels between pictures
HOLD = 1000  # ms that the last picture stays


def captioned(image: np.ndarray, left: str, right: str = "") -> np.ndarray:
    """Adds a band with text at both its ends below a picture, [H + band, W, 3] uint8."""
    height, width, _ = image.shape
    size = int(np.clip(width / 19, 8, 15))
    while size > 6 and font(size).getlength(f"{left}  {right}") > width - size:
        size -= 1
    band = Image.new("RGB", (width, band_of(width)), PAPER)
    pen = ImageDraw.Draw(band)
    middle = band.height / 2
    edge = size // 2
    pen.text((edge, middle), left, INK, font(size), "lm")
    pen.text((width - edge, middle), right, INK, font(size), "rm")
    return np.concatenate([image, np.asarray(band)])


def band_of(width: int) -> int:
    """Returns the height in pixels of the caption of a picture of that width."""
    return int(np.clip(width / 19, 8, 15) * 1.8)


def labeled(image: np.ndarray, text: str, *, over: bool) -> np.ndarray:
    """Writes text into a picture's corner, and pales the picture if what it shows is over."""
    if over:
        image = (0.45 * image + 0.55 * np.array([252, 252, 250])).astype(np.uint8)
    sheet = Image.fromarray(image)
    size = int(np.clip(image.shape[1] / 11, 7, 12))
    halo = {"stroke_width": 1, "stroke_fill": PAPER}
    ImageDraw.Draw(sheet).text((size // 2, size // 2), text, INK, font(size), "la", **halo)
    return np.asarray(sheet)


def mosaic(images: Sequence[np.ndarray], columns: int, *, gap: int = GAP) -> np.ndarray:
    """Sets pictures of one size beside and below each other, row by row."""
    height, width, _ = images[0].shape
    rows = -(-len(images) // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    whole = np.full(shape, [217, 217, 212], np.uint8)
    for i, image in enumerate(images):
        y = i // columns * (height + gap)
        x = i % columns * (width + gap)
        whole[y : y + height, x : x + width] = image
    return whole


def write_gif(path: Path, frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> None:
    """Writes frames [H, W, 3] uint8 as a GIF that begins again for ever.

    All frames share one palette, which is chosen for a sample of them, so that still things do not
    flicker. Equal neighbors become one frame that stays as long as both.

    Args:
      path: of the file.
      frames: of one size.
      milliseconds: how long each stays; a GIF counts in tens of them.
    """
    sample = frames[:: max(len(frames) // 12, 1)]
    shared = Image.fromarray(np.concatenate([*sample, frames[-1]]))
    palette = shared.quantize(255, Image.Quantize.MAXCOVERAGE, kmeans=2)
    reduce = functools.partial(Image.Image.quantize, palette=palette, dither=Image.Dither.NONE)
    first, *others = (reduce(Image.fromarray(frame)) for frame in frames)
    first.save(
        path,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=list(milliseconds),
        loop=0,
        optimize=True,  # what has not changed since the last frame is left transparent
    )


def write_small_gif(
    path: Path, shots: Sequence[tuple[np.ndarray, int]], most_bytes: int
) -> Sequence[tuple[np.ndarray, int]]:
    """Writes a GIF, with half its pictures where it is too large; returns those that it holds."""
    write_gif(path, *zip(*shots, strict=True))
    while path.stat().st_size > most_bytes and len(shots) > 16:
        shots = halved(shots)
        write_gif(path, *zip(*shots, strict=True))
    return shots


def halved(shots: Sequence[tuple[np.ndarray, int]]) -> list[tuple[np.ndarray, int]]:
    """Keeps every other picture for the time of two, and the last one."""
    *begun, last = shots
    pairs = [begun[i : i + 2] for i in range(0, len(begun), 2)]
    return [*((pair[0][0], sum(ms for _, ms in pair)) for pair in pairs), last]


def footnoted(image: np.ndarray, text: str) -> np.ndarray:
    """Adds lines of small text below a picture, [H + lines, W, 3] uint8."""
    width = image.shape[1]
    size = 13
    lines = textwrap.wrap(text, max(int((width - size) / (0.56 * size)), 12))
    band = Image.new("RGB", (width, int(1.4 * size * (len(lines) + 0.6))), PAPER)
    spot = size // 2, int(0.4 * size)
    ImageDraw.Draw(band).multiline_text(spot, "\n".join(lines), INK, font(size), spacing=4)
    return np.concatenate([image, np.asarray(band)])
