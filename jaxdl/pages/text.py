"""Text for terminals: lines and tables that no encoding, closed pipe or hostile cell can break."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

Cell = str | int | float | bool | None

UNBOUNDED = 100_000  # columns: a table in a file or a pipe is never folded
# What stands for signs of ours where a terminal or file cannot hold them.
PLAIN_SIGNS = {
    "±": "+-", "×": "x", "²": "2", "…": "...", "–": "-", "—": "-", "→": "->", "−": "-", "≥": ">=",
    "≤": "<=", "µ": "u", "\u00a0": " ",
}  # fmt: skip


def print_text(text: str, file: TextIO | None = None) -> None:
    """Prints lines in whatever the file can hold; a file that is closed is passed over.

    Args:
      text: of one or several lines.
      file: standard output by default.
    """
    file = file or sys.stdout
    if file is None:  # the process was started without it
        return
    with suppress(BrokenPipeError, ValueError):  # ValueError: the file has been closed
        file.write(encodable(text, file.encoding or "utf-8") + "\n")
        file.flush()


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    title: str = "",
    *,
    file: TextIO | None = None,
) -> None:
    """Prints a table: ruled and folded to its width on a terminal, plain text elsewhere.

    Args:
      head: names of the columns.
      rows: cells; None is an empty one. Columns of numbers are set to the right.
      title: stands above the table.
      file: standard output by default.
    """
    file = file or sys.stdout
    if file is None:
        return
    with suppress(ValueError):
        if file.isatty():
            return print_text(_ruled(head, rows, title, encoding=file.encoding or "utf-8"), file)
    print_text(table_text(head, rows, title), file)


def table_text(head: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "") -> str:
    """Returns a table as plain text, as wide as its cells need and without trailing spaces."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(_table(head, rows, None))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([printable(title), *lines] if title else lines)


def _ruled(head: Sequence[str], rows: Sequence[Sequence[Cell]], title: str, encoding: str) -> str:
    """Returns a table for the terminal that the process has, in its width and colors."""
    from rich import box
    from rich.console import Console

    console = Console()
    lines = box.SIMPLE_HEAD if "utf" in encoding.lower() else box.ASCII2
    with console.capture() as capture:
        if title:
            console.print(_cell(title), style="bold")
        console.print(_table(head, rows, lines))
    return capture.get().rstrip("\n")


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]], lines):
    from rich.table import Table

    table = Table(box=lines, pad_edge=False, padding=(0, 2, 0, 0) if lines is None else (0, 1))
    texts = [[cell_text(cell) for cell in row] for row in rows]
    for i, name in enumerate(head):
        column = [row[i] for row in texts if row[i]]
        numeric = bool(column) and all(_is_number(text) for text in column)
        table.add_column(_cell(name), justify="right" if numeric else "left", overflow="fold")
    for row in texts:
        table.add_row(*map(_cell, row))
    return table


def _cell(text: str):
    from rich.text import Text

    return Text(printable(text))  # never markup


def cell_text(cell: Cell) -> str:
    """Returns a cell as text: numbers with five digits at most, None as nothing."""
    if cell is None:
        return ""
    return f"{cell:.5g}" if isinstance(cell, float) else str(cell)


def _is_number(text: str) -> bool:
    first = text.replace(",", "").replace("%", " ").split()
    try:
        float(first[0] if first else "")
    except ValueError:
        return False
    return len(first) == 1 or first[1] == "±"


def printable(text: str) -> str:
    """Returns text in which control characters and lone surrogates are written out."""
    return "".join(
        c if c.isprintable() or c in "\n\u00a0" else c.encode("unicode_escape").decode()
        for c in text
    )


def encodable(text: str, encoding: str) -> str:
    """Returns text that an encoding can hold: ± becomes +-, other signs are written out."""
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        plain = "".join(PLAIN_SIGNS.get(c, c) for c in text)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
