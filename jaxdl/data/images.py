"""Labelled images in memory: scikit-learn's digits, MNIST and CIFAR-10 in their public formats."""

import difflib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data.formats import MAX_ARRAY, read_idx, read_npz, told

MNIST = """MNIST is looked for as one of
  train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
    (IDX, with or without .gz; https://ossci-datasets.s3.amazonaws.com/mnist/)
  mnist.npz with x_train, y_train, x_test, y_test
    (https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz)"""
CIFAR10 = """CIFAR-10 is looked for as one of
  data_batch_1.bin .. data_batch_5.bin and test_batch.bin, also in cifar-10-batches-bin/
    (the binary version; https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, unpacked)
  cifar10_jpeg_train.npz and cifar10_jpeg_test.npz with blob, offsets, labels
    (JPEG files one after the other: image i is blob[offsets[i]:offsets[i + 1]])"""


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


def load(name: str, data_dir: str | Path = "") -> Images:
    """Reads a data set, checks it, and shuffles it once: many files are sorted by class.

    Args:
      name: "digits" (part of scikit-learn), "mnist" or "cifar10".
      data_dir: where the files lie.

    Raises:
      BadInput: unknown name; a file is missing, damaged, or not what it claims to be.
    """
    readers = {"digits": _digits, "mnist": _mnist, "cifar10": _cifar10}
    if name not in readers:
        near = difflib.get_close_matches(name, readers, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"unknown data {name!r}: should be one of {', '.join(readers)}{hint}")
    if data_dir and not Path(data_dir).is_dir():
        raise BadInput(f"data_dir {str(data_dir)!r} is not a directory")
    title, train, test = readers[name](Path(data_dir) if data_dir else None)
    halves = [_checked(title, *half) for half in (train, test)]
    if halves[0][0].shape[1:] != halves[1][0].shape[1:]:
        shapes = " and ".join(str(images.shape) for images, _ in halves)
        raise BadInput(f"{title}: training and test images differ in shape: {shapes}")
    return Images(*halves[0], *halves[1], num_classes=10, name=title)


def sampler(images: np.ndarray, batch_size: int) -> Callable[[jax.Array], jax.Array]:
    """A pure `sample(key) -> batch` of different images, over an array held on the device.

    Args:
      images: [N, ...], any dtype.
      batch_size: B.

    Returns:
      key -> [B, ...].

    Raises:
      BadInput: B > N, or B < 1.
    """
    if not 1 <= batch_size <= len(images):
        raise BadInput(
            f"batch_size={batch_size} should be 1 to {len(images)}, the images there are"
        )
    resident = jnp.asarray(images)

    def sample(key):
        rows = jax.random.permutation(key, len(resident))[:batch_size]
        return resident[rows]

    return sample


def first_rows(data: Images, train_rows: int, test_rows: int) -> Images:
    """The same data with only so many images of each half (0: all); they are in random order."""
    train, test = slice(train_rows or None), slice(test_rows or None)
    return data._replace(
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )


def rows_per_class(labels: np.ndarray, num_classes: int, per_class: int, seed: int) -> np.ndarray:
    """The rows of a random part with equally many of each class: [num_classes * per_class].

    Raises:
      BadInput: a class has fewer.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in range(num_classes)]
    if min(map(len, chosen)) < per_class:
        raise BadInput(f"a class has fewer than {per_class} training images")
    return np.random.default_rng(seed).permutation(np.concatenate(chosen))


def _checked(title: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, H, W, C] uint8 and labels [N] int32 in a fixed random order."""
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise BadInput(f"{title}: images should be uint8 and labels a list of integers")
    if images.ndim not in (3, 4) or not len(images) or len(images) != len(labels):
        raise BadInput(f"{title}: {images.shape} images and {labels.shape} labels do not match")
    if labels.min() < 0 or labels.max() > 9:
        raise BadInput(f"{title}: labels should be 0 to 9, found {labels.min()} to {labels.max()}")
    order = np.random.default_rng(0).permutation(len(images))
    images = images[..., None] if images.ndim == 3 else images
    return np.ascontiguousarray(images[order]), labels[order].astype(np.int32)


