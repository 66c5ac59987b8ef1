"""What a run tells: one JSON line a call, a live display, TensorBoard if asked for."""

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from jaxdl.core.run import BadInput, Run

Log = Callable[[int, Mapping[str, Any]], None]


class Logs(NamedTuple):
    """Where metrics go.

    Attributes:
      write: step, name -> value, scalar or one for each seed [S].
      flush: makes what was written survive the process.
      close: ends the display and the files.
    """

    write: Log
    flush: Callable[[], None]
    close: Callable[[], None]


def interval(values: Any) -> dict[str, Any]:
    """Mean and half-width of the 95 % interval (Student's t) of one number a seed.

    Args:
      values: [S], or a scalar.

    Returns:
      {mean, ci95, values}; ci95 is None for one seed.
    """
    values = np.atleast_1d(np.asarray(values, np.float64))
    n, half = len(values), None
    if n > 1:
        half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / math.sqrt(n))
    return {"mean": float(values.mean()), "ci95": half, "values": values.tolist()}


def scalars(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Means over seeds, and `name/ci95` where there are several."""
    flat = {}
    for name, value in metrics.items():
        summary = interval(value)
        flat[name] = summary["mean"]
        if summary["ci95"] is not None:
            flat[f"{name}/ci95"] = summary["ci95"]
    return flat


def open_logs(run: Run, workdir: Path | None, start: int) -> Logs:
    """Opens the metrics file, the display and, if asked for, TensorBoard.

    Args:
      run: the run.
      workdir: where to write; None shows the display only.
      start: the step that the run starts from; later lines of a cut run are dropped.
    """
    sinks = [_display(run, start)]
    if workdir:
        sinks.append(_jsonl(workdir / "metrics.jsonl", start))
    if workdir and run.tensorboard:
        sinks.append(_tensorboard(workdir))

    def write(step, metrics):
        flat = scalars(metrics)
        for sink in sinks:
            sink.write(step, flat)

    def flush():
        for sink in sinks:
            sink.flush()

    def close():
        for sink in sinks:
            sink.close()

    return Logs(write, flush, close)


def silent() -> Logs:
    """Logs of a process that has nothing to tell."""
    return Logs(lambda step, metrics: None, lambda: None, lambda: None)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The lines of a metrics.jsonl; one that a kill has cut short is left out."""
    rows = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def _jsonl(path: Path, start: int) -> Logs:
    kept = [row for row in read_metrics(path) if row["step"] <= start]
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in kept))
    part.rename(path)
    file = path.open("a", buffering=1)  # a line is there to be read as soon as it is written

    def write(step, flat):
        file.write(json.dumps({"step": step, **flat}) + "\n")

    return Logs(write, file.flush, file.close)


def _tensorboard(workdir: Path) -> Logs:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise BadInput("--tensorboard needs the extra `tensorboard` (see BUILD.md)") from None
    writer = SummaryWriter(str(workdir / "tensorboard"))

    def write(step, flat):
        for name, value in flat.items():
            writer.add_scalar(name, value, step)

    return Logs(write, writer.flush, writer.close)


def _display(run: Run, start: int, every: float = 2.0) -> Logs:
    """A progress bar on a terminal; elsewhere one plain line each `every` seconds."""
    began, shown = None, -math.inf  # the clock starts when the first call is back: it compiled
    live = _bar(run, start) if sys.stderr.isatty() else None

    def write(step, flat):
        nonlocal began, shown, start
        now = time.monotonic()
        if began is None:
            began, start = now, step
        last = step >= run.steps
        if now - shown < (0.1 if live else every) and not last:
            return
        shown = now
        rate = (step - start) / max(now - began, 1e-9)
        eta = f"{_duration((run.steps - step) / rate)} left" if rate and not last else ""
        speed = f"{rate:.3g} steps/s" if rate else ""
        shown_metrics = [f"{k} {v:.4g}" for k, v in flat.items() if not k.endswith("/ci95")]
        text = "  ".join(part for part in (speed, eta, *shown_metrics[:6]) if part)
        if live:
            live.update(live.task_ids[0], completed=step, text=text)
        else:
            name = f"{run.system or 'fit'} {step}/{run.steps}"
            print(f"{name}  {text}", file=sys.stderr, flush=True)

    return Logs(write, lambda: None, live.stop if live else lambda: None)


def _bar(run: Run, start: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn(f"[bold]{run.system or 'fit'}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    bar.start()
    bar.add_task("", total=run.steps, completed=start, text="compiling")
    return bar


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
