"""What a sweep is to do, and whether its folder allows it. No JAX: a mistake is told at once."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments._grid import Cell, as_text, layout, read_grid, short_names
from experiments._systems import SystemFile
from jaxdl.core.run import FREE, BadInput, Run, default_workdir
from jaxdl.launch.settings import as_dict

# What may change when a sweep goes on: its cells stay comparable.
CHANGEABLE = {*FREE} - {"steps"}


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
      run: of the whole sweep; its `workdir` is the sweep's folder.
      described: what sweep.json holds: system, preset, grid (flag name -> values), swept (the full
        names), settings (of all cells).
      cells: in the order in which they run.
      metric: what the cells are ranked by; "" leaves the choice to headline and names.
      lower: whether lower is better; None leaves it to them too.
      headline: the system's own metric, or "".
      headline_lower: whether lower values of it are better.
    """

    run: Run
    described: dict[str, Any]
    cells: list[Cell]
    metric: str = ""
    lower: bool | None = None
    headline: str = ""
    headline_lower: bool = False


def make_plan(config: Any, file: SystemFile) -> Plan:
    """Lays out what the flags ask for. No JAX here: a mistake is told at once.

    Raises:
      BadInput: the grid cannot be read, or a cell's Config refuses its settings, or the folder
        holds something else.
    """
    given = flags.FLAGS
    run = config.run
    presets = file.module.PRESETS
    if not given["workdir"].present:
        run = dataclasses.replace(run, workdir=default_workdir(f"sweep-{run.system}", run.preset))
    grid = read_grid(given["grid"].value, config)
    short = short_names(config)
    described = {
        "system": run.system,
        "preset": run.preset,
        "grid": {short[name]: values for name, values in grid.items()},
        "swept": list(grid),
        "settings": as_dict(config),
    }
    described = json.loads(json.dumps(described))  # tuples become lists, as they are on the disk
    check_folder(Path(run.workdir), described, CHANGEABLE | run.free)
    about = file.module.ABOUT
    return Plan(
        run=run,
        described=described,
        cells=layout(grid, config, run.workdir, presets),
        metric=given["metric"].value,
        lower=given["lower_is_better"].value,
        headline=about.headline,
        headline_lower=about.better == "lower",
    )


def check_folder(
    folder: Path, new: dict[str, Any], changeable: frozenset[str] | set[str] = frozenset(CHANGEABLE)
) -> None:
    """Refuses a folder that holds neither nothing nor an earlier part of this sweep.

    Raises:
      BadInput: with what differs.
    """
    if (folder / "config.json").exists():
        raise BadInput(f"{folder} holds a run, not a sweep; give another --workdir")
    if not (folder / "sweep.json").exists():
        return
    old = read_json(folder / "sweep.json")
    if old is None or new.keys() - old.keys():
        raise BadInput(f"{folder}/sweep.json is damaged; give another --workdir")
    lines = [
        f"  {name}: it has {old[name]}, this one {new[name]}"
        for name in ("system", "swept")
        if old[name] != new[name]
    ]
    for name in old["grid"].keys() & new["grid"].keys():
        if gone := [as_text(x) for x in old["grid"][name] if x not in new["grid"][name]]:
            lines.append(f"  --grid {name}: it has {', '.join(gone)} too")
    before = old["settings"]
    now = new["settings"]
    for name in sorted((before.keys() | now.keys()) - changeable - {*new["swept"]}):
        if before.get(name) != now.get(name):
            lines.append(f"  --{name}: it has {before.get(name)!r}, this one {now.get(name)!r}")
    if lines:
        more = [f"  ... and {len(lines) - 10} more"] if len(lines) > 10 else []
        text = [f"{folder} holds another sweep", *lines[:10], *more]
        text.append("a --grid may gain values; for all else give another --workdir")
        raise BadInput("\n".join(text))


def read_json(path: Path) -> Any:
    """Reads a JSON file; None where there is none, or a damaged one."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    part.rename(path)