def _digits(folder: Path | None):
    """1,797 scans of 8 x 8 pixels; 500 of them, the same ones always, are the test set."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:500], order[500:]
    return "digits", (images[train], digits.target[train]), (images[test], digits.target[test])


def _mnist(folder: Path | None):
    if npz := _find(folder, "mnist.npz"):
        x_train, y_train, x_test, y_test = read_npz(npz, ("x_train", "y_train", "x_test", "y_test"))
        return "MNIST", (x_train, y_train), (x_test, y_test)
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    files = [
        _find(folder, f"{name}-ubyte", f"{name}-ubyte.gz", f"{name.replace('-idx', '.idx')}-ubyte")
        for name in names
    ]
    for name, file in zip(names, files, strict=True):
        if file is None:
            raise _missing(f"{name}-ubyte", folder, MNIST)
    arrays = [read_idx(file, int(name[-1])) for name, file in zip(names, files, strict=True)]
    return "MNIST", tuple(arrays[:2]), tuple(arrays[2:])


def _cifar10(folder: Path | None):
    if _find(folder, "cifar10_jpeg_train.npz"):
        halves = []
        for half in ("train", "test"):
            file = _find(folder, f"cifar10_jpeg_{half}.npz")
            if file is None:
                raise _missing(f"cifar10_jpeg_{half}.npz", folder, CIFAR10)
            halves.append(_jpegs(file))
        return "CIFAR-10 (JPEG copy)", *halves
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    files = [_find(folder, name, f"cifar-10-batches-bin/{name}") for name in names]
    for name, file in zip(names, files, strict=True):
        if file is None:
            raise _missing(name, folder, CIFAR10)
    batches = [_cifar_batch(file) for file in files]
    train = [np.concatenate(parts) for parts in zip(*batches[:5], strict=True)]
    return "CIFAR-10", train, batches[5]


def _cifar_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Records of one label and 3 x 32 x 32 bytes, channel by channel."""
    record, size = 1 + 3 * 32 * 32, file.stat().st_size
    if size == 0 or size % record:
        raise BadInput(f"{file}: {size} bytes are not a whole number of records of {record} bytes")
    if size > MAX_ARRAY:
        raise BadInput(f"{file}: {size} bytes are more than can be held in memory, {MAX_ARRAY}")
    rows = np.fromfile(file, np.uint8).reshape(-1, record)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


def _jpegs(file: Path) -> tuple[np.ndarray, np.ndarray]:
    blob, offsets, labels = read_npz(file, ("blob", "offsets", "labels"))
    whole = offsets.ndim == blob.ndim == labels.ndim == 1 and offsets.dtype.kind in "iu"
    if not whole or blob.dtype != np.uint8 or len(offsets) != len(labels) + 1:
        raise BadInput(f"{file}: blob, offsets and labels do not belong together")
    offsets = offsets.astype(np.int64)  # unsigned differences are never negative
    if offsets[0] < 0 or np.any(np.diff(offsets) < 0) or offsets[-1] > len(blob):
        raise BadInput(f"{file}: offsets point outside of blob")

    def decode(i):
        content = io.BytesIO(blob[offsets[i] : offsets[i + 1]].tobytes())
        with told(f"{file}: image {i} cannot be decoded"):
            with Image.open(content, formats=("JPEG",)) as image:
                if image.size != (32, 32):  # known before any pixel is decoded
                    raise BadInput(f"{file}: image {i} is {image.size}, should be (32, 32)")
                return np.asarray(image.convert("RGB"))

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(decode, range(len(labels)), chunksize=256))
    return np.stack(images), labels


def _find(folder: Path | None, *names: str) -> Path | None:
    """The first of the files that is there."""
    paths = [folder / name for name in names] if folder else []
    return next((path for path in paths if path.is_file()), None)


def _missing(name: str, folder: Path | None, formats: str) -> BadInput:
    where = f"{folder} has no {name}" if folder else "--data_dir is not given"
    return BadInput(f"{where}. {formats}")
