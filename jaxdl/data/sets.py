"""Readers of public image sets: scikit-learn's digits, MNIST and CIFAR-10, as (images, labels)."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data.broken import OnBroken, refuse_broken
from jaxdl.data.formats import (
    MAX_ARRAY,
    as_bad_input,
    read_idx,
    read_idx_shape,
    read_npz,
    read_npz_shape,
)

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


Half = tuple[np.ndarray, np.ndarray]  # images [N, H, W] or [N, H, W, C], labels [N]


class RawSet(NamedTuple):
    """A data set as its files hold it, not checked yet.

    Attributes:
      title: with the edition where there are several.
      train: the training half.
      test: the test half.
    """

    title: str
    train: Half
    test: Half


def read_digits(folder: Path | None, on_broken: OnBroken = refuse_broken) -> RawSet:
    """Reads 1,797 scans of 8 x 8 pixels; 500 of them, the same ones always, are the test set."""
    from sklearn.datasets import load_digits

    del folder, on_broken  # it is part of scikit-learn
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    test = order[:500]
    train = order[500:]
    halves = [(images[rows], digits.target[rows]) for rows in (train, test)]
    return RawSet("digits", *halves)


def read_mnist(folder: Path | None, on_broken: OnBroken = refuse_broken) -> RawSet:
    """Reads MNIST, or what is packed like it, out of its four IDX files or mnist.npz."""
    del on_broken  # arrays are whole or not at all
    if npz := _find(folder, "mnist.npz"):
        arrays = read_npz(npz, ("x_train", "y_train", "x_test", "y_test"))
    else:
        names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        files = [_find_idx(folder, name) for name in names]
        for name, file in zip(names, files, strict=True):
            if file is None:
                raise _missing(f"{name}-ubyte", folder, MNIST)
        arrays = [read_idx(file, int(name[-1])) for name, file in zip(names, files, strict=True)]
    return RawSet("MNIST", tuple(arrays[:2]), tuple(arrays[2:]))


def read_mnist_shape(folder: Path) -> tuple[int, int, int] | None:
    """Reads (H, W, C) out of the header of the training images, or None where there are none.

    Raises:
      BadInput: the file is damaged.
    """
    if npz := _find(folder, "mnist.npz"):
        shape = read_npz_shape(npz, "x_train")
    elif idx := _find_idx(folder, "train-images-idx3"):
        shape = read_idx_shape(idx, 3)
    else:
        return None
    if len(shape) not in (3, 4):
        raise BadInput(f"{folder}: images of shape {shape} should be [N, H, W] or [N, H, W, C]")
    return (*shape[1:], 1)[:3]


def read_cifar10(folder: Path | None, on_broken: OnBroken = refuse_broken) -> RawSet:
    """Reads CIFAR-10 out of its binary batches, or out of two files of JPEGs."""
    if _find(folder, "cifar10_jpeg_train.npz"):
        halves = []
        for half in ("train", "test"):
            file = _find(folder, f"cifar10_jpeg_{half}.npz")
            if file is None:
                raise _missing(f"cifar10_jpeg_{half}.npz", folder, CIFAR10)
            halves.append(_read_jpegs(file, on_broken))
        return RawSet("CIFAR-10 (JPEG copy)", *halves)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    files = [_find(folder, name, f"cifar-10-batches-bin/{name}") for name in names]
    for name, file in zip(names, files, strict=True):
        if file is None:
            raise _missing(name, folder, CIFAR10)
    batches = [_read_cifar_batch(file) for file in files]
    images = np.concatenate([images for images, _ in batches[:5]])
    labels = np.concatenate([labels for _, labels in batches[:5]])
    return RawSet("CIFAR-10", (images, labels), batches[5])


def _read_cifar_batch(file: Path) -> Half:
    """Reads records of one label and 3 x 32 x 32 bytes, channel by channel."""
    record = 1 + 3 * 32 * 32
    size = file.stat().st_size
    if size == 0 or size % record:
        raise BadInput(f"{file}: {size} bytes are not a whole number of records of {record} bytes")
    if size > MAX_ARRAY:
        raise BadInput(f"{file}: {size} bytes are more than can be held in memory, {MAX_ARRAY}")
    rows = np.fromfile(file, np.uint8).reshape(-1, record)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


def _read_jpegs(file: Path, on_broken: OnBroken) -> Half:
    blob, offsets, labels = read_npz(file, ("blob", "offsets", "labels"))
    whole = offsets.ndim == blob.ndim == labels.ndim == 1 and offsets.dtype.kind in "iu"
    if not whole or blob.dtype != np.uint8 or len(offsets) != len(labels) + 1:
        raise BadInput(f"{file}: blob, offsets and labels do not belong together")
    offsets = offsets.astype(np.int64)  # unsigned differences are never negative
    if offsets[0] < 0 or np.any(np.diff(offsets) < 0) or offsets[-1] > len(blob):
        raise BadInput(f"{file}: offsets point outside of blob")

    def decode(i):
        content = io.BytesIO(blob[offsets[i] : offsets[i + 1]].tobytes())
        try:
            return _decode_jpeg(content, f"{file}: image {i}")
        except BadInput as error:
            on_broken(error)
            return None

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(decode, range(len(labels)), chunksize=256))
    readable = [i for i, image in enumerate(images) if image is not None]
    if not readable:
        raise BadInput(f"{file}: all {len(labels)} images are broken")
    return np.stack([images[i] for i in readable]), labels[readable]


def _decode_jpeg(content: io.BytesIO, what: str) -> np.ndarray:
    with as_bad_input(f"{what} cannot be decoded"):
        with Image.open(content, formats=("JPEG",)) as image:
            if image.size != (32, 32):  # known before any pixel is decoded
                raise BadInput(f"{what} is {image.size}, should be (32, 32)")
            return np.asarray(image.convert("RGB"))


def _find_idx(folder: Path | None, name: str) -> Path | None:
    """Finds an IDX file under one of the three names that are in use."""
    dotted = name.replace("-idx", ".idx")
    return _find(folder, f"{name}-ubyte", f"{name}-ubyte.gz", f"{dotted}-ubyte")


def _find(folder: Path | None, *names: str) -> Path | None:
    """Returns the first of the files that is there."""
    paths = [folder / name for name in names] if folder else []
    return next((path for path in paths if path.is_file()), None)


def _missing(name: str, folder: Path | None, formats: str) -> BadInput:
    where = f"{folder} has no {name}" if folder else "--data_dir is not given"
    return BadInput(f"{where}. {formats}")
