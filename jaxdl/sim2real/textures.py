"""Textured images of our own making, after MNIST-M: digits over patches of photographs.

Ganin et al. 2016 (arXiv 1505.07818), section 5.2.4, blend MNIST with patches of BSDS500 by the
absolute difference. The photographs here are the two that scikit-learn carries. The left part of
each is for training, the right part for tests, so that no pixel is seen in both.
"""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np

PICTURES = ("china.jpg", "flower.jpg")
HEIGHT, WIDTH = 427, 640  # of both
BORDER = 448  # the column where the part for tests begins

Part = Literal["train", "test"]


class Patches(NamedTuple):
    """Squares of the photographs.

    Attributes:
      picture: [N] int, which of them.
      row: [N] int, of the upper left pixel.
      column: [N] int, likewise.
      side: of the squares in pixels.
    """

    picture: np.ndarray
    row: np.ndarray
    column: np.ndarray
    side: int


def draw_patches(part: Part, count: int, side: int, *, seed: int = 0) -> Patches:
    """Draws squares that lie wholly within a part of the photographs.

    Args:
      part: "train" or "test".
      count: N.
      side: in pixels.
      seed: of the draw; each part has a stream of its own.
    """
    left, right = (0, BORDER) if part == "train" else (BORDER, WIDTH)
    rng = np.random.default_rng((seed, left))
    return Patches(
        rng.integers(len(PICTURES), size=count),
        rng.integers(HEIGHT - side + 1, size=count),
        rng.integers(left, right - side + 1, size=count),
        side,
    )


def cut_patches(patches: Patches, size: int) -> np.ndarray:
    """Cuts squares out of the photographs, reduced to `size` by means over equal parts.

    Args:
      patches: N squares, whose side is a multiple of the size.
      size: side of the result in pixels.

    Returns:
      [N, size, size, 3] uint8.
    """
    pictures = _photographs()
    factor = patches.side // size
    cut = np.empty((len(patches.row), size, size, 3), np.uint8)
    places = zip(patches.picture, patches.row, patches.column, strict=True)
    for place, (picture, row, column) in enumerate(places):
        square = pictures[picture, row : row + patches.side, column : column + patches.side]
        parts = square.reshape(size, factor, size, factor, 3)
        cut[place] = parts.mean(axis=(1, 3)).round() if factor > 1 else square
    return cut


def blend(images: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Blends gray images with patches by the absolute difference, channel by channel.

    Args:
      images: [N, H, W, 1] uint8.
      patches: [N, H, W, 3] uint8.

    Returns:
      [N, H, W, 3] uint8.
    """
    return np.maximum(images, patches) - np.minimum(images, patches)


@cache
def _photographs() -> np.ndarray:
    """Reads both photographs, [2, HEIGHT, WIDTH, 3] uint8."""
    from sklearn.datasets import load_sample_image

    return np.stack([load_sample_image(name) for name in PICTURES])
