"""Runs an experiment with every combination of some settings, and compares: `./run sweep ppo ...`.

    ./run sweep ppo --grid lr=1e-4,3e-4 --grid clip=0.1,0.2 --num_seeds=4
    ./run sweep ppo --grid hidden=64x64,128x128 --metric=episode_length --workdir=runs/sizes

One --grid for each setting: a flag of the experiment, full or short, and its values by comma
(`none` for no value, 64x64 for several numbers in one value). All other flags are those of the
experiment and hold for every cell; the seeds of a cell run side by side in one program. The folder
gets sweep.json, cells/<name>/ (an ordinary run each), result.json and report.html. The same command
with the same --workdir goes on where it was cut, and runs what is new where a --grid has gained
values; the metric may change too.
"""

import dataclasses
import difflib
import importlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments.claims import SYSTEMS
from experiments._grid import Cell, as_text, label, layout, read_grid, short_names
from jaxdl.core.run import FREE, BadInput, NonFinite, Run, default_workdir
from jaxdl.launch.flags import as_dict, launch

# What may change when a sweep goes on: its cells stay comparable.
CHANGEABLE = {*FREE} - {"steps", "steps_per_call"}
FINAL = ("done", "not finite")  # such a cell would end in the same way again


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
      run: of the whole sweep; its `workdir` is the sweep's folder.
      described: what sweep.json holds: system, preset, grid (flag name -> values), swept (the full
        names), settings (of all cells).
      cells: in the order in which they run.
      metric: what the cells are ranked by; "" leaves the choice to the names.
      lower: whether lower is better; None leaves it to the metric's name.
    """

    run: Run
    described: dict[str, Any]
    cells: list[Cell]
    metric: str = ""
    lower: bool | None = None


def command(arguments: Sequence[str]) -> int:
    """Dispatches `./run sweep <experiment> [--flags]`."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        known = ", ".join(SYSTEMS)
        print(f"{__doc__}\nExperiments: {known}. All flags: ./run sweep ppo --help")
        return 0
    system = arguments[0]
    if system not in SYSTEMS:
        near = difflib.get_close_matches(system, SYSTEMS, 1)
        hint = f"did you mean {near[0]}?" if near else f"should be one of {', '.join(SYSTEMS)}"
        hint = "the experiment comes first: ./run sweep ppo" if system[0] == "-" else hint
        print(f"jaxdl: cannot sweep {system!r}; {hint}", file=sys.stderr)
        return 2
    sys.argv = [f"./run sweep {system}", *arguments[1:]]
    module = importlib.import_module(f"experiments.{system}")
    here = {"module_name": sys.argv[0]}  # so that --help lists them
    flags.DEFINE_multi_string("grid", [], "setting=value,value; one for each setting", **here)
    flags.DEFINE_string("metric", "", "what the cells are ranked by (default: of eval/)", **here)
    text = "whether its low values are good (default: for a loss, an error, a regret)"
    flags.DEFINE_bool("lower_is_better", None, text, **here)

    def main(plan: Plan) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):  # between cells; within them `fit` saves
            signal.signal(number, _leave)
        sweep(plan, module.main)

    launch(main, module.PRESETS, system=system, prepare=lambda x: planned(x, module.PRESETS))
    return 0


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def planned(config: Any, presets: Mapping[str, Any]) -> Plan:
    """Lays out what the flags ask for. No JAX here: a mistake is told at once.

    Raises:
      BadInput: the grid cannot be read, or a cell's Config refuses its settings, or the folder
        holds something else.
    """
    given, run = flags.FLAGS, config.run
    if not given["workdir"].present:
        run = dataclasses.replace(run, workdir=default_workdir(f"sweep-{run.system}", run.preset))
    grid, short = read_grid(given["grid"].value, config), short_names(config)
    described = {
        "system": run.system,
        "preset": run.preset,
        "grid": {short[name]: values for name, values in grid.items()},
        "swept": list(grid),
        "settings": as_dict(config),
    }
    described = json.loads(json.dumps(described))  # tuples become lists, as they are on the disk
    check_folder(Path(run.workdir), described)
    cells = layout(grid, config, run.workdir, presets)
    return Plan(run, described, cells, given["metric"].value, given["lower_is_better"].value)


def check_folder(folder: Path, new: Mapping[str, Any]) -> None:
    """Refuses a folder that holds neither nothing nor an earlier part of this sweep.

    Raises:
      BadInput: with what differs.
    """
    if (folder / "config.json").exists():
        raise BadInput(f"{folder} holds a run, not a sweep; give another --workdir")
    if not (folder / "sweep.json").exists():
        return
    old = _read(folder / "sweep.json")
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
    was, now = old["settings"], new["settings"]
    for name in sorted((was.keys() | now.keys()) - CHANGEABLE - {*new["swept"]}):
        if was.get(name) != now.get(name):
            lines.append(f"  --{name}: it has {was.get(name)!r}, this one {now.get(name)!r}")
    if lines:
        more = [f"  ... and {len(lines) - 10} more"] if len(lines) > 10 else []
        text = [f"{folder} holds another sweep", *lines[:10], *more]
        text.append("a --grid may gain values; for all else give another --workdir")
        raise BadInput("\n".join(text))


