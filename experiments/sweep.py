"""Runs a system with every combination of some settings, and compares them.

    ./run sweep ppo --grid lr=1e-4,3e-4 --grid clip=0.1,0.2 --num_seeds=4
    ./run sweep ppo --grid hidden=64x64,128x128 --metric=episode_length --workdir=runs/sizes
    ./run sweep rl2 --grid env=bandit:arms=5,bandit:arms=10
    ./run sweep ppo --grid "env=mjx/cartpole:task=swingup,randomize=0.2;pendulum"
    ./run sweep path/to/mysystem.py --grid lr=1e-4,3e-4

One --grid for each setting: a flag of the system, full or short, and its values by comma (`none`
for no value, 64x64 for several numbers in one value). Values that hold commas themselves are split
by semicolons, or quoted: env='"a:b=1,c=2",d'. All other flags are those of the system and hold for
every cell; the seeds of a cell run side by side in one program. The folder gets sweep.json,
cells/<name>/ (an ordinary run each), result.json and report.html. The same command with the same
--workdir goes on where it was cut, and runs what is new where a --grid has gained values; the
metric may change too.
"""

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments._grid import Cell, label
from experiments._sweep_plan import CHANGEABLE, Plan, make_plan, read_json, write_json
from experiments._systems import SystemFile, find, systems
from jaxdl.core.run import BadInput, NonFinite
from jaxdl.launch.flags import launch_tool, train_system
from jaxdl.launch.help import Extra
from jaxdl.pages.exhibit import Table

FINAL = ("done", "not finite")  # such a cell would end in the same way again
Record = dict[str, Any]  # of a cell, as its cell.json holds it
Train = Callable[[Any], tuple[Any, dict[str, Any]]]  # Config -> state, result
EXTRAS = (
    Extra("--grid=<setting=value,value>", "one for each setting; values with commas: see above"),
    Extra("--metric=<name>", "what the cells are ranked by [default: the system's headline]"),
    Extra("--[no]lower_is_better", "whether low values of it are good [default: by its name]"),
)


def command(arguments: Sequence[str]) -> int:
    """Dispatches `./run sweep <system> [--flags]`."""
    from jaxdl.pages.text import print_text

    if not arguments or arguments[0] in ("-h", "--help", "help"):
        known = ", ".join(systems())
        print_text(f"{__doc__}\nSystems: {known}. All flags: ./run sweep ppo --help")
        return 0
    name = arguments[0]
    try:
        if name.startswith("-"):
            raise BadInput(f"cannot sweep {name!r}; the system comes first: ./run sweep ppo")
        file = find(name)
    except BadInput as error:
        print_text(f"jaxdl: {error}", sys.stderr)
        return 2
    sys.argv = [f"./run sweep {name}", *arguments[1:]]
    define_flags()

    def main(plan: Plan) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):  # between cells; within them `fit` saves
            signal.signal(number, _leave)
        sweep(plan, partial(train, file))

    launch_tool(
        main,
        file.module.PRESETS,
        name=file.name,
        prepare=lambda config: make_plan(config, file),
        extras=EXTRAS,
    )
    return 0


def define_flags() -> None:
    """Defines the flags that a sweep has beside those of its system."""
    flags.DEFINE_multi_string("grid", [], "setting=value,value; one for each setting")
    flags.DEFINE_string("metric", "", "what the cells are ranked by")
    flags.DEFINE_bool("lower_is_better", None, "whether its low values are good")


def train(file: SystemFile, config: Any) -> tuple[Any, dict[str, Any]]:
    """Trains one cell as the system's own command would."""
    return train_system(file.module.build, config, file.module.ABOUT)


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def sweep(plan: Plan, main: Train) -> dict[str, Any]:
    """Runs the cells that have not ended yet, one after the other, and compares all.

    Args:
      plan: the cells and their folder.
      main: trains a cell.

    Returns:
      What result.json holds.

    Raises:
      BadInput: no metric is called `plan.metric`, or every cell was refused.
      NonFinite: no cell has ended with finite numbers.
      SystemExit: 130 or 143 after a signal; the cell's state has been saved.
    """
    import jax

    from jaxdl.pages import print_table, print_text

    folder = Path(plan.run.workdir)
    is_first = jax.process_index() == 0
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        records = [_ended(cell) for cell in plan.cells]  # all processes look before any trains
        if is_first:
            write_json(folder / "sweep.json", plan.described)
        try:
            summary = _run_all(plan, records, main)
        except SystemExit:
            _say(f"the sweep stopped; the same command with --workdir={folder} goes on")
            raise
    if is_first:
        for table in summary.tables:
            print_text("")
            print_table(table.head, table.rows)
        print_text(f"\n{summary.result['verdict'][0]}\n\nreport: {folder / 'report.html'}")
    if not summary.result["best"]:
        refused = all(record["status"] == "refused" for record in records)
        raise (BadInput if refused else NonFinite)("no cell has ended with finite numbers")
    return summary.result


