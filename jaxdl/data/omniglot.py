"""Omniglot (Lake, Salakhutdinov & Tenenbaum 2015): 1,623 characters of 50 alphabets, 20 drawings.

Two protocols are in use, and papers name neither:

- 1,200 random characters to learn from, whatever their alphabet, and the other 423 for tests (Finn
  et al. 2017). Whose draw it was depended on the order in which a file system lists folders; here
  it is `omniglot_classes.txt`, written once, with a hash below. 100 of the 1,200 are for choices.
- Lake's: the 30 background alphabets to learn from, and 20 runs of 20 characters of *one*
  evaluation alphabet, one drawing each to learn from. Characters of one alphabet are alike, so this
  is harder. Who learned from the first protocol's characters has seen characters of the runs.

The files are not part of jaxdl. Images are 28 x 28: the originals of 105 x 105, reduced by Lanczos'
filter, ink 255 on paper 0.
"""

import hashlib
import io
import os
import zipfile
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data.few_shot import Characters
from jaxdl.data.formats import as_bad_input, read_npz

FILE = "omniglot_28.npz"
RUNS = "all_runs.zip"
SHA256 = {
    FILE: "07b29382e182035325827901be29e6718239cca1121879d1e98c6f23c7a1dc7f",
    RUNS: "437c1eeab0af8484112e1b4cc0f3d541ec727f7c47b9b202da738af9dfd6c325",
}
CLASSES = 1_623
BACKGROUND = 964  # the first classes are those of the background alphabets
CLASSES_FILE = "omniglot_classes.txt"
CLASSES_SHA256 = "e8d293c4a886397b936bbe080cf6f518fb9a3008f9beb5fcee0a0631ea7e7698"
SIDE = 28

Split = Literal["random", "alphabets"]


class Classes(NamedTuple):
    """Which characters are for what, as rows of the file.

    Attributes:
      train: [C] int32, to learn from.
      validation: [V] int32, to choose by; may be empty.
      test: [T] int32.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Runs(NamedTuple):
    """Lake's 20 runs of one-shot learning within an alphabet.

    Attributes:
      support: [20, 20, 28, 28] uint8, one drawing of each character of a run.
      query: [20, 20, 28, 28] uint8, one more of each, by another hand and in another order.
      labels: [20, 20] int32, the character of each query, as its place in `support`.
    """

    support: np.ndarray
    query: np.ndarray
    labels: np.ndarray


def split_classes(split: Split = "random") -> Classes:
    """Returns the characters of a protocol.

    Args:
      split: "random" is 1,100 / 100 / 423 characters of all alphabets; "alphabets" is the 964 of
        the background alphabets, none, and the 659 of the evaluation alphabets, for Lake's runs.
    """
    if split == "alphabets":
        rows = np.arange(CLASSES, dtype=np.int32)
        return Classes(rows[:BACKGROUND], rows[:0], rows[BACKGROUND:])
    parts: dict[str, list[int]] = {}
    name = ""
    for word in resources.files("jaxdl.data").joinpath(CLASSES_FILE).read_text().split():
        if word.endswith(":"):
            name = word[:-1]
            parts[name] = []
        else:
            parts[name].append(int(word))
    return Classes(**{name: np.array(rows, np.int32) for name, rows in parts.items()})


def read_omniglot(data_dir: str | Path = "", split: Split = "random") -> Characters:
    """Reads the characters, divided as a protocol has it.

    Args:
      data_dir: where omniglot_28.npz lies; "" for `meta` below `$JAXDL_DATA`.
      split: as in `split_classes`.

    Raises:
      BadInput: the file is missing, or is not the one that is known by its checksum.
    """
    path = _find(FILE, data_dir)
    (images,) = read_npz(path, ("images",))
    if images.shape != (CLASSES, 20, SIDE, SIDE) or images.dtype != np.uint8:
        raise BadInput(f"{path}: images are {images.dtype} {images.shape}, not 1,623 characters")
    parts = split_classes(split)
    return Characters(*(images[rows] for rows in parts), name=f"Omniglot ({split} split)")


def read_runs(data_dir: str | Path = "") -> Runs:
    """Reads Lake's runs of 20 characters within one alphabet.

    Args:
      data_dir: where all_runs.zip lies; "" for `meta` below `$JAXDL_DATA`.

    Raises:
      BadInput: as in `read_omniglot`.
    """
    path = _find(RUNS, data_dir)
    with as_bad_input(f"{path}: cannot be read"), zipfile.ZipFile(path) as archive:
        return Runs(
            *map(np.stack, zip(*(_read_run(archive, i) for i in range(1, 21)), strict=True))
        )


def _read_run(archive: zipfile.ZipFile, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads drawings to learn from, drawings to tell, and the places of these among those."""
    folder = f"run{number:02d}"
    pairs = [
        line.split() for line in archive.read(f"{folder}/class_labels.txt").decode().split("\n")
    ]
    pairs = [pair for pair in pairs if pair]
    known = sorted({of for _, of in pairs})
    support = np.stack([_read_drawing(archive, name) for name in known])
    query = np.stack([_read_drawing(archive, name) for name, _ in pairs])
    return support, query, np.array([known.index(of) for _, of in pairs], np.int32)


def _read_drawing(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads a drawing as those of omniglot_28.npz were made: [28, 28] uint8."""
    with Image.open(io.BytesIO(archive.read(name)), formats=("PNG",)) as image:
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return 255 - np.asarray(small)


def has_omniglot(data_dir: str | Path = "") -> bool:
    """Tells whether both files are there; what is in them is checked when they are read."""
    return all(path is not None and path.is_file() for path in map(_path, SHA256, [data_dir] * 2))


def _path(name: str, data_dir: str | Path) -> Path | None:
    """Where a file should lie, or None where nobody has said."""
    if data_dir:
        return Path(data_dir, name)
    root = os.environ.get("JAXDL_DATA")
    return Path(root, "meta", name) if root else None


def _find(name: str, data_dir: str | Path) -> Path:
    """Returns the path of a file whose checksum is right."""
    path = _path(name, data_dir)
    if path is None:
        raise BadInput(
            f"Omniglot's {name} is looked for in --data_dir, or in meta/ below $JAXDL_DATA: "
            "neither is given"
        )
    if not path.is_file():
        raise BadInput(f"{path.parent} has no {name}, which holds Omniglot's characters")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256[name]:
        raise BadInput(f"{path}: SHA-256 {found[:12]}..., should be {SHA256[name][:12]}...")
    return path
