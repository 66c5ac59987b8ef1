"""Few labeled images, many without labels, and perhaps some of other things among these."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data.formats import read_npz
from jaxdl.data.images import Images, first_rows, load, rows_per_class

OUTSIDE = -1  # the label of what is none of the classes


class Pool(NamedTuple):
    """What a semi-supervised learner is given, and what it is measured by.

    Attributes:
      images: [N, H, W, C] uint8; those of other things come last.
      labels: [N] int32, OUTSIDE for those. Learners may look at the labels of `Split.labeled`
        alone; the others serve to judge guesses.
      test_images: [T, H, W, C] uint8.
      test_labels: [T] int32.
      num_classes: labels are below it.
    """

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    num_classes: int


class PoolFiles(NamedTuple):
    """Where a pool comes from.

    Attributes:
      data: name of the data set, such as "digits".
      data_dir: where its files lie.
      train_images: so many training images are its images (0: all).
      test_images: so many test images (0: all).
      skip_broken: leave out images that cannot be decoded, and name them.
      outside_file: .npz with images of other things; "" for none.
      outside: how many of these join.
    """

    data: str
    data_dir: str = ""
    train_images: int = 0
    test_images: int = 0
    skip_broken: bool = False
    outside_file: str = ""
    outside: int = 0


class Split(NamedTuple):
    """Rows of a pool.

    Attributes:
      labeled: [L] int32, equally many of each class.
      unlabeled: [M] int32, none of them labeled.
    """

    labeled: np.ndarray
    unlabeled: np.ndarray


@lru_cache(maxsize=2)
def read_pool(files: PoolFiles) -> Pool:
    """Reads a pool, once in a process.

    Raises:
      BadInput: a file is missing or broken, or training images are test images too.
    """
    data = load(files.data, files.data_dir, skip_broken=files.skip_broken)
    data = first_rows(data, files.train_images, files.test_images)
    outside = read_outside(files.outside_file, files.outside) if files.outside else None
    return make_pool(data, outside)


def make_pool(data: Images, outside: np.ndarray | None = None) -> Pool:
    """Joins the training images of a data set with images [O, h, w] of other things.

    Those are resized to the data's, and repeated over its channels.

    Raises:
      BadInput: some of the images are test images too.
    """
    images = data.train_images
    labels = data.train_labels
    if outside is not None:
        images = np.concatenate([images, resized(outside, images.shape[1:])])
        labels = np.concatenate([labels, np.full(len(outside), OUTSIDE, labels.dtype)])
    refuse_test_images(images, data.test_images)
    return Pool(images, labels, data.test_images, data.test_labels, data.num_classes)


def split_pool(pool: Pool, *, labels: int, unlabeled: int, seed: int) -> Split:
    """Draws the labeled rows, and the others of the classes; those of other things are all taken.

    Args:
      pool: the images.
      labels: L, a multiple of the classes.
      unlabeled: rows of the classes, without those of other things.
      seed: of the draw.

    Raises:
      BadInput: fewer labels than classes, not equally many of each, or fewer images than asked for.
    """
    per_class, rest = divmod(labels, pool.num_classes)
    if not per_class:
        raise BadInput(f"--labels={labels} are fewer than the {pool.num_classes} classes")
    if rest:
        raise BadInput(f"--labels={labels} is no multiple of the {pool.num_classes} classes")
    inside = np.flatnonzero(pool.labels != OUTSIDE)
    if labels + unlabeled > len(inside):
        raise BadInput(
            f"--labels={labels} and --unlabeled={unlabeled} are more than the {len(inside)} images"
        )
    labeled = inside[rows_per_class(pool.labels[inside], pool.num_classes, per_class, seed)]
    others = np.random.default_rng(seed).permutation(np.setdiff1d(inside, labeled))
    outside = np.flatnonzero(pool.labels == OUTSIDE)
    rows = np.concatenate([others[:unlabeled], outside])
    return Split(labeled.astype(np.int32), rows.astype(np.int32))


def read_outside(file: str | Path, count: int) -> np.ndarray:
    """Reads gray images of other things: `arr_0` [O, h, w] uint8 of an .npz, as KMNIST has it.

    Args:
      file: such as kmnist-test-imgs.npz.
      count: how many are taken, in a fixed random order.

    Raises:
      BadInput: the file is missing or of another kind, or holds fewer.
    """
    path = Path(file)
    if not path.is_file():
        raise BadInput(f"--outside_file={path} is no file")
    (images,) = read_npz(path, ("arr_0",))
    if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
        raise BadInput(f"{path}: arr_0 should be uint8 images [N, H, W], not {images.shape}")
    if len(images) < count:
        raise BadInput(f"--outside={count}: {path} holds {len(images)} images")
    return images[np.random.default_rng(0).permutation(len(images))[:count]]


def resized(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns gray images [N, h, w] as [N, H, W, C] of the shape (H, W, C)."""
    height, width, channels = shape
    if images.shape[1:] != (height, width):
        size = (width, height)
        images = np.stack([Image.fromarray(x).resize(size, Image.BILINEAR) for x in images])
    return np.repeat(images[..., None], channels, axis=-1)


def refuse_test_images(images: np.ndarray, test_images: np.ndarray) -> None:
    """Compares images [N, H, W, C] with test images [M, H, W, C] by their hashes.

    Raises:
      BadInput: some of them are the same.
    """
    of_test = set(_hashes(test_images))
    found = sum(value in of_test for value in _hashes(images))
    if found:
        raise BadInput(
            f"the images that are learned from hold {found} of the test images: what is measured "
            "would be memory"
        )


def _hashes(images: np.ndarray) -> list[bytes]:
    return [hashlib.sha256(image.tobytes()).digest() for image in images]
