"""Readers of array files that others wrote: nothing is allocated or unpickled on their word."""

import gzip
import math
import struct
import zipfile
from pathlib import Path

import numpy as np

from jaxdl.core.run import BadInput

DEFLATE_LIMIT = 1032  # no deflate stream grows by more than this factor


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Reads unsigned bytes in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist/).

    Args:
      path: the file; gzip if its name ends in `.gz`.
      rank: 3 for images, 1 for labels.

    Returns:
      A uint8 array of that rank.

    Raises:
      BadInput: wrong magic number, truncated or with bytes left over, or damaged compression.
    """
    size = path.stat().st_size
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            magic = file.read(4)
            if magic != bytes((0, 0, 8, rank)):
                expected = bytes((0, 0, 8, rank)).hex()
                raise BadInput(
                    f"{path}: magic number {magic.hex()}, should be {expected} "
                    f"(IDX, unsigned bytes, {rank} dimensions)"
                )
            header = file.read(4 * rank)
            if len(header) < 4 * rank:
                raise BadInput(f"{path}: truncated within the header")
            shape = struct.unpack(f">{rank}I", header)
            claimed = math.prod(shape)
            if claimed > size * (DEFLATE_LIMIT if path.suffix == ".gz" else 1):
                raise BadInput(f"{path}: claims {claimed} bytes {shape}, but holds {size} in all")
            content = file.read(claimed + 1)
    except (EOFError, OSError, gzip.zlib.error) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    if len(content) != claimed:
        what = "truncated" if len(content) < claimed else "with bytes left over"
        raise BadInput(f"{path}: {what}: {shape} needs {claimed} bytes of content")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Reads arrays of an .npz after comparing each header with what the file holds.

    Raises:
      BadInput: not a zip file, an array is missing, holds Python objects, is damaged, or claims
        another size than the file holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_read_member(path, archive, name) for name in names]
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, gzip.zlib.error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: cannot be read as .npz: {error}") from None


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    if f"{name}.npy" not in archive.namelist():
        held = ", ".join(sorted(member.removesuffix(".npy") for member in archive.namelist())[:8])
        raise BadInput(f"{path}: has no array {name!r}; it holds {held or 'nothing'}")
    entry = archive.getinfo(f"{name}.npy")
    if entry.file_size > DEFLATE_LIMIT * max(entry.compress_size, 1):
        raise BadInput(f"{path}: {name!r} claims to unpack to {entry.file_size} bytes")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(file)
        if dtype.hasobject:
            raise BadInput(f"{path}: {name!r} holds Python objects, which are not loaded")
        claimed, held = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
    if claimed != held:
        raise BadInput(f"{path}: {name!r} claims {shape} {dtype} = {claimed} bytes, holds {held}")
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
