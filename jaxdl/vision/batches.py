"""Labelled images in batches of one size, for evaluations that see each image once."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.source import ProbeImages


class ProbeBatch(NamedTuple):
    """Images that are encoded at a time.

    Attributes:
      images: [B, H, W, C] uint8.
      labels: [B] int32.
      start: int32 scalar, the row of the first of them.
    """

    images: np.ndarray
    labels: np.ndarray
    start: np.ndarray


def all_rows(data: ProbeImages) -> range:
    """The numbers of all images."""
    return range(len(data.train_labels) + len(data.test_labels))


def test_rows(data: ProbeImages) -> range:
    """The numbers of the test images."""
    return all_rows(data)[len(data.train_labels) :]


def read_batches(data: ProbeImages, rows: range, batch_size: int) -> Iterator[ProbeBatch]:
    """Yields these rows in batches of one size; the last one is padded with zeros."""
    size = min(batch_size, len(rows))
    labels = np.concatenate([data.train_labels, data.test_labels])
    labels = np.pad(labels, (0, -len(rows) % size))
    for start in range(rows.start, rows.stop, size):
        images = data.read(range(start, min(start + size, rows.stop)))
        padding = ((0, size - len(images)), *((0, 0),) * (images.ndim - 1))
        yield ProbeBatch(np.pad(images, padding), labels[start : start + size], np.int32(start))


def shape_batch(data: ProbeImages, rows: range, batch_size: int) -> ProbeBatch:
    """Returns the shapes of a batch, of which one image alone is read."""
    size = min(batch_size, len(rows))
    images = (size, *data.read(range(1)).shape[1:])
    return ProbeBatch(
        jax.ShapeDtypeStruct(images, jnp.uint8),
        jax.ShapeDtypeStruct((size,), data.train_labels.dtype),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
