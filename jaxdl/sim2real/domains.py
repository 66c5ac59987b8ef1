"""Pairs of domains: labeled images of the one, images of the other that has to be read too.

A pair is two data sets of the same classes. No image is for training in both of them: where the
target is made of the same digits as the source, each has half of them. The test images of both may
show the same digits, which neither was trained on.
"""

import difflib
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import NamedTuple

import numpy as np

from jaxdl.core.learner import DeviceData
from jaxdl.core.run import BadInput
from jaxdl.data import Images, Labelled, first_rows, load
from jaxdl.data.images import balanced_order
from jaxdl.sim2real import objects
from jaxdl.sim2real.textures import Part, blend, cut_patches, draw_patches

TEXTURED_SIDE = 16  # pixels of the textured digits, twice the 8 of the scans
PATCH_SIDE = 32  # of the photographs, that their textures show: about as much as MNIST-M's 28
MNIST_SIDE = 28
SCAN_SIDE = 8


class Crossing(NamedTuple):
    """Images of both domains, side by side.

    Attributes:
      source_images: [B, H, W, C] uint8.
      source_labels: [B] int32.
      target_images: [B, H, W, C] uint8, of which nobody is told the labels.
    """

    source_images: np.ndarray
    source_labels: np.ndarray
    target_images: np.ndarray


class BothDomains(NamedTuple):
    """The data sets of a pair.

    Attributes:
      source: whose training labels are learned from.
      target: whose test images are what counts.
    """

    source: Images
    target: Images


class Pair(NamedTuple):
    """A pair of domains that has not been read yet.

    Attributes:
      name: what it is asked for by.
      image_shape: (H, W, C) of the images of both.
      classes: how many there are.
      read: () -> the data sets.
    """

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    read: Callable[[], BothDomains]


def open_pair(
    name: str, data_dir: str = "", *, train_images: int = 0, test_images: int = 0
) -> Pair:
    """Prepares a pair of domains, and reads nothing.

    Args:
      name: "textured_digits" (scikit-learn's digits, and such digits over textures), "mnist_m"
        (MNIST, and MNIST over textures), "digits_to_mnist" or "mnist_to_digits" (8 x 8 scans by
        two institutions), or "objects" (simulated pictures of objects, and of a reality that is
        held out; drawn when they are read).
      data_dir: where MNIST's files lie.
      train_images: of each domain, so many (0: all).
      test_images: of each domain, so many (0: all).

    Raises:
      BadInput: unknown name.
    """
    if name not in PAIRS:
        near = difflib.get_close_matches(name, PAIRS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"unknown pair {name!r}: should be one of {', '.join(PAIRS)}{hint}")
    shape, classes, read = PAIRS[name]

    @cache
    def read_once():
        both = _read_pair(read, data_dir)
        return BothDomains(*(first_rows(domain, train_images, test_images) for domain in both))

    return Pair(name, shape, classes, read_once)


def turned_around(pair: Pair) -> Pair:
    """Returns the pair whose source is the target, which is learned from then."""
    return pair._replace(read=lambda: BothDomains(*reversed(pair.read())))


def crossing_training(pair: Pair, batch_size: int) -> DeviceData:
    """Reads the training images of both domains; batches are `Crossing`.

    Images of the smaller domain come several times in an epoch of the larger one, equally often.

    Raises:
      BadInput: a domain has fewer images than a batch.
    """
    source, target = pair.read()
    sizes = {"source": len(source.train_images), "target": len(target.train_images)}
    for domain, size in sizes.items():
        if size < batch_size:
            raise BadInput(f"--batch_size={batch_size}: the {domain} of {pair.name} has {size} "
                           "training images")  # fmt: skip
    rows = np.arange(max(sizes.values()))
    of_source, of_target = rows % sizes["source"], rows % sizes["target"]
    arrays = Crossing(
        source.train_images[of_source],
        source.train_labels[of_source],
        target.train_images[of_target],
    )
    return DeviceData(arrays, batch_size)


