"""Films of a structure that forms: pass by pass of a net, or step by step of a descent.

The camera goes slowly around the chain. Between two stages that were computed the chain moves on a
straight line, so that the eye can follow it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.science.pictures import (
    THIN,
    TRUE,
    Strand,
    confidence_colors,
    draw_turning,
    frame,
    place_colors,
    superposed,
)

FRAMES = 60  # pictures of a film, about
PACE, HOLD = 80, 1600  # ms of a picture, and of the last one
SWING = 70.0  # degrees by which the camera goes around


class Folding(NamedTuple):
    """How a chain has folded.

    Attributes:
      stages: [F, N, 3] CA atoms, Angstrom, in any frame.
      is_known: [N] bool, which residues are drawn.
      plddt: [F, N], 0 to 100, their colors; None colors from the chain's beginning to its end.
      true: [N, 3], Angstrom; None where it is not known.
      is_true: [N] bool, which of them are known.
      captions: [F] of the stages.
    """

    stages: np.ndarray
    is_known: np.ndarray
    plddt: np.ndarray | None = None
    true: np.ndarray | None = None
    is_true: np.ndarray | None = None
    captions: Sequence[str] = ()


Shots = list[tuple[np.ndarray, int]]  # pictures [H, W, 3] uint8, and ms that each stays


def film(foldings: Sequence[Folding], *, titles: Sequence[str] = (), size: int = 320) -> Shots:
    """Films chains side by side, all of them with equally many stages.

    Args:
      foldings: one or several.
      titles: of the chains.
      size: of a chain's picture, pixels.
    """
    from jaxdl.render.film import labeled, mosaic

    stages = len(foldings[0].stages)
    between = max(round(FRAMES / max(stages - 1, 1)), 1)
    times = np.linspace(0, stages - 1, (stages - 1) * between + 1)
    columns = [_shots(one, times, size) for one in foldings]
    if titles:
        named = zip(columns, titles, strict=True)
        columns = [[labeled(x, title, over=False) for x in column] for column, title in named]
    pictures = [mosaic(row, len(row)) for row in zip(*columns, strict=True)]
    return [*((picture, PACE) for picture in pictures[:-1]), (pictures[-1], HOLD)]


def _shots(folding: Folding, times: np.ndarray, size: int) -> list[np.ndarray]:
    """Draws a chain at times between its stages, the camera going around."""
    from jaxdl.render.film import captioned

    one, framing = _laid(folding)
    angles = SWING * (np.linspace(0, 1, len(times)) - 0.5)
    pictures = draw_turning([_strands(one, t) for t in times], framing, angles, size=size)
    if not len(one.captions):
        return pictures
    nearest = np.minimum((times + 0.5).astype(int), len(one.stages) - 1)
    return [captioned(x, one.captions[i]) for x, i in zip(pictures, nearest, strict=True)]


def stills(folding: Folding, *, count: int = 6, size: int = 240) -> np.ndarray:
    """Returns pictures of evenly spaced stages side by side, from one side."""
    from jaxdl.render.film import captioned, mosaic

    one, framing = _laid(folding)
    last = len(one.stages) - 1
    chosen = np.unique(np.linspace(0, last, min(count, last + 1)).round().astype(int))
    moments = [_strands(one, float(i)) for i in chosen]
    pictures = draw_turning(moments, framing, [0.0] * len(chosen), size=size)
    texts = [one.captions[i] if len(one.captions) else "" for i in chosen]
    images = [captioned(p, text) for p, text in zip(pictures, texts, strict=True)]
    return mosaic(images, min(len(images), 3))


def _laid(folding: Folding):
    """Lays all stages upon the truth, or upon the last one, and points the camera there."""
    stages, known = np.asarray(folding.stages, np.float32), np.asarray(folding.is_known, bool)
    fixed, both = stages[-1], known
    if folding.true is not None:
        fixed = np.asarray(folding.true, np.float32)
        both = known & np.asarray(folding.is_true, bool)
    stages = superposed(stages, fixed, both.astype(np.float32))
    framing = frame(Strand(fixed, both, TRUE), [Strand(stages[-1], known, TRUE)])
    return folding._replace(stages=stages), framing


def _strands(folding: Folding, time: float) -> list[Strand]:
    """Returns the chain at a time between two stages, and the truth."""
    low = min(int(time), len(folding.stages) - 1)
    high = min(low + 1, len(folding.stages) - 1)
    share = time - low
    mix = lambda array: (1 - share) * array[low] + share * array[high]  # noqa: E731
    known = np.asarray(folding.is_known, bool)
    if folding.plddt is None:
        rgb = place_colors(len(known))
    else:
        rgb = confidence_colors(mix(np.asarray(folding.plddt)))
    strands = [Strand(mix(folding.stages), known, rgb)]
    if folding.true is not None:
        strands.append(Strand(folding.true, np.asarray(folding.is_true, bool), TRUE, THIN))
    return strands
