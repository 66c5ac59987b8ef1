"""Training images with their labels, all of them or a few: what supervised learners take."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxdl.core.learner import DeviceData, HostData
from jaxdl.core.run import BadInput
from jaxdl.data.images import rows_per_class
from jaxdl.data.source import FOLDERS, ImageSource, ProbeImages


class Labelled(NamedTuple):
    """Images and what they show.

    Attributes:
      images: [B, H, W, C] uint8.
      labels: [B] int32.
    """

    images: np.ndarray
    labels: np.ndarray


class Taught(NamedTuple):
    """Images, and beside them labelled ones for L learners that have different numbers of labels.

    Attributes:
      images: [B, H, W, C] uint8.
      shown: [B, L, H, W, C] uint8.
      labels: [B, L] int32, of those that are shown.
    """

    images: np.ndarray
    shown: np.ndarray
    labels: np.ndarray


def labelled_training(
    source: ImageSource, batch_size: int, *, share: float = 1.0, per_class: int = 0, seed: int = 0
) -> DeviceData | HostData:
    """Reads the labelled images that are learned from; batches are `Labelled`.

    A batch may be larger than the number of labels: it then holds an image several times, and the
    augmentation tells the copies apart.

    Args:
      source: of the images; its probe holds all that are learned from.
      batch_size: B.
      share: of each class's images that keep their labels; others are not seen.
      per_class: if not 0, so many of each class in the place of a share.
      seed: which ones.

    Raises:
      BadInput: there are no labels, or fewer than classes.
    """
    data = source.probe()
    rows = choose_labelled(data, share=share, per_class=per_class, seed=seed)
    copies = -(-batch_size // len(rows))
    rows = np.tile(rows, copies)
    if source.name in FOLDERS:
        return _read_while_training(data, rows, batch_size)
    images = data.read(range(len(data.train_labels)))
    return DeviceData(Labelled(images[rows], data.train_labels[rows]), batch_size)


def taught_training(
    source: ImageSource, batch_size: int, *, counts: Sequence[int], seed: int = 0
) -> DeviceData:
    """Reads all training images, and beside each a labelled one for each number of labels.

    The labels of a number are among those of any greater one. They take turns beside the images, so
    that each is shown equally often.

    Args:
      source: of the images, which have to fit on the device 1 + L times.
      batch_size: B.
      counts: L numbers of labels a class.
      seed: which ones.

    Raises:
      BadInput: there are no labels, a class has fewer, or the images are read while training.
    """
    if source.name in FOLDERS:
        raise BadInput(f"--data={source.name}: these images do not fit on the device")
    data = source.probe()
    num_train = len(data.train_labels)
    rows = np.stack(
        [np.resize(choose_labelled(data, per_class=n, seed=seed), num_train) for n in counts], 1
    )
    images = data.read(range(num_train))
    return DeviceData(Taught(images, images[rows], data.train_labels[rows]), batch_size)


def choose_labelled(
    data: ProbeImages, *, share: float = 1.0, per_class: int = 0, seed: int = 0
) -> np.ndarray:
    """Draws the training images that keep their labels, class by class: their rows [n].

    Raises:
      BadInput: there are no labels, or a class would have none.
    """
    if not data.num_classes:
        raise BadInput("these images have no labels to learn from")
    if per_class:
        return rows_per_class(data.train_labels, data.num_classes, per_class, seed)
    if share == 1.0:
        return np.arange(len(data.train_labels))
    order = np.random.default_rng(seed).permutation(len(data.train_labels))
    of_class = [order[data.train_labels[order] == label] for label in range(data.num_classes)]
    chosen = [rows[: round(share * len(rows))] for rows in of_class]
    if not min(map(len, chosen)):
        raise BadInput(
            f"--labels={share:g} of {len(order)} images are fewer labels than classes "
            f"({data.num_classes}): a class would have none"
        )
    return np.random.default_rng(seed).permutation(np.concatenate(chosen))


def _read_while_training(data: ProbeImages, rows: np.ndarray, batch_size: int) -> HostData:
    """Decodes these images batch by batch; each epoch has an order that (seed, epoch) decides."""
    pool = ThreadPoolExecutor()

    @lru_cache(maxsize=32)  # two epochs of each seed: a batch can straddle them
    def order_of(seed, epoch):
        return np.random.default_rng((seed, epoch)).permutation(rows)

    def fetch(seed, step, places):
        places = step * batch_size + np.asarray(places)
        chosen = [int(order_of(seed, int(i // len(rows)))[i % len(rows)]) for i in places]
        images = pool.map(lambda row: data.read(range(row, row + 1))[0], chosen)
        return Labelled(np.stack(list(images)), data.train_labels[chosen])

    digest = hashlib.sha256(rows.tobytes() + data.train_labels.tobytes())
    return HostData(fetch, batch_size, digest.hexdigest()[:16])