def sweep(plan: Plan, main: Callable[[Any], tuple[Any, dict]]) -> dict[str, Any]:
    """Runs the cells that have not ended yet, one after the other, and compares all.

    Args:
      plan: the cells and their folder.
      main: the experiment's: Config -> state, result.

    Returns:
      What result.json holds.

    Raises:
      BadInput: no metric is called `plan.metric`, or every cell was refused.
      NonFinite: no cell has ended with finite numbers.
      SystemExit: 130 or 143 after a signal; the cell's state has been saved.
    """
    import jax

    folder, first = Path(plan.run.workdir), jax.process_index() == 0
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        records = [_ended(cell) for cell in plan.cells]  # all processes look before any trains
        if first:
            _write(folder / "sweep.json", plan.described)
        try:
            result = _run_all(plan, records, main)
        except SystemExit:
            _say(f"the sweep stopped; the same command with --workdir={folder} goes on")
            raise
    if first:
        parts = (result["table"], result["verdict"][0], f"report: {folder / 'report.html'}")
        print("", "\n\n".join(parts), sep="\n", flush=True)
    if not result["best"]:
        refused = all(record["status"] == "refused" for record in records)
        raise (BadInput if refused else NonFinite)("no cell has ended with finite numbers")
    return result


def _run_all(plan: Plan, records: list[dict], main: Callable) -> dict[str, Any]:
    """Runs the cells whose record is not final, and puts their new ones in its place."""
    result, seconds = summarize(plan, records), []
    todo = [i for i, record in enumerate(records) if record["status"] not in FINAL]
    for done, i in enumerate(todo):
        average = sum(seconds) / max(len(seconds), 1)
        left = f"  about {_duration(average * (len(todo) - done))} left" if seconds else ""
        _say(f"cell {i + 1}/{len(records)}  {label(plan.cells[i].settings)}{left}")
        records[i] = run_cell(plan.cells[i], main)
        seconds.append(records[i]["seconds"])
        result = summarize(plan, records)
    return result


def run_cell(cell: Cell, main: Callable[[Any], tuple[Any, dict]]) -> dict[str, Any]:
    """Runs, or goes on with, one cell, and writes its cell.json once it has ended for good.

    Returns:
      Its record: name, settings, status ("done", "not finite", "refused", "out of memory"),
      message, metrics, fingerprint, samples_per_second, seconds, config.
    """
    import jax

    place, first, began = Path(cell.config.run.workdir), jax.process_index() == 0, time.monotonic()
    if first:  # a cell killed between its last step and its result measures that step again
        for end in place.glob(f"**/checkpoints/{cell.config.run.steps}"):
            shutil.rmtree(end)
    record, message = _record(cell, "done"), ""
    try:
        result = main(cell.config)[1]
        names = ("metrics", "fingerprint", "samples_per_second", "device", "versions")
        record |= {name: result[name] for name in names}
    except NonFinite as error:
        record["status"], message = "not finite", str(error)
    except BadInput as error:
        record["status"], message = "refused", str(error)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        record["status"], message = "out of memory", str(error).splitlines()[0][:200]
    record |= {"message": message, "seconds": time.monotonic() - began}
    if message:
        _say(f"{record['status']}: {message}")
    if first and record["status"] in FINAL:
        _write(place / "cell.json", record)
        for folder in place.glob("**/checkpoints"):
            _keep_newest(folder)
    return record


def _record(cell: Cell, status: str) -> dict[str, Any]:
    config = json.loads(json.dumps(dict(cell.config.run.config)))
    return {"name": cell.name, "settings": cell.settings, "status": status, "config": config}


def _ended(cell: Cell) -> dict[str, Any]:
    """The record of a cell that has ended with these settings, else one that says "not run"."""
    record, new = _read(Path(cell.config.run.workdir) / "cell.json"), _record(cell, "not run")
    if record is None or record.get("status") not in FINAL:
        return new
    names = (record["config"].keys() | new["config"].keys()) - CHANGEABLE
    same = all(record["config"].get(name) == new["config"].get(name) for name in names)
    return {**record, "settings": cell.settings} if same else new


def _keep_newest(checkpoints: Path) -> None:
    steps = sorted(
        (p for p in checkpoints.glob("*") if p.name.isdigit()), key=lambda p: int(p.name)
    )
    for step in steps[:-1]:
        shutil.rmtree(step)


def summarize(plan: Plan, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ranks the cells and writes result.json and report.html; returns what the first holds.

    Raises:
      BadInput: no metric is called `plan.metric`.
    """
    import jax

    from experiments import _compare as compare
    from experiments._sweep_page import page

    measured = next((r["metrics"] for r in records if r["status"] == "done"), None)
    metric, lower = plan.metric or "metric", bool(plan.lower)
    if measured is not None:
        metric, lower = compare.choose(plan.metric, plan.lower, measured)
    rows = compare.rank(records, metric, lower)
    tables = compare.ranking(rows, metric), compare.unranked(rows, metric)
    result = {
        **plan.described,
        "metric": metric,
        "lower_is_better": lower,
        "best": rows[0].cell["name"] if rows[0].summary else None,
        "verdict": compare.verdict(rows, metric, lower),
        "table": "\n\n".join(compare.as_lines(*x) for x in tables if x[1]),
        "cells": [{**row.cell, "minus_best": row.gap, "p_holm": row.p} for row in rows],
    }
    if jax.process_index() == 0:
        folder = Path(plan.run.workdir)
        _write(folder / "result.json", result)
        html = page(folder, plan.described, rows, metric, lower)
        (folder / "report.html").write_text(html)
    return result


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder, in the first process of a run."""
    from jaxdl.core.mesh import on_first_process
    from jaxdl.core.workdir import lock

    def take() -> int:
        stack.enter_context(lock(folder))
        return 0

    with ExitStack() as stack:
        on_first_process(take)
        yield


def _read(path: Path) -> Any:
    """What a JSON file holds; None where there is none, or a damaged one."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _write(path: Path, content: Any) -> None:
    """Writes a JSON file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.rename(path)


def _say(text: str) -> None:
    import jax

    if jax.process_index() == 0:
        print(f"jaxdl: {text}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
