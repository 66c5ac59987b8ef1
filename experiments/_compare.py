"""Puts the cells of a sweep in order, and says what their intervals allow to say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr

from experiments._grid import as_text, label
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.pages import show_rounded
from jaxdl.pages.exhibit import Table

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


class Wanted(NamedTuple):
    """What cells are ranked by.

    Attributes:
      metric: as asked for; "" leaves the choice to the headline and the names.
      lower: whether lower is better, as asked for; None leaves it to them too.
      headline: the system's own metric, or "".
      headline_lower: whether lower values of it are better.
    """

    metric: str = ""
    lower: bool | None = None
    headline: str = ""
    headline_lower: bool = False


def choose(wanted: Wanted, measured: Mapping[str, Any]) -> tuple[str, bool]:
    """Chooses the metric to rank by, and whether lower is better.

    Raises:
      BadInput: there is no metric of the name that was asked for.
    """
    metric = wanted.metric
    if metric and metric not in measured:
        raise BadInput(f"--metric={metric}: should be one of {', '.join(measured)}")
    names = [name for name in measured if name.startswith("eval/")] or list(measured)
    guess = next((name for name in names if name.endswith(PREFERRED)), names[0])
    metric = metric or (wanted.headline if wanted.headline in measured else guess)
    is_headline = metric == wanted.headline
    lower = wanted.headline_lower if is_headline else metric.endswith(LOWER)
    return metric, lower if wanted.lower is None else wanted.lower


def rank(cells: Sequence[Mapping[str, Any]], metric: str, lower: bool) -> list[Row]:
    """Sorts the cells, best mean first, those without the metric last."""
    rows = [Row(cell, cell.get("metrics", {}).get(metric)) for cell in cells]
    measured = sorted(
        (row for row in rows if row.summary),
        key=lambda row: row.summary["mean"] if lower else -row.summary["mean"],
    )
    rest = [row for row in rows if not row.summary]
    if not measured or len(measured[0].summary["values"]) < 2:
        return measured + rest
    best, *others = measured
    values = [_values(row) - _values(best) for row in others]
    p_values = holm([paired_t(x) for x in values])
    others = [
        row._replace(gap=interval(x), p=p)
        for row, x, p in zip(others, values, p_values, strict=True)
    ]
    return [best, *others, *rest]


def _values(row: Row) -> np.ndarray:
    """Returns the metric of each seed [S]; NaN where nothing was counted."""
    return np.array(row.summary["values"], np.float64)


def paired_t(differences: Any) -> float:
    """Computes the two-sided p-value of Student's t test of differences [S] against mean 0.

    Seeds with NaN are left out; fewer than two others prove nothing.
    """
    x = np.asarray(differences, np.float64)
    x = x[~np.isnan(x)]
    if len(x) < 2:
        return 1.0
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
    """Says what the intervals allow to say, and how that was found."""
    measured = [row for row in rows if row.summary]
    if not measured:
        return "No cell has ended with finite numbers yet.", ""
    best, *others = measured
    seeds = len(best.summary["values"])
    direction = f"{'lower' if lower else 'higher'} is better"
    number = f"{metric} {show_rounded(best.summary)} ({direction}; {seeds} seed{'s'[: seeds - 1]})"
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


def ranking(rows: Sequence[Row], metric: str) -> Table:
    """Lays out the cells with a number; columns that say nothing are left out."""
    names = list(rows[0].cell["settings"])
    head = ["", *names, metric, "seeds", "minus best", "p (Holm)", "samples/s"]
    lines = []
    for place, row in enumerate((row for row in rows if row.summary), 1):
        settings = [as_text(value) for value in row.cell["settings"].values()]
        speed = f"{row.cell['samples_per_second'] or 0:,.0f}"
        seeds = str(len(row.summary["values"]))
        gap = show_rounded(row.gap) if row.gap else ""
        p = "" if row.p is None else "< 0.001" if row.p < 1e-3 else f"{row.p:.2g}"
        lines.append([str(place), *settings, show_rounded(row.summary), seeds, gap, p, speed])
    used = [i for i in range(len(head)) if any(line[i] for line in lines)]
    return Table([head[i] for i in used], [[line[i] for i in used] for line in lines])


def unranked(rows: Sequence[Row], metric: str) -> Table:
    """Lays out the cells without a number, and why they have none."""
    lines = []
    for cell in (row.cell for row in rows if not row.summary):
        why = f"has no {metric}" if cell["status"] == "done" else cell["status"]
        why += f": {cell['message']}" if cell.get("message") else ""
        lines.append([*map(as_text, cell["settings"].values()), why])
    return Table([*rows[0].cell["settings"], "without a number"], lines)
