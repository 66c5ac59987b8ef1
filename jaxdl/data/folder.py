"""A folder of pictures, read while training: with one subfolder a class as ImageNet has, or not."""

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxdl.core.learner import HostData
from jaxdl.core.run import BadInput
from jaxdl.data.broken import OnBroken, leave_out_broken, refuse_broken
from jaxdl.data.formats import as_bad_input, escape_for_terminal

MAX_PIXELS = 2**26  # that a file may claim
MAX_DECODED = 2**25  # that are decoded: of a JPEG a part, of a PNG all
SUFFIXES = (".jpeg", ".jpg", ".png")
HELP = """An image folder is train/<class>/<image> and val/<class>/<image> with .jpeg, .jpg or .png
files, which is how ImageNet (https://www.image-net.org, ILSVRC 2012) is unpacked; pictures without
classes may lie in train/ or in the folder itself, and are learned from without a probe"""


class Listing(NamedTuple):
    """Pictures on the disk.

    Attributes:
      files: their paths, sorted by class and name.
      labels: [N] int32; all 0 where there are no classes.
      classes: names of the classes, sorted; empty where there are none.
    """

    files: Sequence[Path]
    labels: np.ndarray
    classes: Sequence[str]


def image_folder(
    data_dir: str | Path,
    *,
    batch_size: int,
    size: int,
    train_rows: int = 0,
    skip_broken: bool = False,
) -> HostData:
    """Reads batches of the training images [B, size, size, 3] uint8, decoded by threads.

    Image p of epoch e is the p-th of a permutation that (seed, e) decides, so a batch is a function
    of (seed, step, rows) alone. The shorter side is resized to `size` and the middle is kept: crops
    are drawn on the device.

    Args:
      data_dir: the folder that holds train/, or the pictures themselves.
      batch_size: B.
      size: side in pixels.
      train_rows: how many pictures are learned from, drawn evenly (0: all).
      skip_broken: where a file cannot be decoded, the next one of the epoch is read in its place,
        and the file is named.

    Raises:
      BadInput: there is no such folder, it has fewer than B images, or (while reading) a file is
        not an image.
    """
    listing = list_training_images(data_dir)
    files = [listing.files[i] for i in some_rows(len(listing.files), train_rows)]
    if not 1 <= batch_size <= len(files):
        raise BadInput(f"batch_size={batch_size} should be 1 to {len(files)}, the images there are")
    on_broken = leave_out_broken() if skip_broken else refuse_broken
    pool = ThreadPoolExecutor()

    @lru_cache(maxsize=32)  # two epochs of each seed: a batch can straddle them
    def order_of(seed, epoch):
        return np.random.default_rng((seed, epoch)).permutation(len(files))

    def fetch(seed, step, rows):
        places = step * batch_size + np.asarray(rows)
        epochs = places // len(files)
        orders = {epoch: order_of(seed, int(epoch)) for epoch in np.unique(epochs)}

        def read(place, epoch):
            return _decode_next(files, orders[epoch], place % len(files), size, on_broken)

        return np.stack(list(pool.map(read, places, epochs)))

    names = "\n".join(f"{path.parent.name}/{path.name}" for path in files)
    identity = hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]
    return HostData(fetch, batch_size, identity)


def list_training_images(data_dir: str | Path) -> Listing:
    """Lists what is learned from: the pictures in train/, or those in the folder itself.

    Raises:
      BadInput: there are none.
    """
    if not str(data_dir):
        raise BadInput(f"--data_dir is not given. {HELP}")
    train = Path(data_dir) / "train"
    if train.is_dir():
        return list_images(train)
    if not Path(data_dir).is_dir():
        raise BadInput(f"there is no folder {escape_for_terminal(train)}. {HELP}")
    return without_classes(list_images(Path(data_dir)))


def list_images(folder: Path) -> Listing:
    """Lists the pictures in the subfolders of a folder, or those in itself if these hold none.

    Hidden files and folders are left out: macOS puts a `._0.jpg` beside `0.jpg` that is none.

    Raises:
      BadInput: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {escape_for_terminal(folder)}. {HELP}")
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    classes = sorted(path.name for path in entries if path.is_dir())
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(path for path in (folder / name).iterdir() if _is_picture(path))
        files += found
        labels += [label] * len(found)
    if files:
        return Listing(files, np.asarray(labels, np.int32), classes)
    files = sorted(path for path in entries if _is_picture(path))
    if not files:
        raise BadInput(f"{escape_for_terminal(folder)} holds no images. {HELP}")
    return without_classes(Listing(files, np.zeros(len(files), np.int32), ()))


def without_classes(listing: Listing) -> Listing:
    """Returns the same pictures without their labels."""
    return listing._replace(labels=np.zeros(len(listing.files), np.int32), classes=())


def some_rows(rows: int, wanted: int) -> np.ndarray:
    """Draws `wanted` of so many rows (0: all), the same ones always, in random order."""
    return np.random.default_rng(0).permutation(rows)[: wanted or None]


def readable(files: Sequence[Path], rows: np.ndarray, size: int) -> np.ndarray:
    """Returns those of the rows whose files can be decoded; names the others."""
    leave_out = leave_out_broken()

    def is_readable(row):
        try:
            decode(files[row], size)
        except BadInput as error:
            leave_out(error)
            return False
        return True

    with ThreadPoolExecutor() as pool:
        return rows[list(pool.map(is_readable, rows))]


def decode(file: Path, size: int) -> np.ndarray:
    """Reads one image [size, size, 3] uint8: the square in its middle, resized.

    Raises:
      BadInput: the file cannot be decoded, or has more pixels than are decoded.
    """
    what = f"{escape_for_terminal(file)} cannot be decoded"
    if not file.is_file():  # a pipe would be waited for
        raise BadInput(f"{what}: not a regular file")
    # Only what is expected: among Pillow's other formats are some that start programs.
    with as_bad_input(what), Image.open(file, formats=("JPEG", "PNG")) as image:
        claimed = image.size
        image.draft("RGB", (size, size))  # a JPEG is decoded at a half, a quarter or an eighth
        if math.prod(claimed) > MAX_PIXELS or math.prod(image.size) > MAX_DECODED:
            raise BadInput(f"{what}: {claimed[0]} x {claimed[1]} pixels are too many")
        image = image.convert("RGB")
        short = min(image.size)
        left = (image.size[0] - short) / 2
        top = (image.size[1] - short) / 2
        # The middle alone is resized: a thin strip would grow without bound.
        box = (left, top, left + short, top + short)
        return np.asarray(image.resize((size, size), box=box))


def _decode_next(
    files: Sequence[Path], order: np.ndarray, place: int, size: int, on_broken: OnBroken
) -> np.ndarray:
    """Decodes the image at a place of an epoch, or the next one that is not broken."""
    for further in range(len(order)):
        try:
            return decode(files[order[(place + further) % len(order)]], size)
        except BadInput as error:
            on_broken(error)
    raise BadInput(f"all {len(files)} image files are broken")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