class Summary(NamedTuple):
    """The cells beside each other.

    Attributes:
      result: what result.json holds.
      tables: the ranking, and the cells without a number, if there are any.
    """

    result: dict[str, Any]
    tables: list[Table]


def _run_all(plan: Plan, records: list[Record], main: Train) -> Summary:
    """Runs the cells whose record is not final, and puts their new ones in its place."""
    summary = summarize(plan, records)
    seconds = []
    todo = [i for i, record in enumerate(records) if record["status"] not in FINAL]
    for done, i in enumerate(todo):
        average = sum(seconds) / max(len(seconds), 1)
        left = f"  about {_duration(average * (len(todo) - done))} left" if seconds else ""
        _say(f"cell {i + 1}/{len(records)}  {label(plan.cells[i].settings)}{left}")
        records[i] = run_cell(plan.cells[i], main)
        seconds.append(records[i]["seconds"])
        summary = summarize(plan, records)
    return summary


def run_cell(cell: Cell, main: Train) -> Record:
    """Runs, or goes on with, one cell, and writes its cell.json once it has ended for good.

    Returns:
      Its record: name, settings, status ("done", "not finite", "refused", "out of memory"),
      message, metrics, fingerprint, unit, samples_per_second, seconds, config.
    """
    import jax

    place = Path(cell.config.run.workdir)
    is_first = jax.process_index() == 0
    began = time.monotonic()
    if is_first:  # a cell killed between its last step and its result measures that step again
        for end in place.glob(f"**/checkpoints/{cell.config.run.steps}"):
            shutil.rmtree(end)
    record = _record(cell, "done")
    message = ""
    try:
        result = main(cell.config)[1]
        names = ("metrics", "fingerprint", "unit", "samples_per_second", "device", "versions")
        record |= {name: result[name] for name in names}
    except NonFinite as error:
        record["status"] = "not finite"
        message = str(error)
    except BadInput as error:
        record["status"] = "refused"
        message = str(error)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        record["status"] = "out of memory"
        message = str(error).splitlines()[0][:200]
    record |= {"message": message, "seconds": time.monotonic() - began}
    if message:
        _say(f"{record['status']}: {message}")
    if is_first and record["status"] in FINAL:
        write_json(place / "cell.json", record)
        for folder in place.glob("**/checkpoints"):
            _keep_newest(folder)
    return record


def _record(cell: Cell, status: str) -> Record:
    config = json.loads(json.dumps(dict(cell.config.run.config)))
    return {"name": cell.name, "settings": cell.settings, "status": status, "config": config}


def _ended(cell: Cell) -> Record:
    """Reads the record of a cell that has ended with these settings, else makes a "not run"."""
    record = read_json(Path(cell.config.run.workdir) / "cell.json")
    new = _record(cell, "not run")
    if record is None or record.get("status") not in FINAL:
        return new
    names = (record["config"].keys() | new["config"].keys()) - CHANGEABLE - cell.config.run.free
    same = all(record["config"].get(name) == new["config"].get(name) for name in names)
    return {**record, "settings": cell.settings} if same else new


def _keep_newest(checkpoints: Path) -> None:
    steps = sorted(
        (p for p in checkpoints.glob("*") if p.name.isdigit()), key=lambda p: int(p.name)
    )
    for step in steps[:-1]:
        shutil.rmtree(step)


def summarize(plan: Plan, records: Sequence[Record]) -> Summary:
    """Ranks the cells and writes result.json and report.html.

    Raises:
      BadInput: no metric is called `plan.metric`.
    """
    import jax

    from experiments import _compare as compare
    from experiments._sweep_page import page
    from jaxdl import pages

    measured = next((r["metrics"] for r in records if r["status"] == "done"), None)
    metric = plan.metric or plan.headline or "metric"
    lower = bool(plan.lower)
    if measured is not None:
        wanted = compare.Wanted(plan.metric, plan.lower, plan.headline, plan.headline_lower)
        metric, lower = compare.choose(wanted, measured)
    rows = compare.rank(records, metric, lower)
    tables = [compare.ranking(rows, metric), compare.unranked(rows, metric)]
    tables = [table for table in tables if table.rows]
    result = {
        **plan.described,
        "metric": metric,
        "lower_is_better": lower,
        "best": rows[0].cell["name"] if rows[0].summary else None,
        "verdict": compare.verdict(rows, metric, lower),
        "table": "\n\n".join(pages.table_text(table.head, table.rows) for table in tables),
        "cells": [{**row.cell, "minus_best": row.gap, "p_holm": row.p} for row in rows],
    }
    if jax.process_index() == 0:
        folder = Path(plan.run.workdir)
        write_json(folder / "result.json", result)
        pages.write_page(folder / "report.html", page(folder, plan.described, rows, metric, lower))
    return Summary(result, tables)


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


def _say(text: str) -> None:
    import jax

    from jaxdl.pages import print_text

    if jax.process_index() == 0:
        print_text(f"jaxdl: {text}", sys.stderr)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
