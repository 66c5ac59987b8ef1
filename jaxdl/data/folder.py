"""A folder of images with one subfolder a class, as ImageNet is unpacked, read while training."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from jaxdl.core.learner import HostData
from jaxdl.core.run import BadInput
from jaxdl.data.formats import shown, told
from jaxdl.data.images import Images

MAX_PIXELS = 2**26  # that a file may claim
MAX_DECODED = 2**25  # that are decoded: of a JPEG a part, of a PNG all
SUFFIXES = (".jpeg", ".jpg", ".png")
HELP = """An image folder is train/<class>/<image> and val/<class>/<image> with .jpeg, .jpg or .png
files, which is how ImageNet (https://www.image-net.org, ILSVRC 2012) is unpacked"""


def image_folder(data_dir: str | Path, *, batch_size: int, size: int) -> HostData:
    """Batches of the training images [B, size, size, 3] uint8, decoded by threads of the host.

    Image p of epoch e is the p-th of a permutation that (seed, e) decides, so a batch is a function
    of (seed, step, rows) alone. The shorter side is resized to `size` and the middle is kept: crops
    are drawn on the device.

    Args:
      data_dir: the folder that holds train/.
      batch_size: B.
      size: side in pixels.

    Raises:
      BadInput: there is no such folder, it has fewer than B images, or (while reading) a file is
        not an image.
    """
    files, _, _ = list_images(Path(data_dir) / "train")
    if not 1 <= batch_size <= len(files):
        raise BadInput(f"batch_size={batch_size} should be 1 to {len(files)}, the images there are")
    pool = ThreadPoolExecutor()

    @lru_cache(maxsize=4)  # a batch can straddle two epochs
    def order(seed, epoch):
        return np.random.default_rng((seed, epoch)).permutation(len(files))

    def fetch(seed, step, rows):
        places = step * batch_size + np.asarray(rows)
        epochs, within = np.divmod(places, len(files))
        chosen = [order(seed, int(e))[p] for e, p in zip(epochs, within, strict=True)]
        return np.stack(list(pool.map(lambda i: decode(files[i], size), chosen)))

    return HostData(fetch, batch_size)


def load_folder(data_dir: str | Path, *, size: int, train_rows: int, test_rows: int) -> Images:
    """A part of an image folder, held in memory for the probe: the same random rows always.

    Args:
      data_dir: the folder that holds train/ and val/.
      size: side in pixels.
      train_rows: how many of train/, drawn evenly from all of it (0: all).
      test_rows: how many of val/ (0: all).

    Raises:
      BadInput: as in `image_folder`, or the two halves have different classes.
    """
    halves, names = [], []
    for part, rows in (("train", train_rows), ("val", test_rows)):
        files, labels, classes = list_images(Path(data_dir) / part)
        chosen = np.random.default_rng(0).permutation(len(files))[: rows or None]
        with ThreadPoolExecutor() as pool:
            images = np.stack(list(pool.map(lambda i, files=files: decode(files[i], size), chosen)))
        halves += [images, labels[chosen]]
        names.append(classes)
    if names[0] != names[1]:
        raise BadInput(f"{data_dir}: train/ and val/ do not have the same classes. {HELP}")
    return Images(*halves, num_classes=len(names[0]), name=Path(data_dir).name)


def list_images(folder: Path) -> tuple[Sequence[Path], np.ndarray, list[str]]:
    """All image files of <folder>/<class>/, their labels [N] int32, and the classes, sorted."""
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}. {HELP}")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES)
        files += found
        labels += [label] * len(found)
    if not files:
        raise BadInput(f"{folder} holds no images. {HELP}")
    return files, np.asarray(labels, np.int32), classes


def decode(file: Path, size: int) -> np.ndarray:
    """One image [size, size, 3] uint8: the square in its middle, resized.

    Raises:
      BadInput: the file cannot be decoded, or has more pixels than are decoded.
    """
    what = f"{shown(file)} cannot be decoded"
    if not file.is_file():  # a pipe would be waited for
        raise BadInput(f"{what}: not a regular file")
    # Only what is expected: among Pillow's other formats are some that start programs.
    with told(what), Image.open(file, formats=("JPEG", "PNG")) as image:
        claimed = image.size
        image.draft("RGB", (size, size))  # a JPEG is decoded at a half, a quarter or an eighth
        if math.prod(claimed) > MAX_PIXELS or math.prod(image.size) > MAX_DECODED:
            raise BadInput(f"{what}: {claimed[0]} x {claimed[1]} pixels are too many")
        image = image.convert("RGB")
        short = min(image.size)
        left, top = ((side - short) / 2 for side in image.size)
        # The middle alone is resized: a thin strip would grow without bound.
        box = (left, top, left + short, top + short)
        return np.asarray(image.resize((size, size), box=box))
