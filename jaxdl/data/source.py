"""Images by name, read when they are first needed: building a system reads none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.learner import DeviceData, HostData
from jaxdl.core.run import BadInput
from jaxdl.data import folder, images

FOLDERS = ("imagenet",)
SHOWN = 10  # pictures without labels that a report shows
FOLDER_SIZE = 256  # pixels; crops of 224 are drawn from them


class ProbeImages(NamedTuple):
    """Images that features are judged with: rows 0 .. N - 1 to fit, rows N .. N + M - 1 to test.

    Attributes:
      train_labels: [N] int32.
      test_labels: [M] int32.
      num_classes: labels are below it. Where there are no labels it is 0, as M is, and the N images
        are a few to look at.
      read: rows -> images [len(rows), H, W, C] uint8.
    """

    train_labels: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    read: Callable[[range], np.ndarray]


class ImageSource(NamedTuple):
    """A data set that has not been read yet.

    Attributes:
      name: what it is asked for by.
      shape: (H, W, C) of an image.
      training: batch_size -> data for `fit`, batches [B, H, W, C] uint8; reads the images.
      probe: () -> ProbeImages; reads them, or their list where they are read while probing.
    """

    name: str
    shape: tuple[int, int, int]
    training: Callable[[int], DeviceData | HostData]
    probe: Callable[[], ProbeImages]


def open_images(
    name: str,
    data_dir: str | Path = "",
    *,
    train_images: int = 0,
    test_images: int = 0,
    probe_images: int = 0,
    skip_broken: bool = False,
) -> ImageSource:
    """Prepares a data set, and reads nothing but the header of a file.

    Args:
      name: "digits", "mnist", "cifar10", or "imagenet" for a folder of pictures.
      data_dir: where the files lie.
      train_images: learn from so many training images (0: all).
      test_images: test with so many (0: all).
      probe_images: fit the probe to so many of those that are learned from (0: all), equally many
        of each class.
      skip_broken: leave out what cannot be decoded, and name it.

    Raises:
      BadInput: unknown name.
    """
    if name in FOLDERS:
        return ImageSource(
            name,
            (FOLDER_SIZE, FOLDER_SIZE, 3),
            partial(_train_on_folder, data_dir, train_images, skip_broken),
            cache(
                partial(
                    _probe_folder, data_dir, train_images, test_images, probe_images, skip_broken
                )
            ),
        )
    shape = images.image_shape(name, data_dir)

    def read():
        data = _load_once(name, str(data_dir), skip_broken)
        if data.train_images.shape[1:] != shape:
            found = data.train_images.shape[1:]
            raise BadInput(f"{data.name} in {data_dir} has images {found}, not {shape}")
        return images.first_rows(data, train_images, test_images)

    return ImageSource(
        name,
        shape,
        lambda batch_size: DeviceData(read().train_images, batch_size),
        lambda: _probe_arrays(_fewer_to_fit(read(), probe_images)),
    )


@lru_cache(maxsize=2)
def _load_once(name: str, data_dir: str, skip_broken: bool) -> images.Images:
    """Reads a data set once in a process: claims train on it many times."""
    return images.load(name, data_dir, skip_broken=skip_broken)


def _fewer_to_fit(data: images.Images, probe_images: int) -> images.Images:
    if not probe_images:
        return data
    rows = images.balanced_order(data.train_labels)[:probe_images]
    return data._replace(train_images=data.train_images[rows], train_labels=data.train_labels[rows])


def _probe_arrays(data: images.Images) -> ProbeImages:
    num_train = len(data.train_images)

    def read(rows):
        train = data.train_images[rows.start : min(rows.stop, num_train)]
        test = data.test_images[max(rows.start - num_train, 0) : max(rows.stop - num_train, 0)]
        return np.concatenate([train, test])

    return ProbeImages(data.train_labels, data.test_labels, data.num_classes, read)


def _train_on_folder(
    data_dir: str | Path, train_images: int, skip_broken: bool, batch_size: int
) -> HostData:
    return folder.image_folder(
        data_dir,
        batch_size=batch_size,
        size=FOLDER_SIZE,
        train_rows=train_images,
        skip_broken=skip_broken,
    )


def _probe_folder(
    data_dir: str | Path, train_images: int, test_images: int, probe_images: int, skip_broken: bool
) -> ProbeImages:
    """Lists the pictures of a probe, which are decoded while it runs."""
    train = folder.list_training_images(data_dir)
    rows = folder.some_rows(len(train.files), train_images)
    if probe_images:
        rows = rows[images.balanced_order(train.labels[rows])[:probe_images]]
    val = Path(data_dir) / "val"
    if not train.classes or not val.is_dir():
        return _without_labels(train, rows, skip_broken)
    test = folder.list_images(val)
    if test.classes != train.classes:
        raise BadInput(f"{data_dir}: train/ and val/ do not have the same classes. {folder.HELP}")
    test_rows = folder.some_rows(len(test.files), test_images)
    if skip_broken:
        rows = folder.readable(train.files, rows, FOLDER_SIZE)
        test_rows = folder.readable(test.files, test_rows, FOLDER_SIZE)
    files = [train.files[i] for i in rows] + [test.files[i] for i in test_rows]
    return ProbeImages(
        train.labels[rows],
        test.labels[test_rows],
        len(train.classes),
        lambda part: _decode_all(files[part.start : part.stop]),
    )


def _without_labels(listing: folder.Listing, rows: np.ndarray, skip_broken: bool) -> ProbeImages:
    """Chooses a few pictures to look at."""
    rows = rows[:SHOWN]
    if skip_broken:
        rows = folder.readable(listing.files, rows, FOLDER_SIZE)
    files = [listing.files[i] for i in rows]
    none = np.zeros(0, np.int32)
    return ProbeImages(
        listing.labels[rows], none, 0, lambda part: _decode_all(files[part.start : part.stop])
    )


def _decode_all(files: list[Path]) -> np.ndarray:
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda file: folder.decode(file, FOLDER_SIZE), files)))
