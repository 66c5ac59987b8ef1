"""Writes the report of a sweep, which compares its cells and shows how they were trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from experiments._compare import LEVEL, Row, ranking, unranked, verdict
from experiments._grid import as_text, label
from jaxdl import pages
from jaxdl.core.logs import read_metrics

LINES = 12  # curves with a color and a place in the legend; those of the other cells are gray
BLUE, ORANGE, GRAY = pages.COLORS[0], pages.COLORS[1], pages.COLORS[6]


def page(
    folder: Path, sweep: Mapping[str, Any], rows: Sequence[Row], metric: str, lower: bool
) -> str:
    """Writes the report as HTML.

    Args:
      folder: the sweep's.
      sweep: what its sweep.json holds.
      rows: the ranking.
      metric: what is compared.
      lower: whether lower is better.
    """
    text, how = verdict(rows, metric, lower)
    head, lines = ranking(rows, metric)
    lines = [[cell.replace(" ", "\u00a0") for cell in line] for line in lines]  # on one line
    parts = [pages.section("Ranking", text=text, head=head, rows=lines), pages.section(text=how)]
    head, lines = unranked(rows, metric)
    if lines:
        parts.append(pages.section(head=head, rows=lines))
    named = f"{metric} ({'lower' if lower else 'higher'} is better)"
    figures = [*dots(rows, named), *effect(rows, metric)]
    if figures:
        parts.append(pages.section("The cells beside each other", figures=figures))
    drawn = curves(folder, rows, metric)
    none = f"{metric} was measured at the end only; with --eval_every=n it has a curve."
    parts.append(pages.section("Training", text="" if drawn else none, figures=drawn))
    grid = [(name, "; ".join(map(as_text, values))) for name, values in sweep["grid"].items()]
    parts.append(pages.section("Grid", head=("setting", "values"), rows=grid))
    shared = [(k, v) for k, v in sorted(sweep["settings"].items()) if k not in sweep["swept"]]
    parts.append(
        pages.section("Settings of all cells", head=("flag", "value"), rows=shared, folded=True)
    )
    ended = sum(row.cell["status"] != "not run" for row in rows)
    progress = f"{ended} of {len(rows)} cells have run; the report of each is in cells/<name>/"
    return pages.page(f"sweep of {sweep['system']} {sweep['preset']}", progress, parts)


def _figure(width: float, height: float, *, grid: bool = True) -> tuple[Any, Any]:
    """Makes a figure with one panel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    panel = figure.subplots()
    panel.grid(grid)
    return figure, panel


def dots(rows: Sequence[Row], metric: str) -> list[dict[str, str]]:
    """Draws a line a cell, the best on top, with its mean, interval and seeds."""
    rows = [row for row in rows if row.summary]
    if not rows:
        return []
    with matplotlib.rc_context(pages.STYLE):
        figure, panel = _figure(7.2, 0.75 + 0.27 * len(rows))
        for y, row in enumerate(rows):
            color = BLUE if row.p is None or row.p >= LEVEL else GRAY
            mean = row.summary["mean"]
            half = row.summary["ci95"]
            values = np.array(row.summary["values"], np.float64)  # NaN: nothing was counted
            panel.errorbar(mean, y, xerr=half, fmt="o", color=color, ms=5, lw=1.6, capsize=3)
            panel.plot(values, [y] * len(values), "|", color=color, ms=9, alpha=0.45)
        panel.set_yticks(range(len(rows)), [label(row.cell["settings"]) for row in rows])
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_xlabel(metric)
        panel.grid(axis="y", visible=False)
        several = len(rows[0].summary["values"]) > 1
        text = "One seed a cell."
        if several:
            text = "Means with 95 % intervals (not corrected); ticks are seeds. "
            text += "Blue: the best and what cannot be told apart from it; gray: worse."
        return [pages.svg(figure, text)]


