"""What the report of an identification shows: predictions, estimates, and what could be told."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE, curve, draw_curve
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed
from jaxdl.sim2real.machines import Machine

STYLES = {  # model -> what it is called, and how it is drawn
    "recorded": ("recorded", {"color": "black", "lw": 2.4, "alpha": 0.45}),
    "predicted_nominal": ("nominal constants", {"color": COLORS[1], "lw": 1.2, "ls": "--"}),
    "predicted_held_out": ("identified constants", {"color": COLORS[0], "lw": 1.2}),
}
MOST_ROWS = 4  # joints that are drawn
COLUMNS = 3  # windows
FAINT = 1e-6  # of the greatest information, below which float32 cannot tell it from none


def identified_exhibits(
    outcome: Outcome, *, machine: Machine, names: Sequence[str]
) -> list[Exhibit]:
    """Shows predicted and recorded trajectories, estimates beside the truth, and the information.

    Args:
      outcome: whose evaluation is that of `identification_score`.
      machine: the simulation.
      names: of the constants that were fitted.
    """
    if "recorded" not in outcome.arrays:
        return []
    fisher = of_first_seed(outcome, "fisher")[0]
    better = outcome.metrics["eval/times_better"]["mean"]
    shown = [
        Exhibit(
            "predictions",
            predictions_figure(outcome, machine),
            "Held-out trajectories of the first machine, and what follows from their first states "
            f"and controls by the constants believed at first and by the identified ones, whose "
            f"error is {times_text(better)} times smaller on average.",
        ),
        Exhibit(
            "estimates",
            estimates_figure(outcome, names),
            "The fitted constants of the first machine over the steps, as factors of the nominal "
            "ones, from the dot at which they began. A dashed line is the truth, where known.",
        ),
    ]
    if "truth" in outcome.arrays:
        error = outcome.metrics["eval/parameter_error"]["mean"]
        shown.append(
            Exhibit(
                "constants",
                constants_figure(outcome, names),
                "Each dot is a machine: the estimate of a constant over its true value, as factors "
                f"of the nominal one. On average they are {100 * error:.2g} % apart.",
            )
        )
    return [
        *shown,
        Exhibit(
            "information",
            information_figure(fisher, machine.constants),
            "What the record of the first machine tells of all constants, fitted or not: the "
            "eigenvalues of the Fisher information on their logarithms, per squared deviation, and "
            "the directions they belong to. Along a direction whose eigenvalue is near 0 all "
            f"constants may change together unseen: {faint_text(fisher, machine.constants)}.",
        ),
    ]


def predictions_figure(outcome: Outcome, machine: Machine) -> Any:
    """Draws positions over time, one row a joint and one column a window.

    Args:
      outcome: of which the first seed is shown.
      machine: whose joints they are.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    lines = {name: of_first_seed(outcome, name) for name in STYLES}
    columns = min(COLUMNS, len(lines["recorded"]))
    rows = min(MOST_ROWS, machine.joints)
    time = machine.seconds * (1 + np.arange(lines["recorded"].shape[1]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * columns, 1.7 * rows + 0.5), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for joint, row in enumerate(panels):
            for window, panel in enumerate(row):
                for name, (title, style) in STYLES.items():
                    values = lines[name][window, :, joint]
                    panel.plot(time, values, label=title, **style)
            row[0].set_ylabel(f"joint {joint + 1}", fontsize=9)
        for panel in panels[-1]:
            panel.set_xlabel("s", fontsize=9)
        handles, titles = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, titles, loc="outside upper center", ncols=len(STYLES), fontsize=9)
    return figure


