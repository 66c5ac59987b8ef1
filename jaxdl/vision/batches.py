"""Labelled images in batches of one size, for evaluations that see each image once."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
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


class Exam(NamedTuple):
    """Labelled test images, as an evaluation of classifiers reads them.

    Attributes:
      images: () -> the images, of which those to test count.
      batches: () -> batches of the test images.
      batch_shape: () -> the shapes of a batch.
    """

    images: Callable[[], ProbeImages]
    batches: Callable[[], Iterator[ProbeBatch]]
    batch_shape: Callable[[], ProbeBatch]


def set_exam(
    open_probe: Callable[[], ProbeImages], batch_size: int, *, num_classes: int | None = None
) -> Exam:
    """Prepares an exam, and reads nothing.

    Args:
      open_probe: () -> the images.
      batch_size: images that are read at a time.
      num_classes: that they should have; None for any number.

    Returns:
      An exam whose functions raise BadInput where there are no labels, or other classes.
    """

    def images():
        data = open_probe()
        if not len(data.test_labels):
            raise BadInput("there are no labelled test images: nothing tells what was learned")
        if num_classes is not None and data.num_classes != num_classes:
            raise BadInput(f"--classes={num_classes}: the images have {data.num_classes} classes")
        return data

    def batches():
        data = images()
        return read_batches(data, test_rows(data), batch_size)

    def batch_shape():
        data = images()
        return shape_batch(data, test_rows(data), batch_size)

    return Exam(images, batches, batch_shape)


def are_tests(data: ProbeImages, batch: ProbeBatch) -> jax.Array:
    """Tells which rows [B] of a batch of test images are images, and no padding."""
    return batch.start + jnp.arange(len(batch.labels)) < test_rows(data).stop


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
