"""How figures look, and those that every system can use: curves and dots with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Summary = Mapping[str, Any]  # {mean, ci95, values}; ci95 is None for one seed

# Colors that differ for color-blind readers too (Okabe and Ito 2008), and a quiet page.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4d4d4d", "#8c6bb1")
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "jaxdl",  # the same figure gives the same file
    "text.parse_math": False,  # a metric's name with a $ is no formula
}
UNITS = ("env steps", "images", "tokens", "samples")  # of what a learner step consumes
BESIDE = 1.05  # factor between dots of one number of labels, so that their intervals can be told
MOST_POINTS = 1000  # of a curve; a screen shows no more, and a page must stay small


class Curve(NamedTuple):
    """A metric over the course of a run.

    Attributes:
      x: [N] what was consumed, in `unit`.
      mean: [N] over seeds; NaN where the metric was not defined.
      half: [N] half-width of the 95 % interval over seeds; 0 for one seed.
      unit: of x: "env steps", "images", "tokens", or "steps" of the learner.
    """

    x: np.ndarray
    mean: np.ndarray
    half: np.ndarray
    unit: str


def curve(rows: Sequence[Mapping[str, float]], name: str, unit: str = "") -> Curve:
    """Takes one metric out of the lines of a metrics.jsonl.

    Args:
      rows: its lines, which hold `step` and, under the unit's name with underscores, the samples.
      name: of the metric. Metrics of evaluations (`eval/...`) are measured now and then, so that
        lines without them are left out; in others such lines are gaps.
      unit: what a learner step consumes, such as "env steps"; "" for the one that the lines carry.
    """
    unit = unit or unit_of(rows)
    if name.startswith("eval/"):
        rows = [row for row in rows if name in row]
    rows = thinned(rows)
    key = unit.replace(" ", "_")
    counted = bool(key) and all(key in row for row in rows)
    return Curve(
        x=np.array([row[key if counted else "step"] for row in rows], np.float64),
        mean=np.array([row.get(name, np.nan) for row in rows], np.float64),
        half=np.array([row.get(f"{name}/ci95", 0.0) for row in rows], np.float64),
        unit=unit if counted else "steps",
    )


def unit_of(rows: Sequence[Mapping[str, float]]) -> str:
    """Returns the usual unit whose counts lines of metrics.jsonl carry; "" where they do not."""
    return next((u for u in UNITS if rows and u.replace(" ", "_") in rows[-1]), "")


def thinned(rows: Sequence[Any], most: int = MOST_POINTS) -> list[Any]:
    """Returns at most so many of the rows, evenly spaced, with the first and the last one."""
    if len(rows) <= most:
        return list(rows)
    return [rows[i] for i in np.linspace(0, len(rows) - 1, most).round().astype(int)]


def curves(
    rows: Sequence[Mapping[str, float]], names: Sequence[str], *, unit: str = "", columns: int = 3
) -> Any:
    """Draws metrics over what was consumed, with their 95 % intervals over seeds as bands.

    Args:
      rows: lines of metrics.jsonl.
      names: which metrics, one panel each.
      unit: what the x axis counts where the rows carry it, such as "env steps"; "" for the one
        that they carry. Else it counts steps.
      columns: panels beside each other.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    across = min(columns, max(len(names), 1))
    down = -(-len(names) // across) or 1
    width = 3.3 if across > 1 else 4.6
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width * across, 2.3 * down), layout="constrained")
        engine: Any = figure.get_layout_engine()
        engine.set(h_pad=0.09, w_pad=0.08)
        panels = list(figure.subplots(down, across, squeeze=False).flat)
        for panel in panels[len(names) :]:
            panel.remove()
        for panel, name in zip(figure.axes, names, strict=True):
            draw_curve(panel, curve(rows, name, unit), color=COLORS[0])
            panel.set_title(name, fontsize=9)
    return figure


def draw_curve(panel: Any, line: Curve, *, color: str, label: str = "", **style: Any) -> None:
    """Draws a curve and its band; points between two gaps, which no line reaches, as dots."""
    defined = np.isfinite(line.mean)
    before = np.concatenate([[False], defined[:-1]])
    after = np.concatenate([defined[1:], [False]])
    alone = defined & ~before & ~after
    panel.plot(line.x, line.mean, **({"color": color, "lw": 1.4, "label": label} | style))
    panel.plot(line.x[alone], line.mean[alone], ".", color=color, ms=4)
    low = line.mean - line.half
    high = line.mean + line.half
    panel.fill_between(line.x, low, high, color=color, alpha=0.2, lw=0)
    if (line.half[alone] > 0).any():
        panel.vlines(line.x[alone], low[alone], high[alone], color=color, alpha=0.3, lw=1)
    label_counts(panel, line.unit)


