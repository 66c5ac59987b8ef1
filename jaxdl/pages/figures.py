"""How figures look, and the one that every run has: its metrics over steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Colors that differ for color-blind readers too (Okabe and Ito 2008), and a quiet page.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4d4d4d", "#8c6bb1")
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "jaxdl",  # the same figure gives the same file
    "text.parse_math": False,  # a metric's name with a $ is no formula
}


def curves(rows: Sequence[Mapping[str, float]], names: Sequence[str], columns: int = 3) -> Any:
    """Metrics over steps, with the 95 % interval over seeds as a band.

    Args:
      rows: lines of metrics.jsonl.
      names: which metrics, one panel each.
      columns: panels beside each other.

    Returns:
      A matplotlib figure.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        from matplotlib.figure import Figure

        height = -(-len(names) // columns)
        figure = Figure(
            figsize=(3.3 * min(columns, len(names)), 2.2 * height), layout="constrained"
        )
        panels = figure.subplots(height, min(columns, len(names)), squeeze=False).flat
        for panel in list(panels)[len(names) :]:
            panel.remove()
        for panel, name in zip(figure.axes, names, strict=True):
            points = [r for r in rows if name in r]
            steps, values = (np.array([r[k] for r in points]) for k in ("step", name))
            band = np.array([r.get(f"{name}/ci95", 0.0) for r in points])
            panel.plot(
                steps, values, color=COLORS[0], lw=1.4, marker="." if len(points) < 3 else ""
            )
            panel.fill_between(
                steps, values - band, values + band, color=COLORS[0], alpha=0.2, lw=0
            )
            panel.set_title(name, fontsize=9)
            panel.set_xlabel("steps", fontsize=8)
    return figure
