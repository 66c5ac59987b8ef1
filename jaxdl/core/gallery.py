"""The files of figures/: what a system shows of what it has learned, with captions."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxdl import pages
from jaxdl.pages.exhibit import Exhibit

CAPTIONS = "captions.json"


def save_exhibits(workdir: str | Path, exhibits: Iterable[Exhibit]) -> None:
    """Writes exhibits into figures/, with their captions; one that cannot be drawn is left out."""
    folder = Path(workdir) / "figures"
    captions = {}
    for exhibit in exhibits:
        try:
            captions[_save(folder, exhibit).name] = str(exhibit.caption)
        except Exception as error:
            warn(f"the exhibit {exhibit!r:.60} is left out", error)
    if captions:
        save_captions(workdir, captions)


def save_captions(workdir: str | Path, captions: Mapping[str, str]) -> None:
    """Writes down the captions of files in figures/, beside those that are there."""
    file = Path(workdir) / "figures" / CAPTIONS
    merged = {**read_captions(Path(workdir)), **captions}
    file.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")


def _save(folder: Path, exhibit: Exhibit) -> Path:
    """Writes one exhibit by its kind, and takes away an earlier one of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", exhibit.name).lstrip(".")[:64] or "exhibit"
    name += "_" * (f"{name}.json" == CAPTIONS)
    content: Any = exhibit.content
    files = {kind: folder / f"{name}.{kind}" for kind in ("svg", "png", "json")}
    if hasattr(content, "savefig") and any(axis.images for axis in content.axes):
        kind = "png"  # pictures within an SVG are large
        content.savefig(files[kind], dpi=150)
    elif hasattr(content, "savefig"):
        kind = "svg"
        files[kind].write_bytes(pages.svg_bytes(content))
    elif hasattr(content, "head") and hasattr(content, "rows"):
        kind = "json"
        rows = [[_plain(cell) for cell in row] for row in content.rows]
        table = {"head": list(content.head), "rows": rows}
        files[kind].write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    elif hasattr(content, "save"):
        kind = "png"
        content.save(files[kind])
    else:
        raise TypeError(f"{type(content).__name__} is no figure, image or Table")
    for other in files.keys() - {kind}:
        files[other].unlink(missing_ok=True)
    return files[kind]


def _plain(cell: Any) -> Any:
    """Returns a cell that JSON can hold."""
    cell = cell.item() if hasattr(cell, "item") else cell
    return cell if isinstance(cell, str | int | float | bool | None) else str(cell)


def read_captions(workdir: Path) -> dict[str, str]:
    """Reads the captions of the files in figures/; a damaged file holds none."""
    with suppress(OSError, ValueError):
        found = json.loads((workdir / "figures" / CAPTIONS).read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def pictures_in(workdir: Path) -> list[Path]:
    """Lists the files below figures/ that a page can show: moving ones, exhibits, others."""
    files = [p for p in (workdir / "figures").glob("*.*") if p.suffix in (".gif", ".png", ".svg")]
    order = list(read_captions(workdir))
    place = {name: i for i, name in enumerate(order)}
    return sorted(files, key=lambda p: (p.suffix != ".gif", place.get(p.name, len(place)), p))


def sections_of(workdir: Path) -> list[pages.Section]:
    """Lays out the pictures and tables of a report: moving ones, exhibits in their order, others.

    A file that cannot be read is left out.
    """
    folder = workdir / "figures"
    captions = read_captions(workdir)
    pictures = [path.name for path in pictures_in(workdir)]
    moving = [name for name in pictures if name.endswith(".gif")]
    names = dict.fromkeys([*moving, *captions, *pictures])
    parts = []
    for name in names:
        with suppress(OSError, ValueError, KeyError, TypeError):
            parts.append(_section_of(folder / name, captions.get(name, "")))
    if parts:
        parts[0] = {**parts[0], "title": "What was learned"}
    return parts


def _section_of(path: Path, caption: str) -> pages.Section:
    if path.suffix != ".json":
        return pages.section(figures=[pages.picture(path, caption)])
    table = json.loads(path.read_text("utf-8"))
    head = [str(x) for x in table["head"]]
    rows = [[pages.cell_text(x) for x in row] for row in table["rows"]]
    return pages.section(text=caption, head=head, rows=rows)


def warn(what: str, error: Exception) -> None:
    """Tells in one line what is missing from a report, and why."""
    lines = str(error).strip().splitlines() or [""]
    text = f"jaxdl: {what}: {type(error).__name__}: {lines[0][:200]}"
    pages.print_text(text, sys.stderr)
