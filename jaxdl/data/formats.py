"""Readers of array files that others wrote: nothing is allocated or unpickled on their word."""

import gzip
import io
import math
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from jaxdl.core.run import BadInput

MAX_ARRAY = 2**33  # bytes of an array that is held in memory
# What a compressed file may unpack to: pictures shrink by 2 to 20, deflate could shrink by 1032.
MAX_GROWTH = 100
SMALL = 2**26  # bytes that any may unpack to
MAX_HEADER = 10_000  # bytes of an .npy header, as NumPy has it


def escape_for_terminal(text: object) -> str:
    """Writes foreign text on one line, with what would steer a terminal written out."""
    return repr(str(text))[1:-1]


@contextmanager
def as_bad_input(what: str) -> Iterator[None]:
    """Turns every error inside into a BadInput, since parsers of damaged files raise any kind.

    Args:
      what: begins the message.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        text = escape_for_terminal(error)[:300] or type(error).__name__
        raise BadInput(f"{what}: {text}") from None


def max_unpacked_bytes(path: Path, packed: int) -> int:
    """Returns how many bytes `packed` bytes of a file may unpack to.

    Raises:
      BadInput: the file does not even hold so many.
    """
    size = path.stat().st_size
    if packed > size:
        raise BadInput(f"{path}: claims {packed} packed bytes, but holds {size} in all")
    return min(MAX_ARRAY, max(SMALL, MAX_GROWTH * packed))


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Reads unsigned bytes in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist/).

    Args:
      path: the file; gzip if its name ends in `.gz`.
      rank: 3 for images, 1 for labels.

    Returns:
      A uint8 array of that rank.

    Raises:
      BadInput: wrong magic number, truncated or with bytes left over, damaged compression, or more
        content than can be held.
    """
    size = path.stat().st_size
    most = max_unpacked_bytes(path, size) if path.suffix == ".gz" else min(size, MAX_ARRAY)
    with as_bad_input(f"{path}: cannot be read"), _open_idx(path) as file:
        shape = _read_idx_header(path, rank, file)
        claimed = math.prod(shape)
        if claimed > most:
            raise BadInput(f"{path}: claims {claimed} bytes {shape}; it may hold {most} at most")
        content = file.read(claimed + 1)
    if len(content) != claimed:
        what = "truncated" if len(content) < claimed else "with bytes left over"
        raise BadInput(f"{path}: {what}: {shape} needs {claimed} bytes of content")
    if not claimed:
        raise BadInput(f"{path}: is empty: {shape}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_idx_shape(path: Path, rank: int) -> tuple[int, ...]:
    """Reads the shape that the header of an IDX file claims, and no content.

    Raises:
      BadInput: as in `read_idx`.
    """
    with as_bad_input(f"{path}: cannot be read"), _open_idx(path) as file:
        return _read_idx_header(path, rank, file)


def _open_idx(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")


def _read_idx_header(path: Path, rank: int, file: IO[bytes]) -> tuple[int, ...]:
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
    return struct.unpack(f">{rank}I", header)


def read_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Reads arrays of an .npz after comparing each header with what the file holds.

    Nothing is unpacked to the disk, so no member's name leads anywhere.

    Raises:
      BadInput: not a zip file, an array is missing or there twice, holds Python objects, is
        damaged, encrypted or larger than can be held, or claims another size than the file holds.
    """
    with as_bad_input(f"{path}: cannot be read as .npz"), zipfile.ZipFile(path) as archive:
        return [_read_member(path, archive, name) for name in names]


def read_npz_shape(path: Path, name: str) -> tuple[int, ...]:
    """Reads the shape that the header of one array of an .npz claims, and no content.

    Raises:
      BadInput: as in `read_npz`.
    """
    with as_bad_input(f"{path}: cannot be read as .npz"), zipfile.ZipFile(path) as archive:
        return _read_member_header(path, archive, name).shape


class _Member(NamedTuple):
    entry: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    header_bytes: int


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = _read_member_header(path, archive, name)
    shape = member.shape
    dtype = member.dtype
    claimed = math.prod(shape) * dtype.itemsize
    held = member.entry.file_size - member.header_bytes
    if not held:
        raise BadInput(f"{path}: {name!r} is empty: {shape} {dtype}")
    if claimed != held or min(shape, default=1) < 0:
        raise BadInput(f"{path}: {name!r} claims {shape} {dtype} = {claimed} bytes, holds {held}")
    with archive.open(member.entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_member_header(path: Path, archive: zipfile.ZipFile, name: str) -> _Member:
    members = archive.namelist()
    if members.count(f"{name}.npy") != 1:
        held = ", ".join(
            sorted(escape_for_terminal(member.removesuffix(".npy"))[:80] for member in members)[:8]
        )
        what = "two arrays" if f"{name}.npy" in members else "no array"
        raise BadInput(f"{path}: has {what} {name!r}; it holds {held or 'nothing'}")
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(f"{path}: {name!r} is not packed by deflate, which NumPy writes")
    if entry.file_size > max_unpacked_bytes(path, entry.compress_size):
        raise BadInput(f"{path}: {name!r} claims to unpack to {entry.file_size} bytes")
    with archive.open(entry) as file:
        start = io.BytesIO(file.read(MAX_HEADER))
    shape, dtype = _read_header(path, name, start)
    return _Member(entry, shape, dtype, start.tell())


def _read_header(path: Path, name: str, file: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype as an .npy header claims them; the file is left where the content begins."""
    with as_bad_input(f"{path}: {name!r} has a header that cannot be read"):
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            read = np.lib.format.read_array_header_1_0
        else:
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file, max_header_size=MAX_HEADER)
    if dtype.hasobject:
        raise BadInput(f"{path}: {name!r} holds Python objects, which are not loaded")
    return shape, dtype
