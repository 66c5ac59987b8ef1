"""What mixed training learns from: simulated pictures, and a share of the real ones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.core.learner import DeviceData
from jaxdl.core.run import BadInput
from jaxdl.data.images import balanced_order
from jaxdl.sim2real.domains import Pair


class Mixture(NamedTuple):
    """Labeled pictures of both domains, of the real one for each of L shares.

    Attributes:
      simulated_images: [B, H, W, C] uint8.
      simulated_labels: [B] int32.
      real_images: [B, L, H, W, C] uint8, of those that have labels at each share.
      real_labels: [B, L] int32.
    """

    simulated_images: np.ndarray
    simulated_labels: np.ndarray
    real_images: np.ndarray
    real_labels: np.ndarray


def mixed_training(
    pair: Pair, batch_size: int, *, shares: Sequence[float], seed: int = 0
) -> DeviceData:
    """Reads simulated pictures, and for each share above 0 the real ones that have labels.

    Those of a smaller share are among those of a larger one, and the classes take turns. An epoch
    is one of the larger domain; the others' pictures come several times in it, equally often.

    Args:
      pair: simulation is its source, reality its target.
      batch_size: B.
      shares: percentages of the target's training images, rising.
      seed: which of them have labels first.

    Returns:
      Batches of `Mixture`, whose L shares are those above 0.

    Raises:
      BadInput: a share has no image, or there are fewer images than a batch has.
    """
    source, target = pair.read()
    counts = count_real(shares, len(target.train_labels))
    rows = np.arange(max(len(source.train_labels), len(target.train_labels)))
    if len(rows) < batch_size:
        raise BadInput(f"--batch_size={batch_size}: {pair.name} has {len(rows)} training images")
    order = np.random.default_rng(seed).permutation(len(target.train_labels))
    order = order[balanced_order(target.train_labels[order])]
    simulated = rows % len(source.train_labels)
    real = np.stack([order[rows % count] for count in counts if count], axis=1)
    arrays = Mixture(
        source.train_images[simulated],
        source.train_labels[simulated],
        target.train_images[real],
        target.train_labels[real],
    )
    return DeviceData(arrays, batch_size)


def count_real(shares: Sequence[float], images: int) -> list[int]:
    """Counts the real pictures of each share, to the nearest one.

    Args:
      shares: percentages.
      images: how many there are in all.

    Raises:
      BadInput: a share above 0 is less than half a picture.
    """
    counts = [round(share / 100 * images) for share in shares]
    for share, count in zip(shares, counts, strict=True):
        if share and not count:
            raise BadInput(f"--shares: {share:g} % of {images} real training images is none, and "
                           "has no label")  # fmt: skip
    return counts


def check_shares(shares: Sequence[float]) -> None:
    """Refuses shares that make no curve.

    Raises:
      BadInput: they do not rise from 0 to at most 100, or are fewer than two.
    """
    rising = all(a < b for a, b in zip(shares, shares[1:], strict=False))
    if len(shares) < 2 or shares[0] != 0 or not rising or shares[-1] > 100:
        shown = ",".join(f"{share:g}" for share in shares)
        raise BadInput(f"--shares={shown}: should rise from 0, simulation alone, to at most 100 %")


def count_in_batch(batch_size: int, batch_share: float) -> int:
    """Counts the real pictures of a mixed batch.

    Raises:
      BadInput: the share is not within 0 to 100, or not one of whole pictures.
    """
    count = batch_share / 100 * batch_size
    if not 0 <= batch_share <= 100 or abs(count - round(count)) > 1e-6:
        raise BadInput(f"--batch_share={batch_share:g}: should be 0 to 100 and a whole number of "
                       f"--batch_size={batch_size} pictures, not {count:g}")  # fmt: skip
    return round(count)


def place_real(batch_size: int, count: int) -> np.ndarray:
    """Marks which rows of a batch are real, evenly spaced, so that each device has its share.

    Returns:
      [B] bool, of which exactly `count` are true.
    """
    rows = np.arange(batch_size + 1) * count // batch_size
    return np.diff(rows) > 0
