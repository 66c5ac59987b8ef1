"""What the report of policies of two levels shows: new tasks as they are learned, and the ways."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import COLORS, STYLE


def mlsh_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the figure of new tasks, and that of the sub-policies' ways where they have any."""
    curves = {
        name.removeprefix("curve/"): np.atleast_2d(array)
        for name, array in outcome.arrays.items()
        if name.startswith("curve/")
    }
    best = outcome.metrics.get("eval/best_return")
    bands = f" Bands are 95 % intervals over {outcome.num_seeds} seeds."
    shown = [
        Exhibit(
            "new_tasks",
            new_tasks_figure(curves, best["mean"] if best else None),
            "What an episode of a new task earns after so many updates, each by as many steps of "
            "the world. MLSH learns a fresh master over its sub-policies as they are, the others a "
            "plain policy." + (bands if outcome.num_seeds > 1 else ""),
        )
    ]
    if "paths" in outcome.arrays:
        arrays = {
            name: outcome.arrays[name] for name in ("paths", "marks") if name in outcome.arrays
        }
        if outcome.num_seeds > 1:
            arrays = {name: array[0] for name, array in arrays.items()}
        shown.append(
            Exhibit(
                "sub_policies",
                paths_figure(arrays["paths"], arrays.get("marks")),
                "Where each sub-policy goes by itself, a row each, from the same starts, a column "
                "each (a ring where it ends). A mark has its own color; which of them pays is not "
                "seen. First seed."
                if "marks" in arrays
                else "Where each sub-policy goes by itself, a row each, from the same starts, a "
                "column each (a ring where it ends). First seed.",
            )
        )
    return shown


def new_tasks_figure(curves: Mapping[str, np.ndarray], best: float | None) -> Any:
    """Draws what new tasks bring over the updates made in them.

    Args:
      curves: learner -> [S, U + 1] returns before each update and after the last.
      best: the greatest return that is possible; None where it is not known.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axis = figure.subplots()
        for color, (name, values) in zip(COLORS, curves.items(), strict=False):
            columns = [interval(column) for column in values.T]
            mean = np.array([column["mean"] for column in columns])
            half = np.array([column["ci95"] or 0.0 for column in columns])
            x = np.arange(len(mean))
            axis.plot(x, mean, color=color, lw=1.6, label=name)
            axis.fill_between(x, mean - half, mean + half, color=color, alpha=0.2, lw=0)
        if best is not None:
            axis.axhline(best, color="0.3", lw=1, ls="--", label="one who knows the task")
        axis.set(xlabel="updates in a new task", ylabel="return of an episode")
        axis.set_ylim(bottom=0)
        axis.legend(loc="best")
    return figure


def paths_figure(paths: np.ndarray, marks: np.ndarray | None) -> Any:
    """Draws the ways of sub-policies from the same starts.

    Args:
      paths: [K, N, T + 1, 2]; x and y of a plane with marks, else row and column of a grid.
      marks: [N, k, 2] of the plane; None for a grid.

    Returns:
      A matplotlib figure of K rows and N columns.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rows, columns = paths.shape[:2]
    with matplotlib.rc_context(STYLE):
        size = (1.45 * columns + 0.5, 1.45 * rows + 0.1)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for k, n in np.ndindex(rows, columns):
            axis, path = axes[k, n], paths[k, n]
            across, up = path.T if marks is not None else path.T[::-1]
            axis.plot(across, up, color=COLORS[k % len(COLORS)], lw=1.5)
            axis.plot(across[-1], up[-1], "o", mfc="none", color=COLORS[k % len(COLORS)], ms=7)
            axis.plot(across[0], up[0], ".", color="0.3", ms=5)
            if marks is not None:
                for place, (x, y) in enumerate(marks[n]):
                    axis.plot(x, y, "s", color=COLORS[place % len(COLORS)], ms=6)
                axis.set(xlim=(-1.9, 1.9), ylim=(-1.9, 1.9))
            else:
                axis.set(xlim=(0, 12), ylim=(12, 0))
            axis.set_aspect("equal")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set(visible=True, color="0.8")
            if n == 0:
                axis.set_ylabel(f"sub-policy {k + 1}", fontsize=8)
    return figure
