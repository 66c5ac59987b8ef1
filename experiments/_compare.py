"""The cells of a sweep in order, and what their intervals allow to say."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr

from experiments._grid import as_text, label
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput

PREFERRED = ("return", "reward", "accuracy", "score")  # how the metric to rank by may end
LOWER = ("loss", "error", "regret")  # and one that had better be small
LEVEL = 0.05


class Row(NamedTuple):
    """A cell beside the others.

    Attributes:
      cell: its record: name, settings, status, message, metrics, samples_per_second, seconds.
      summary: {mean, ci95, values} of the metric; None where it was not measured.
      gap: {mean, ci95, values} of its difference to the best cell, seed by seed; None for the best
        itself, and where there is but one seed.
      p: how likely so large a difference is by luck: a paired t test, with Holm's correction.
    """

    cell: Mapping[str, Any]
    summary: Any = None
    gap: Any = None
    p: float | None = None


def show(summary: Mapping[str, Any]) -> str:
    """A {mean, ci95, values} as text, rounded to two digits of the interval."""
    mean, half = summary["mean"], summary["ci95"]
    if half is None or half == 0 or not 1e-4 < half < 1e6:
        return f"{mean:.5g}" + ("" if half is None else f" ± {half:.2g}")
    decimals = max(1 - math.floor(math.log10(half)), 0)
    return f"{mean:,.{decimals}f} ± {float(f'{half:.2g}'):,.{decimals}f}"


def choose(metric: str, lower: bool | None, measured: Mapping[str, Any]) -> tuple[str, bool]:
    """The metric to rank by and whether lower is better: as asked for, else by the names.

    Raises:
      BadInput: there is no such metric.
    """
    if metric and metric not in measured:
        raise BadInput(f"--metric={metric}: should be one of {', '.join(measured)}")
    names = [name for name in measured if name.startswith("eval/")] or list(measured)
    metric = metric or next((name for name in names if name.endswith(PREFERRED)), names[0])
    return metric, metric.endswith(LOWER) if lower is None else lower


def rank(cells: Sequence[Mapping[str, Any]], metric: str, lower: bool) -> list[Row]:
    """The cells, best mean first, those without the metric last."""
    rows = [Row(cell, cell.get("metrics", {}).get(metric)) for cell in cells]
    measured = sorted(
        (row for row in rows if row.summary),
        key=lambda row: row.summary["mean"] if lower else -row.summary["mean"],
    )
    rest = [row for row in rows if not row.summary]
    if not measured or len(measured[0].summary["values"]) < 2:
        return measured + rest
    best, *others = measured
    values = [np.subtract(row.summary["values"], best.summary["values"]) for row in others]
    p_values = holm([paired_t(x) for x in values])
    others = [
        row._replace(gap=interval(x), p=p)
        for row, x, p in zip(others, values, p_values, strict=True)
    ]
    return [best, *others, *rest]


def paired_t(differences: Any) -> float:
    """The two-sided p-value of Student's t test of differences [S] against mean 0."""
    x = np.asarray(differences, np.float64)
    error = x.std(ddof=1) / np.sqrt(len(x))
    if error == 0:
        return float(x.mean() == 0)
    return float(2 * stdtr(len(x) - 1, -abs(x.mean()) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number (Holm 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = np.minimum(p[order] * (len(p) - np.arange(len(p))), 1.0)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(scaled)
    return corrected.tolist()


def verdict(rows: Sequence[Row], metric: str, lower: bool) -> tuple[str, str]:
    """What the intervals allow to say, and how that was found."""
    measured = [row for row in rows if row.summary]
    if not measured:
        return "No cell has ended with finite numbers yet.", ""
    best, *others = measured
    seeds = len(best.summary["values"])
    direction = f"{'lower' if lower else 'higher'} is better"
    number = f"{metric} {show(best.summary)} ({direction}; {seeds} seed{'s'[: seeds - 1]})"
    text = [f"Best mean: {label(best.cell['settings'])}, with {number}."]
    if seeds < 2:
        return text[0], "With one seed there is no interval: the order may be luck."
    if not others:
        return text[0], ""
    equal = [label(row.cell["settings"]) for row in others if row.p >= LEVEL]
    worse = len(others) - len(equal)
    if equal:
        more = f" and {len(equal) - 8} more" if len(equal) > 8 else ""
        text.append(f"Cannot be told apart from it: {'; '.join(equal[:8])}{more}.")
    text.append(f"Shown to be worse: {worse or 'none'} of the other {len(others)}.")
    how = (
        f"By t tests paired by seed, at the {100 * LEVEL:g} % level, with Holm's correction for "
        f"{len(others)} comparison{'s'[: len(others) - 1]}; the ± intervals (95 %) are not "
        "corrected. Few seeds show large differences only. The best was chosen by the seeds that "
        "score it, which flatters it: before quoting its number, measure it again under another "
        "--seed."
    )
    return " ".join([*text, *_twins(measured)]), how


def _twins(rows: Sequence[Row]) -> list[str]:
    """Says which cells are one and the same run, since what they differ in had no effect."""
    found = {}
    for row in rows:
        found.setdefault(row.cell.get("fingerprint"), []).append(label(row.cell["settings"]))
    twins = [" = ".join(names) for names in found.values() if len(names) > 1]
    return [f"Equal to the last bit: {'; '.join(twins)}."] if twins else []


Table = tuple[list[str], list[list[str]]]


def ranking(rows: Sequence[Row], metric: str) -> Table:
    """The cells with a number as text: a head, and a line each; columns that tell nothing are out.

    Returns:
      The head and the lines.
    """
    names = list(rows[0].cell["settings"])
    head = ["", *names, metric, "seeds", "minus best", "p (Holm)", "samples/s"]
    lines = []
    for place, row in enumerate((row for row in rows if row.summary), 1):
        settings = [as_text(value) for value in row.cell["settings"].values()]
        speed = f"{row.cell['samples_per_second'] or 0:,.0f}"
        seeds, gap = str(len(row.summary["values"])), show(row.gap) if row.gap else ""
        p = "" if row.p is None else "< 0.001" if row.p < 1e-3 else f"{row.p:.2g}"
        lines.append([str(place), *settings, show(row.summary), seeds, gap, p, speed])
    used = [i for i in range(len(head)) if any(line[i] for line in lines)]
    return [head[i] for i in used], [[line[i] for i in used] for line in lines]


def unranked(rows: Sequence[Row], metric: str) -> Table:
    """The cells without a number, and why they have none: a head, and a line each."""
    lines = []
    for cell in (row.cell for row in rows if not row.summary):
        told = f"has no {metric}" if cell["status"] == "done" else cell["status"]
        told += f": {cell['message']}" if cell.get("message") else ""
        lines.append([*map(as_text, cell["settings"].values()), told])
    return [*rows[0].cell["settings"], "without a number"], lines


def as_lines(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table for a terminal."""
    widths = [max(len(row[i]) for row in [head, *lines]) for i in range(len(head))]
    rows = [zip(row, widths, strict=True) for row in [head, *lines]]
    return "\n".join("  ".join(cell.ljust(n) for cell, n in row).rstrip() for row in rows)
