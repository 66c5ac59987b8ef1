"""Reads extended XYZ: molecules with energies and forces, one after the other in a text file.

A molecule is a line with the number of its atoms, a line of `key=value` (values with blanks stand
in double quotes, and `Properties` names the columns), and a line for each atom.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput

MOST_BYTES = 1_000_000_000  # of a file
MOST_ATOMS = 100_000  # of a molecule
MOST_LINE = 100_000  # characters of a line
PAIR = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)|(\S+)')
PLAIN = "species:S:1:pos:R:3"  # the columns of a file that names none


class Frame(NamedTuple):
    """A molecule of a file.

    Attributes:
      symbols: [A] of its elements.
      positions: [A, 3] float64, Angstrom.
      energy: eV; NaN where the file has none.
      forces: [A, 3], eV/Angstrom; None where the file has none.
      notes: key -> text of all that stood in its header.
    """

    symbols: tuple[str, ...]
    positions: np.ndarray
    energy: float
    forces: np.ndarray | None
    notes: dict[str, str]


def read_extended_xyz(path: str | Path) -> list[Frame]:
    """Reads all molecules of a file.

    Raises:
      BadInput: it is no such file, is cut, empty or too large, or holds what is not a number; one
        line names the file and the place.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadInput(f"{path}: {size:,} bytes are more than {MOST_BYTES:,}")
        with path.open(encoding="utf-8") as file:
            frames = list(_frames(path, _lines(path, file)))
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is no text") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    if not frames:
        raise BadInput(f"{path}: is empty")
    return frames


def read_header(text: str) -> dict[str, str]:
    """Reads `key=value` pairs; a word without a value stands for "T".

    Raises:
      ValueError: a quote is not closed.
    """
    found = {}
    for match in PAIR.finditer(text):
        key, quoted, bare, word = match.groups()
        if word is not None:
            if '"' in word:
                raise ValueError("a quote that is not closed")
            found[word] = "T"
        else:
            found[key] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
    return found


def _lines(path: Path, file) -> Iterator[tuple[int, str]]:
    """Yields numbered lines; one without an end in sight is refused before it fills the memory."""
    number = 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise BadInput(f"{path}, line {number}: is longer than {MOST_LINE:,} characters")
        yield number, line.rstrip("\r\n")


def _frames(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Frame]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield _frame(line, lines)
        except ValueError as error:
            raise BadInput(f"{path}, molecule of line {number}: {error}") from None


def _frame(first: str, lines: Iterator[tuple[int, str]]) -> Frame:
    """Reads one molecule; what is wrong with it is a ValueError."""
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*", first) or not 1 <= int(first) <= MOST_ATOMS:
        raise ValueError(f"{first.strip()[:20]!r} is no number of 1 to {MOST_ATOMS} atoms")
    atoms = int(first)
    notes = read_header(_next(lines, "a header"))
    columns, width = _columns(notes.get("Properties", PLAIN))
    rows = [_next(lines, f"{atoms} atoms").split() for _ in range(atoms)]
    if wrong := next((row for row in rows if len(row) != width), None):
        raise ValueError(f"{' '.join(wrong)[:30]!r} has {len(wrong)} columns, not {width}")
    symbols = tuple(row[columns["species"]] for row in rows)
    if strange := next((s for s in symbols if not re.fullmatch("[A-Z][a-z]?", s)), None):
        raise ValueError(f"{strange[:20]!r} is no element")
    forces = next((columns[name] for name in ("forces", "force") if name in columns), None)
    return Frame(
        symbols,
        _numbers(rows, columns["pos"]),
        _finite(notes["energy"]) if "energy" in notes else float("nan"),
        None if forces is None else _numbers(rows, forces),
        notes,
    )


def _next(lines: Iterator[tuple[int, str]], what: str) -> str:
    for _, line in lines:
        return line
    raise ValueError(f"the file ends before {what}")


def _columns(properties: str) -> tuple[dict[str, int], int]:
    """Returns where the columns of a name begin, and how many there are in all."""
    parts = properties.split(":")
    begins, width = {}, 0
    for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or not re.fullmatch("[1-9][0-9]?", count):
            raise ValueError(f"Properties={properties[:60]!r} is not understood")
        if name in ("pos", "force", "forces") and (kind, count) != ("R", "3"):
            raise ValueError(f"{name} should be three numbers, R:3")
        begins[name] = width
        width += int(count)
    if len(parts) % 3 or not {"species", "pos"} <= begins.keys():
        raise ValueError(f"Properties={properties[:60]!r} lacks species or pos")
    return begins, width


def _numbers(rows: list[list[str]], begin: int) -> np.ndarray:
    return np.array([[_finite(x) for x in row[begin : begin + 3]] for row in rows])


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number) or "_" in text:
        raise ValueError(f"{text[:20]!r} is no finite number")
    return number