def effect(rows: Sequence[Row], metric: str) -> list[dict[str, str]]:
    """Draws how the metric depends on the settings, where those are one number or any two."""
    axes = {}
    for name in rows[0].cell["settings"]:
        values = [row.cell["settings"][name] for row in rows]
        values = [value for i, value in enumerate(values) if value not in values[:i]]
        if len(values) > 1:
            axes[name] = sorted(values) if _numeric(values) else sorted(values, key=as_text)
    if not any(row.summary for row in rows):
        return []
    if len(axes) == 2:
        return [
            pages.svg(
                heat_map(rows, axes, metric),
                f"{metric} over {' and '.join(axes)}: mean ± 95 % interval.",
            )
        ]
    if len(axes) == 1 and _numeric(next(iter(axes.values()))):
        name = next(iter(axes))
        missing = "" if all(row.summary for row in rows) else " Crosses: cells without a number."
        text = f"{metric} over {name}, with 95 % intervals.{missing}"
        return [pages.svg(line(rows, name, metric), text)]
    return []


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def line(rows: Sequence[Row], name: str, metric: str) -> Any:
    """Draws the metric over one number, on a logarithmic axis where that spans a decade."""
    rows = sorted(rows, key=lambda row: row.cell["settings"][name])
    places = [row.cell["settings"][name] for row in rows]
    good = [(x, row.summary) for x, row in zip(places, rows, strict=True) if row.summary]
    missing = [x for x, row in zip(places, rows, strict=True) if not row.summary]
    with matplotlib.rc_context(pages.STYLE):
        figure, panel = _figure(5.4, 3.0)
        if places[0] > 0 and places[-1] / places[0] >= 10:
            panel.set_xscale("log")
        means = [summary["mean"] for _, summary in good]
        halves = [summary["ci95"] or 0.0 for _, summary in good]
        x = [x for x, _ in good]
        panel.errorbar(x, means, yerr=halves, fmt="o-", color=BLUE, ms=5, lw=1.4, capsize=3)
        bottom = panel.get_xaxis_transform()  # x as on the axis, y from 0 to 1
        panel.plot(missing, [0.04] * len(missing), "x", color=ORANGE, ms=7, transform=bottom)
        panel.minorticks_off()
        turn = 40 if len(places) > 7 else 0
        panel.set_xticks(places, [as_text(x) for x in places], rotation=turn)
        panel.set_xlabel(name)
        panel.set_ylabel(metric)
        return figure


def heat_map(rows: Sequence[Row], axes: Mapping[str, list], metric: str) -> Any:
    """Draws the metric over two settings, the one with more values downwards."""
    down, right = sorted(axes, key=lambda name: -len(axes[name]))
    means, texts = np.full((len(axes[down]), len(axes[right])), np.nan), {}
    for row in rows:
        place = tuple(axes[name].index(row.cell["settings"][name]) for name in (down, right))
        texts[place] = row.cell["status"]
        if row.summary:
            means[place] = row.summary["mean"]
            texts[place] = pages.show_rounded(row.summary).replace(" ±", "\n±")
    with matplotlib.rc_context(pages.STYLE):
        figure, panel = _figure(1.2 + 1.0 * means.shape[1], 0.8 + 0.5 * means.shape[0], grid=False)
        image = panel.imshow(np.ma.masked_invalid(means), cmap="cividis", aspect="auto")
        panel.set_facecolor("#e8e8e8")
        for (y, x), text in texts.items():
            dark = not np.isnan(means[y, x]) and image.norm(means[y, x]) < 0.5
            color = "white" if dark else "black"
            panel.text(x, y, text, ha="center", va="center", fontsize=7.5, color=color)
        panel.set_xticks(range(means.shape[1]), [as_text(v) for v in axes[right]])
        panel.set_yticks(range(means.shape[0]), [as_text(v) for v in axes[down]])
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_xlabel(right)
        panel.set_ylabel(down)
        panel.set_title(metric, fontsize=9)
        return figure


def curves(folder: Path, rows: Sequence[Row], metric: str) -> list[dict[str, str]]:
    """Draws the metric, or its namesake in training, over the course of all cells."""
    logs = [read_metrics(_log_of(folder / "cells" / row.cell["name"])) for row in rows]
    names = (metric, metric.removeprefix("eval/"))
    drawn = [n for n in names if any(sum(n in point for point in log) > 1 for log in logs)]
    if not drawn:
        return []
    with matplotlib.rc_context(pages.STYLE):
        figure, panel = _figure(8.4, 3.6)
        for place, (row, log) in enumerate(zip(rows, logs, strict=True)):
            line = pages.curve(log, drawn[0], row.cell.get("unit", ""))
            if np.isfinite(line.mean).any():
                _draw_curve(panel, line, place, label(row.cell["settings"]))
        panel.set_ylabel(drawn[0])
        figure.legend(loc="outside right upper", fontsize=8)
        text = "Means over seeds with 95 % intervals; the legend has the order of the ranking."
        return [pages.svg(figure, text)]


def _log_of(folder: Path) -> Path:
    """Returns the metrics.jsonl of a run, or of the last stage of one that has several."""
    logs = sorted(folder.glob("**/metrics.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    return logs[-1] if logs else folder / "metrics.jsonl"


def _draw_curve(panel: Any, line: pages.Curve, place: int, text: str) -> None:
    """Draws the cell at a place of the ranking, the better ones on top."""
    if place >= LINES:
        labels = panel.get_legend_handles_labels()[1]
        others = "" if "other cells" in labels else "other cells"
        panel.plot(line.x, line.mean, color="#c8c8c8", lw=0.8, zorder=1, label=others or None)
        return
    color = pages.COLORS[place % len(pages.COLORS)]
    style = "-" if place < len(pages.COLORS) else "--"
    pages.draw_curve(panel, line, color=color, label=text, linestyle=style, zorder=40 - place)
