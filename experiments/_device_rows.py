"""The rows that `./run device` writes and reads, and the table of them."""

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

Row = Mapping[str, Any]
MEASURED = ("ok", "failed")


class Device(NamedTuple):
    """What is measured on.

    Attributes:
      name: in words, as in result.json.
      platform: "cpu", "gpu" or "tpu".
      count: how many there are.
      versions: package -> version.
    """

    name: str
    platform: str
    count: int
    versions: dict[str, str]


def rows_file(out: Path) -> Path:
    """Returns the file of the rows."""
    return out / "rows.jsonl"


def append(out: Path, row: Row) -> None:
    """Writes a row at once, on a line of its own even after one that was cut."""
    with rows_file(out).open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write((json.dumps(row) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def read_rows(out: Path) -> list[Row]:
    """Reads the rows; a line that was cut is passed over."""
    rows = []
    file = rows_file(out)
    for line in file.read_text("utf-8", "replace").splitlines() if file.exists() else []:
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and {"item", "device", "status", "limit"} <= row.keys():
                rows.append(row)
    return rows


def is_measured(item: str, device: Device, rows: Sequence[Row]) -> bool:
    """Says whether an item needs no further try on this device.

    What a missing package has kept from running is tried again once the package is there.
    """
    mine = [row for row in rows if row["item"] == item and row["device"] == device.name]
    for row in mine:
        if row["status"] in MEASURED:
            return True
    return any(row["status"] == "skipped" and not _is_there(row.get("missing")) for row in mine)


def _is_there(package: str | None) -> bool:
    with suppress(ImportError, ValueError):
        return bool(package) and importlib.util.find_spec(str(package)) is not None
    return False


def print_rows(device: Device, rows: Sequence[Row], *, known: int, left: Sequence[str]) -> None:
    """Prints one table of a call.

    Args:
      device: what was measured on.
      rows: of this call.
      known: how many items were measured before.
      left: names of those that did not fit into the time.
    """
    from jaxdl.pages import print_table, print_text

    cells = [(row["item"], row["status"], f"{row['seconds']:.1f}", row["text"]) for row in rows]
    print_table(("item", "status", "seconds", "measured"), cells, title=device.name)
    counts = {status: sum(row["status"] == status for row in rows) for status in _statuses(rows)}
    parts = [f"{count} {status}" for status, count in counts.items()]
    parts += [f"{known} measured before"] if known else []
    print_text(", ".join(parts) or "nothing was measured")
    if left:
        names = ", ".join(left[:12]) + (f" and {len(left) - 12} more" if len(left) > 12 else "")
        print_text(f"{len(left)} did not fit into the time: {names}")


def _statuses(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["status"] for row in rows))