def label_counts(panel: Any, unit: str) -> None:
    """Writes the unit below a panel, and its counts as 200k and 1.5M."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_xlabel(unit, fontsize=8)


def dots(
    groups: Mapping[str, Mapping[str, Summary]],
    *,
    scale: float = 1.0,
    unit: str = "",
    digits: int = 1,
) -> Any:
    """Draws means as dots with their 95 % intervals on an axis that fits them, numbers at the side.

    Args:
      groups: title of a panel -> name -> summary; every panel has the same names.
      scale: factor on all numbers, such as 100 for percent.
      unit: below the axes, such as "test accuracy (%)".
      digits: behind the decimal point of the numbers.

    Returns:
      A matplotlib figure of one panel a group.
    """
    import matplotlib
    from matplotlib.figure import Figure

    most = max(len(group) for group in groups.values())
    with matplotlib.rc_context(STYLE):
        size = (1.2 + 3.6 * len(groups), 1.0 + 0.34 * most)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for panel, (title, group) in zip(panels, groups.items(), strict=True):
            _draw_dots(panel, group, scale, digits)
            panel.set_title(title, fontsize=10)
            panel.set_xlabel(unit)
    return figure


def picture_grid(
    rows: Mapping[str, np.ndarray],
    frames: Mapping[str, Sequence[str]] | None = None,
    *,
    titles: Mapping[str, Sequence[str]] | None = None,
    wrong: Mapping[str, np.ndarray] | None = None,
) -> Any:
    """Draws rows of equally many pictures.

    Args:
      rows: name -> pictures [N, H, W, C] in [0, 1].
      frames: name of a row -> a color a picture; rows that are not there have thin gray frames, so
        that white pictures end somewhere.
      titles: name of a row -> a title above each of its pictures.
      wrong: name of a row -> [N] bool, whose titles are red.

    Returns:
      A matplotlib figure of N columns.
    """
    import matplotlib
    from matplotlib.figure import Figure

    across = len(next(iter(rows.values())))
    above = 0.25 * len(titles or {})  # inches
    with matplotlib.rc_context(STYLE):
        size = (1.15 * across + 0.8, 1.2 * len(rows) + above + 0.1)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), across, squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items(), strict=True):
            colors = (frames or {}).get(name, [""] * across)
            for axis, picture, color in zip(line, pictures, colors, strict=True):
                axis.imshow(np.squeeze(picture), cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set(visible=True, color=color or "0.8", linewidth=3 if color else 1)
            line[0].set_ylabel(name, fontsize=12)
            are_wrong = (wrong or {}).get(name, np.zeros(across, bool))
            for axis, title, is_wrong in zip(
                line, (titles or {}).get(name, ()), are_wrong, strict=False
            ):
                axis.set_title(title, fontsize=7, color="tab:red" if is_wrong else "black")
    return figure


def score_over_labels(
    counts: Sequence[int], lines: Mapping[str, Sequence[Summary]], label: str
) -> Any:
    """Draws scores over the number of labels as dots with their 95 % intervals.

    Args:
      counts: [L] labels a class.
      lines: title -> [L] summaries {mean, ci95, ...} of a score of at most 1.
      label: of the scores, in percent.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.6), layout="constrained")
        axis = figure.subplots()
        for place, (title, summaries) in enumerate(lines.items()):
            x = np.array(counts) * BESIDE ** (place - (len(lines) - 1) / 2)
            mean = 100 * np.array([summary["mean"] for summary in summaries])
            half = 100 * np.array([summary["ci95"] or 0.0 for summary in summaries])
            axis.plot(x, mean, "o-", color=COLORS[place], lw=1.2, ms=5, label=title)
            axis.vlines(x, mean - half, mean + half, color=COLORS[place], lw=1.2)
        axis.set_xscale("log")
        axis.set_xticks(counts, [f"{count:,}" for count in counts])
        axis.minorticks_off()
        axis.set(xlabel="labels a class", ylabel=label)
        axis.legend(loc="best")
    return figure


def _draw_dots(panel: Any, group: Mapping[str, Summary], scale: float, digits: int) -> None:
    beside = panel.get_yaxis_transform()  # x from 0 to 1 over the panel, y in data
    for place, summary in enumerate(group.values()):
        mean = scale * summary["mean"]
        half = scale * (summary["ci95"] or 0.0)
        color = COLORS[place % len(COLORS)]
        panel.errorbar(mean, place, xerr=half, fmt="o", color=color, ms=6, lw=1.8, capsize=4)
        text = f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if half else "")
        panel.text(1.03, place, text, va="center", transform=beside, color=color)
    panel.set_yticks(range(len(group)), list(group))
    panel.set_ylim(len(group) - 0.5, -0.5)
    panel.margins(x=0.12)
    panel.grid(False, axis="y")
