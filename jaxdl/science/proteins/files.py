"""Text files that others wrote: bounded in size, unpacked where they end in .gz, as lines."""

import gzip
from pathlib import Path

from jaxdl.core.run import BadInput
from jaxdl.data.formats import as_bad_input, max_unpacked_bytes

MAX_TEXT = 2**27  # bytes; every entry in the PDB format is far below


def read_lines(path: str | Path) -> list[str]:
    """Reads the lines of a text file, without their ends (LF, CR LF or CR).

    A character is a byte, so that columns are where the format has them.

    Raises:
      BadInput: no such file, empty, binary, damaged, or larger than MAX_TEXT when unpacked.
    """
    path = Path(path)
    with as_bad_input(f"{path}: cannot be read"):
        content = _read_bytes(path)
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise BadInput(f"{path}, line {line}: holds a zero byte, so it is no text")
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not content.strip():
        raise BadInput(f"{path}: is empty")
    return content.decode("latin-1").split("\n")


def _read_bytes(path: Path) -> bytes:
    """Reads a whole file and unpacks it; no more is unpacked than may be held."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    packed = path.stat().st_size
    is_packed = path.suffix == ".gz"
    most = min(MAX_TEXT, max_unpacked_bytes(path, packed)) if is_packed else MAX_TEXT
    if packed > most:
        raise BadInput(f"{path}: has {packed} bytes, {most} at most are read")
    with gzip.open(path, "rb") if is_packed else open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{path}: unpacks to more than {most} bytes")
    return content
