"""What a run writes while it goes on: a JSON line a call, a display, TensorBoard if asked for."""

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


class Axis(NamedTuple):
    """What the steps of a run are counted in, beside steps.

    Attributes:
      unit: such as "env steps", "images" or "tokens".
      per_step: how many a learner step consumes, in each seed.
      headline: the metric that is shown first, or "".
    """

    unit: str = "samples"
    per_step: int = 1
    headline: str = ""

    @property
    def name(self) -> str:
        """The unit as a name in metrics.jsonl."""
        return self.unit.replace(" ", "_")


def interval(values: Any) -> dict[str, Any]:
    """Computes the mean and the half-width of its 95 % interval (Student's t) over seeds.

    Args:
      values: [S], or a scalar. Seeds with NaN, for which nothing was counted, are left out.

    Returns:
      {mean, ci95, values}; ci95 is None for one seed, and a value is None where it was NaN.
    """
    values = np.atleast_1d(np.asarray(values, np.float64))
    counted = values[~np.isnan(values)]
    n = len(counted)
    half = None
    if n > 1:
        half = float(stdtrit(n - 1, 0.975) * counted.std(ddof=1) / math.sqrt(n))
    listed = [None if math.isnan(value) else value for value in values.tolist()]
    return {"mean": float(counted.mean()), "ci95": half, "values": listed}


def scalars(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns means over seeds, and `name/ci95` where there are several."""
    flat = {}
    for name, value in metrics.items():
        summary = interval(value)
        flat[name] = summary["mean"]
        if summary["ci95"] is not None:
            flat[f"{name}/ci95"] = summary["ci95"]
    return flat


def say(text: str) -> None:
    """Prints a line for people; a closed or narrow terminal never ends a run."""
    print_safely(f"jaxdl: {text}\n")


def print_safely(text: str) -> None:
    """Writes to stderr what it can take, and nothing where nobody listens any more."""
    with suppress(OSError, ValueError, AttributeError):
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        sys.stderr.write(text.encode(encoding, "replace").decode(encoding, "replace"))
        sys.stderr.flush()


def is_terminal() -> bool:
    """Whether people read stderr as it is written."""
    with suppress(OSError, ValueError, AttributeError):
        return sys.stderr.isatty()
    return False


def open_logs(run: Run, workdir: Path | None, start: int, axis: Axis) -> Logs:
    """Opens the metrics file, the display and, if asked for, TensorBoard.

    Args:
      run: the run.
      workdir: where to write; None shows the display only.
      start: the step that the run starts from; later lines of a cut run are dropped.
      axis: what steps are counted in, beside steps.
    """
    sinks = []
    if workdir:
        sinks.append(_jsonl(workdir / "metrics.jsonl", start, axis))
    if workdir and run.tensorboard:
        sinks.append(_tensorboard(workdir, axis))
    sinks.append(_display(run, start, axis.headline))

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


def silent_logs() -> Logs:
    """Makes logs that go nowhere, for processes other than the first."""
    return Logs(lambda step, metrics: None, lambda: None, lambda: None)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Reads the lines of a metrics.jsonl; one that a kill has cut short is left out."""
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def _jsonl(path: Path, start: int, axis: Axis) -> Logs:
    kept = [row for row in read_metrics(path) if row["step"] <= start]
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    part.rename(path)
    file = path.open("a", buffering=1, encoding="utf-8")  # a line can be read once it is written

    def write(step, flat):
        row = {"step": step, axis.name: step * axis.per_step, **flat}
        file.write(json.dumps(row) + "\n")

    return Logs(write, file.flush, file.close)


def _tensorboard(workdir: Path, axis: Axis) -> Logs:
    """Scalars over samples, the learner's step among them."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise BadInput("--tensorboard needs the extra `tensorboard` (see BUILD.md)") from None
    writer = SummaryWriter(str(workdir / "tensorboard"))

    def write(step, flat):
        for name, value in {"step": step, **flat}.items():
            writer.add_scalar(name, value, step * axis.per_step)

    return Logs(write, writer.flush, writer.close)


def _display(run: Run, start: int, headline: str, every: float = 2.0) -> Logs:
    """A progress bar on a terminal; elsewhere one plain line each `every` seconds."""
    clock: Clock | None = None
    live = None
    with suppress(Exception):  # a terminal that went away
        live = _bar(run, start) if is_terminal() else None

    def write(step, flat):
        nonlocal clock
        now = time.monotonic()
        if clock is None:  # it starts when the first call is back, which has compiled
            clock = Clock(now, step, -math.inf)
        is_last = step >= run.steps
        if now - clock.shown_at < (0.1 if live else every) and not is_last:
            return
        clock = clock._replace(shown_at=now)
        rate = (step - clock.first_step) / max(now - clock.started_at, 1e-9)
        text = _describe_progress(rate, run.steps - step, order_names(flat, headline), flat)
        if live:
            with suppress(Exception):
                live.update(live.task_ids[0], completed=step, text=text)
        else:
            print_safely(f"{run.system or 'fit'} {step}/{run.steps}  {text}\n")

    def close():
        with suppress(Exception):
            if live:
                live.stop()

    return Logs(write, lambda: None, close)


class Clock(NamedTuple):
    """When a display began and what it showed last.

    Attributes:
      started_at: seconds.
      first_step: the step that was done then.
      shown_at: seconds.
    """

    started_at: float
    first_step: int
    shown_at: float


def order_names(metrics: Mapping[str, Any], headline: str) -> list[str]:
    """Lists metrics in the order in which people want them: headline, `eval/`, all others."""
    names = [name for name in metrics if not name.endswith("/ci95")]
    return sorted(names, key=lambda name: (name != headline, not name.startswith("eval/")))


def _describe_progress(rate: float, left: int, names: list[str], flat: Mapping) -> str:
    speed = f"{rate:.3g} steps/s" if rate else ""
    remaining = f"{_duration(left / rate)} left" if rate and left else ""
    shown = [f"{name} {flat[name]:.4g}" for name in names[:6]]
    return "  ".join(part for part in (speed, remaining, *shown) if part)


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
