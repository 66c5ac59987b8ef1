"""Sequences and their alignments: FASTA, a3m (HH-suite) and Stockholm (HMMER).

An alignment has the columns of its first sequence, the query. What other sequences have between two
columns is counted and left out.

References: Jumper et al. 2021, supplement, section 1.2; the user guides of HH-suite (a3m) and HMMER
(Stockholm).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.formats import escape_for_terminal
from jaxdl.science.proteins.constants import GAP, LETTER_NUMBERS, LETTERS
from jaxdl.science.proteins.files import read_lines

_BAD, _INSERTED, _FILLER = -1, -2, -3  # beside the numbers of letters
# Rows of HH-suite's files that are no sequences: predicted and observed structure.
_ANNOTATIONS = ("ss_dssp", "sa_dssp", "ss_pred", "ss_conf", "aa_dssp", "aa_pred", "Consensus")


def _number_letters() -> np.ndarray:
    """Returns what each byte of an a3m file stands for, [256] int8."""
    numbers = np.full(256, _BAD, np.int8)
    for letter, number in LETTER_NUMBERS.items():
        numbers[ord(letter)] = number
        if letter.isalpha():
            numbers[ord(letter.lower())] = _INSERTED
    numbers[ord(".")] = _FILLER
    return numbers


_NUMBERS = _number_letters()


class Alignment(NamedTuple):
    """Sequences that are aligned to the first one of them.

    Attributes:
      msa: [S, N] int8, places in `constants.LETTERS`: 20 is X, 21 a gap.
      deletions: [S, N] int32, how many residues a sequence has before each column that no column
        stands for.
      names: of the S sequences.
    """

    msa: np.ndarray
    deletions: np.ndarray
    names: tuple[str, ...]


class _Record(NamedTuple):
    name: str
    line: int
    sequence: str


def read_fasta(path: str | Path) -> list[tuple[str, str]]:
    """Reads the names and sequences of a FASTA file, in capital letters; a last * is left out.

    Raises:
      BadInput: no such file, no FASTA, an empty sequence, or a letter that is no residue's.
    """
    sequences = []
    for record in _read_records(path):
        sequence = record.sequence.upper().removesuffix("*")
        for letter in sequence:
            if letter not in LETTER_NUMBERS or letter == "-":
                shown = escape_for_terminal(letter)
                raise BadInput(f"{path}, line {record.line}: {shown!r} stands for no residue")
        if not sequence:
            raise BadInput(f"{path}, line {record.line}: there is no sequence below this name")
        sequences.append((record.name, sequence))
    return sequences


def read_a3m(path: str | Path, *, query: str | None = None) -> Alignment:
    """Reads an alignment in which columns are capital letters and gaps, insertions small letters.

    Args:
      path: the file; it is unpacked if its name ends in .gz.
      query: the sequence that the alignment has to belong to; None for whichever it does.

    Raises:
      BadInput: no such file, no a3m, a row of another length, or an alignment of another sequence.
    """
    records = [r for r in _read_records(path) if not r.name.startswith(_ANNOTATIONS)]
    rows, counts = [], []
    for record in records:
        numbers = _encode(path, record)
        numbers = numbers[numbers != _FILLER]
        is_column = numbers != _INSERTED
        rows.append(numbers[is_column])
        counts.append(_count_between(~is_column, is_column))
        if len(rows[-1]) != len(rows[0]):
            raise BadInput(
                f"{path}, line {record.line}: {escape_for_terminal(record.name)[:60]} has "
                f"{len(rows[-1])} columns, the first sequence has {len(rows[0])}"
            )
    return _align(path, rows, counts, [record.name for record in records], query)


def read_stockholm(path: str | Path, *, query: str | None = None) -> Alignment:
    """Reads an alignment in Stockholm format, in one block or several; annotations are left out.

    Args:
      path: the file; it is unpacked if its name ends in .gz.
      query: the sequence that the alignment has to belong to; None for whichever it does.

    Raises:
      BadInput: as for `read_a3m`; or the end, a line //, is missing.
    """
    records = _read_blocks(path, read_lines(path))
    rows, counts = [], []
    is_column = np.ones(0, bool)
    for record in records:
        numbers = _encode(path, record._replace(sequence=record.sequence.upper()))
        numbers = np.where(numbers == _FILLER, GAP, numbers).astype(np.int8)
        if not rows:
            is_column = numbers != GAP
        if len(numbers) != len(is_column):
            raise BadInput(
                f"{path}: {escape_for_terminal(record.name)[:60]} has {len(numbers)} columns, the "
                f"first sequence has {len(is_column)}"
            )
        rows.append(numbers[is_column])
        counts.append(_count_between((numbers != GAP) & ~is_column, is_column))
    return _align(path, rows, counts, [record.name for record in records], query)


def encode_sequence(sequence: str) -> np.ndarray:
    """Returns a sequence of capital letters as numbers [N] int32, 20 for what is unknown.

    Raises:
      BadInput: a letter stands for no residue.
    """
    for i, letter in enumerate(sequence, 1):
        if letter not in LETTER_NUMBERS or letter == "-":
            raise BadInput(f"{escape_for_terminal(letter)!r}, letter {i}, stands for no residue")
    return np.array([LETTER_NUMBERS[letter] for letter in sequence], np.int32)


def _read_records(path: str | Path) -> list[_Record]:
    """Reads what stands below each line that begins with ">"."""
    heads: list[tuple[str, int]] = []
    parts: list[list[str]] = []
    for number, line in enumerate(read_lines(path), 1):
        if line.startswith(">"):
            heads.append((line[1:].strip(), number))
            parts.append([])
        elif not line.strip() or (line.startswith("#") and not heads):
            continue
        elif not heads:
            raise BadInput(f"{path}, line {number}: a sequence without a line > before it")
        else:
            parts[-1].append("".join(line.split()))
    if not heads:
        raise BadInput(f"{path}: holds no sequences")
    return [_Record(*head, "".join(p)) for head, p in zip(heads, parts, strict=True)]


def _read_blocks(path: str | Path, lines: list[str]) -> list[_Record]:
    """Joins the parts of each row of a Stockholm file."""
    if not lines[0].startswith("# STOCKHOLM"):
        raise BadInput(f"{path}, line 1: is not # STOCKHOLM 1.0")
    parts: dict[str, list[str]] = {}
    first_lines: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("//"):
            break
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 2:
            raise BadInput(f"{path}, line {number}: has {len(words)} words, not name and sequence")
        first_lines.setdefault(words[0], number)
        parts.setdefault(words[0], []).append(words[1])
    else:
        raise BadInput(f"{path}, line {len(lines)}: cut off: there is no line //")
    if not parts:
        raise BadInput(f"{path}: holds no sequences")
    return [_Record(name, first_lines[name], "".join(p)) for name, p in parts.items()]


def _encode(path: str | Path, record: _Record) -> np.ndarray:
    numbers = _NUMBERS[np.frombuffer(record.sequence.encode("latin-1"), np.uint8)]
    if np.any(numbers == _BAD):
        letter = record.sequence[int(np.argmax(numbers == _BAD))]
        name = escape_for_terminal(record.name)[:60]
        shown = escape_for_terminal(letter)
        raise BadInput(f"{path}, line {record.line}: {shown!r} in {name} stands for no residue")
    return numbers


def _count_between(is_inserted: np.ndarray, is_column: np.ndarray) -> np.ndarray:
    """Returns how many letters are inserted before each column, since the one before."""
    return np.diff(np.cumsum(is_inserted)[is_column], prepend=0).astype(np.int32)


def _align(
    path: str | Path,
    rows: list[np.ndarray],
    counts: list[np.ndarray],
    names: list[str],
    query: str | None,
) -> Alignment:
    if not rows or not len(rows[0]):
        raise BadInput(f"{path}: the first sequence is empty")
    if query is not None:
        _check_query(path, rows[0], encode_sequence(query))
    return Alignment(np.stack(rows), np.stack(counts), tuple(names))


def _check_query(path: str | Path, found: np.ndarray, wanted: np.ndarray) -> None:
    shared = min(len(found), len(wanted))
    differ = np.flatnonzero(found[:shared] != wanted[:shared])
    if len(differ):
        i = int(differ[0])
        how = f"position {i + 1} is {LETTERS[found[i]]} there and {LETTERS[wanted[i]]} in the query"
    elif len(found) != len(wanted):
        how = f"it has {len(found)} residues, the query has {len(wanted)}"
    else:
        return
    raise BadInput(f"{path}: is an alignment of another sequence: {how}")
