"""Labelled images in memory: scikit-learn's digits, MNIST and CIFAR-10 in their public formats."""

import difflib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.broken import leave_out_broken, refuse_broken
from jaxdl.data.sets import Half, read_cifar10, read_digits, read_mnist, read_mnist_shape


class Images(NamedTuple):
    """A data set that is held in memory.

    Attributes:
      train_images: [N, H, W, C] uint8.
      train_labels: [N] int32.
      test_images: [M, H, W, C] uint8.
      test_labels: [M] int32.
      num_classes: labels are below it.
      name: with the edition where there are several.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    name: str


READERS = {"digits": read_digits, "mnist": read_mnist, "cifar10": read_cifar10}
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}


def load(name: str, data_dir: str | Path = "", *, skip_broken: bool = False) -> Images:
    """Reads a data set, checks it, and shuffles it once, since many files are sorted by class.

    Args:
      name: "digits" (part of scikit-learn), "mnist" or "cifar10".
      data_dir: where the files lie.
      skip_broken: leave out images that cannot be decoded, and name them.

    Raises:
      BadInput: unknown name; a file is missing, damaged, or not what it claims to be.
    """
    check_name(name)
    if data_dir and not Path(data_dir).is_dir():
        raise BadInput(f"data_dir {str(data_dir)!r} is not a directory")
    on_broken = leave_out_broken() if skip_broken else refuse_broken
    raw = READERS[name](Path(data_dir) if data_dir else None, on_broken)
    train_images, train_labels = _checked(raw.title, *raw.train)
    test_images, test_labels = _checked(raw.title, *raw.test)
    if train_images.shape[1:] != test_images.shape[1:]:
        shapes = f"{train_images.shape} and {test_images.shape}"
        raise BadInput(f"{raw.title}: training and test images differ in shape: {shapes}")
    return Images(
        train_images, train_labels, test_images, test_labels, num_classes=10, name=raw.title
    )


def image_shape(name: str, data_dir: str | Path = "") -> tuple[int, int, int]:
    """Returns (H, W, C) of a set's images without reading them.

    Files that are packed like MNIST may hold images of any shape, which their header tells. Where
    there are no such files, the shape is the public set's.

    Raises:
      BadInput: unknown name.
    """
    check_name(name)
    if name == "mnist" and data_dir:
        with suppress(BadInput, OSError):  # `load` says what is wrong with the files
            return read_mnist_shape(Path(data_dir)) or SHAPES[name]
    return SHAPES[name]


def check_name(name: str) -> None:
    """Refuses names of no data set.

    Raises:
      BadInput: with the names that are known, and the nearest.
    """
    if name not in READERS:
        near = difflib.get_close_matches(name, READERS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"unknown data {name!r}: should be one of {', '.join(READERS)}{hint}")


def first_rows(data: Images, train_rows: int, test_rows: int) -> Images:
    """Keeps only so many images of each half (0: all); they are in random order."""
    train = slice(train_rows or None)
    test = slice(test_rows or None)
    return data._replace(
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )


def rows_per_class(labels: np.ndarray, num_classes: int, per_class: int, seed: int) -> np.ndarray:
    """Draws the rows of a part with equally many of each class: [num_classes * per_class].

    Raises:
      BadInput: a class has fewer.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in range(num_classes)]
    if min(map(len, chosen)) < per_class:
        raise BadInput(f"a class has fewer than {per_class} training images")
    return np.random.default_rng(seed).permutation(np.concatenate(chosen))


def balanced_order(labels: np.ndarray) -> np.ndarray:
    """Orders rows so that the classes take turns: the first n rows have each about equally often.

    Rows of a class keep their order. Of a plain draw of 13,000 among 1,000 classes some would have
    4 rows, too few to draw 10 of.

    Args:
      labels: [N] int.

    Returns:
      [N] int, each row once.
    """
    order = np.argsort(labels, kind="stable")
    _, counts = np.unique(labels, return_counts=True)
    turn = np.empty(len(labels), int)  # of each row among those of its class
    turn[order] = np.concatenate([np.arange(count) for count in counts])
    return np.argsort(turn, kind="stable")


def _checked(title: str, images: np.ndarray, labels: np.ndarray) -> Half:
    """Returns images [N, H, W, C] uint8 and labels [N] int32 in a fixed random order."""
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise BadInput(f"{title}: images should be uint8 and labels a list of integers")
    if images.ndim not in (3, 4) or not len(images) or len(images) != len(labels):
        raise BadInput(f"{title}: {images.shape} images and {labels.shape} labels do not match")
    if labels.min() < 0 or labels.max() > 9:
        raise BadInput(f"{title}: labels should be 0 to 9, found {labels.min()} to {labels.max()}")
    order = np.random.default_rng(0).permutation(len(images))
    images = images[..., None] if images.ndim == 3 else images
    return np.ascontiguousarray(images[order]), labels[order].astype(np.int32)