def estimates_figure(outcome: Outcome, names: Sequence[str]) -> Any:
    """Draws the estimates of the first machine over the steps, one panel a constant.

    Args:
      outcome: its curves hold `estimate/<name>`.
      names: of the constants.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    truth = of_first_seed(outcome, "truth")[0] if "truth" in outcome.arrays else None
    start = of_first_seed(outcome, "start")[0]
    with matplotlib.rc_context(STYLE):
        width = max(2.5 * len(names), 4.0)
        figure = Figure(figsize=(width, 2.3), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for place, (panel, name) in enumerate(zip(panels, names, strict=True)):
            draw_curve(panel, curve(outcome.curves, f"estimate/{name}", "steps"), color=COLORS[0])
            panel.plot(0, start[place], "o", color=COLORS[1], ms=4)
            if truth is not None:
                panel.axhline(truth[place], color="black", ls="--", lw=1)
            panel.set_title(name.replace("_", " "), fontsize=9)
        panels[0].set_ylabel("over nominal", fontsize=9)
    return figure


def constants_figure(outcome: Outcome, names: Sequence[str]) -> Any:
    """Draws every machine's estimates over the truth, in logarithms, one panel a constant.

    Args:
      outcome: of which the first seed is shown.
      names: of the constants.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    estimates, truth = (of_first_seed(outcome, name) for name in ("estimates", "truth"))
    low = 0.8 * min(estimates.min(), truth.min())
    high = 1.25 * max(estimates.max(), truth.max())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(2.1 * len(names), 4.0), 2.5), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for place, (panel, name) in enumerate(zip(panels, names, strict=True)):
            panel.plot([low, high], [low, high], color="0.6", lw=1)
            panel.plot(truth[:, place], estimates[:, place], "o", color=COLORS[0], ms=4, alpha=0.8)
            panel.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(matplotlib.ticker.FixedLocator([0.5, 1, 2]))
                axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
                axis.set_minor_locator(matplotlib.ticker.NullLocator())
            panel.set_title(name.replace("_", " "), fontsize=9)
            panel.set_xlabel("true factor", fontsize=9)
        panels[0].set_ylabel("estimate", fontsize=9)
    return figure


def information_figure(fisher: np.ndarray, names: Sequence[str]) -> Any:
    """Draws the eigenvalues of an information matrix and the directions they belong to.

    Args:
      fisher: [C, C].
      names: of the C constants.

    Returns:
      A matplotlib figure of two panels.
    """
    import matplotlib
    from matplotlib.figure import Figure

    sizes, directions = eigen(fisher)
    order = range(len(sizes))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.0), layout="constrained")
        bars, map_ = figure.subplots(1, 2, width_ratios=(1, 1.6))
        least = max(sizes[0] * FAINT, 1e-30)
        bars.barh(order, np.maximum(sizes, least), left=least, color=COLORS[0])
        bars.axvline(sizes[0] * FAINT, color="0.6", lw=1, ls=":")
        bars.set(xscale="log", yticks=list(order), yticklabels=[f"{i + 1}" for i in order])
        bars.invert_yaxis()
        bars.set_xlabel("information", fontsize=9)
        bars.set_ylabel("direction", fontsize=9)
        image = map_.imshow(directions, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        titles = [name.replace("_", " ") for name in names]
        map_.set_xticks(range(len(names)), titles, rotation=40, ha="right", fontsize=8)
        map_.set_yticks(list(order), [f"{i + 1}" for i in order])
        map_.grid(False)
        figure.colorbar(image, ax=map_, shrink=0.8)
    return figure


def eigen(fisher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns eigenvalues [C], the greatest first, and unit directions [C, C], one a row.

    The greatest entry of each direction is positive.
    """
    sizes, vectors = np.linalg.eigh(np.asarray(fisher, np.float64))
    sizes, rows = np.maximum(sizes[::-1], 0.0), vectors.T[::-1]
    signs = np.sign(np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1))
    return sizes, rows * signs


def times_text(factor: float) -> str:
    """Writes how many times better something is: "3.4" or "1,200"."""
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.2g}"


def faint_text(fisher: np.ndarray, names: Sequence[str]) -> str:
    """Names the directions that cannot be told, such as "mass^1 damping^0.9", if there are any."""
    sizes, directions = eigen(fisher)
    told: list[Mapping[str, float]] = [
        dict(zip(names, row, strict=True))
        for size, row in zip(sizes, directions, strict=True)
        if size <= FAINT * sizes[0]
    ]
    texts = []
    for row in told:
        largest = max(abs(value) for value in row.values())
        parts = [
            f"{name.replace('_', ' ')}^{value / largest:.2g}"
            for name, value in row.items()
            if abs(value) > 0.05 * largest
        ]
        texts.append(" ".join(parts))
    return "; ".join(texts) or "here there is none"
