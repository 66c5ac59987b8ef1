"""Readers of the files of tasks: tables with tabs, and archives of lines."""

import zipfile
from pathlib import Path

from jaxdl.core.run import BadInput
from jaxdl.data.formats import as_bad_input
from jaxdl.language.texts import decode_text, read_member


def read_table(
    path: Path, columns: tuple[str, ...], *, header: bool = True
) -> list[dict[str, str]]:
    """Reads a table with one row a line and tabs between columns, in which quotes mean nothing.

    Args:
      path: the file.
      columns: their names.
      header: the first line names the columns, if it does; some copies lack it.

    Returns:
      The rows, column -> text without blanks at its ends.

    Raises:
      BadInput: the file cannot be read, or a row has another number of columns.
    """
    with as_bad_input(f"{path} cannot be read"):
        text = decode_text(path.read_bytes(), str(path))
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    first = int(header and tuple(lines[0].split("\t")) == columns)
    rows = []
    for number, line in enumerate(lines[first:], first + 1):
        if not line and number == len(lines):
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise BadInput(
                f"{path}: line {number} has {len(cells)} columns, not {len(columns)}: "
                f"{', '.join(columns)}"
            )
        rows.append({c: cell.strip() for c, cell in zip(columns, cells, strict=True)})
    if not rows:
        raise BadInput(f"{path} has no rows")
    return rows


def value_of(path: Path, row: dict[str, str], values: tuple[str, ...]) -> int:
    """Returns the number of a row's label.

    Raises:
      BadInput: the label is none of those.
    """
    if row["label"] not in values:
        raise BadInput(f"{path}: the label {row['label']!r} should be {' or '.join(values)}")
    return values.index(row["label"])


def read_lines_of(path: Path, member: str) -> list[str]:
    """Reads the lines of one file of an archive, without blanks at their ends and blank ones.

    Raises:
      BadInput: the archive is damaged or has no such file.
    """
    with as_bad_input(f"{path} cannot be read"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if member not in names:
            raise BadInput(f"{path} has no {member}")
        entry = archive.getinfo(member)
    text = decode_text(read_member(path, entry), f"{path}/{member}")
    return [line.strip() for line in text.split("\n") if line.strip()]