def few_labels(pair: Pair, batch_size: int, *, labels: int, seed: int = 0) -> DeviceData:
    """Reads a few labeled training images of the target; batches are `jaxdl.data.Labelled`.

    Args:
      pair: of domains.
      batch_size: B; it may exceed the number of labels, images then come several times.
      labels: in all; the classes take turns.
      seed: which ones.

    Raises:
      BadInput: fewer labels than classes, or more than there are images.
    """
    target = pair.read().target
    if not target.num_classes <= labels <= len(target.train_labels):
        most = len(target.train_labels)
        raise BadInput(f"--target_labels={labels}: should be {target.num_classes}, one for each "
                       f"class, to {most}, the target's training images")  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(target.train_labels))
    rows = order[balanced_order(target.train_labels[order])][:labels]
    rows = np.tile(rows, -(-batch_size // labels))
    return DeviceData(Labelled(target.train_images[rows], target.train_labels[rows]), batch_size)


@lru_cache(maxsize=2)
def _read_pair(read: Callable[[str], BothDomains], data_dir: str) -> BothDomains:
    """Reads a pair once in a process: claims train on it many times."""
    return read(data_dir)


def _digits_over_textures(name: str, side: int, patch: int, data_dir: str) -> BothDomains:
    """Reads digits, half of them for the source and half of them to be blended with textures."""
    digits = load(name, data_dir)
    digits = digits._replace(
        train_images=enlarge(digits.train_images, side),
        test_images=enlarge(digits.test_images, side),
    )
    half = len(digits.train_images) // 2
    source = digits._replace(
        train_images=_as_colors(digits.train_images[:half]),
        train_labels=digits.train_labels[:half],
        test_images=_as_colors(digits.test_images),
    )
    target = digits._replace(
        train_images=_over_textures(digits.train_images[half:], "train", patch),
        train_labels=digits.train_labels[half:],
        test_images=_over_textures(digits.test_images, "test", patch),
        name=f"{digits.name} over textures",
    )
    return BothDomains(source, target)


def _over_textures(images: np.ndarray, part: Part, patch: int) -> np.ndarray:
    patches = cut_patches(draw_patches(part, len(images), patch), images.shape[1])
    return blend(images, patches)


def _as_colors(images: np.ndarray) -> np.ndarray:
    return np.repeat(images, 3, axis=-1)


def _two_scans(source: str, target: str, data_dir: str) -> BothDomains:
    """Reads scikit-learn's digits and MNIST, both of 8 x 8 pixels."""
    read = {"digits": lambda: load("digits"), "mnist": lambda: _small_mnist(data_dir)}
    return BothDomains(read[source](), read[target]())


def _small_mnist(data_dir: str) -> Images:
    """Reads MNIST of 8 x 8 pixels: means over 3 x 3 within the middle 24 x 24, which holds the ink.

    The digits of scikit-learn are counts over 4 x 4 pixels of a scan in the same way.
    """
    data = load("mnist", data_dir)

    def reduce(images):
        middle = images[:, 2:-2, 2:-2, 0].reshape(-1, SCAN_SIDE, 3, SCAN_SIDE, 3)
        return middle.mean(axis=(2, 4), dtype=np.float32).round().astype(np.uint8)[..., None]

    return data._replace(
        train_images=reduce(data.train_images),
        test_images=reduce(data.test_images),
        name="MNIST at 8 x 8",
    )


def enlarge(images: np.ndarray, side: int) -> np.ndarray:
    """Enlarges square gray images [N, H, H, 1] of bytes to a side, linearly between the pixels."""
    pixels = images.shape[1]
    if pixels == side:
        return images
    places = (np.arange(side) + 0.5) * pixels / side - 0.5
    weights = np.maximum(1.0 - np.abs(places[:, None] - np.arange(pixels)), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)  # at the borders the outermost pixel goes on
    large = np.einsum("ah,nhw,bw->nab", weights, images[..., 0].astype(np.float32), weights)
    return large.round().astype(np.uint8)[..., None]


def _draw_objects(data_dir: str) -> BothDomains:
    del data_dir  # nothing is read
    return BothDomains(*objects.draw_objects())


_SCANS = (SCAN_SIDE, SCAN_SIDE, 1)
_DIGITS = 10
PAIRS = {  # name -> the shape of its images, its classes, and how it is read from a folder
    "textured_digits": (
        (TEXTURED_SIDE, TEXTURED_SIDE, 3),
        _DIGITS,
        partial(_digits_over_textures, "digits", TEXTURED_SIDE, PATCH_SIDE),
    ),
    "mnist_m": (
        (MNIST_SIDE, MNIST_SIDE, 3),
        _DIGITS,
        partial(_digits_over_textures, "mnist", MNIST_SIDE, MNIST_SIDE),
    ),
    "digits_to_mnist": (_SCANS, _DIGITS, partial(_two_scans, "digits", "mnist")),
    "mnist_to_digits": (_SCANS, _DIGITS, partial(_two_scans, "mnist", "digits")),
    "objects": ((objects.SIDE, objects.SIDE, 3), len(objects.KINDS), _draw_objects),
}
