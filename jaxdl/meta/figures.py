"""Pictures of what was learned."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE


def regret_figure(panels: Mapping[str, Mapping[str, Any]]) -> Any:
    """Regret over the pulls of a bandit, one panel a bandit and one line a player.

    Args:
      panels: title -> name of the player -> [n] expected regret of the first 1 .. n pulls, or
        [S, n] for S seeds, whose 95 % interval becomes a band.

    Returns:
      A matplotlib figure.
    """
    import matplotlib

    columns = min(len(panels), 3)
    height = -(-len(panels) // columns)
    size = (3.4 * columns + 2.4, 3.0 * height)
    with matplotlib.rc_context(STYLE):
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(height, columns, squeeze=False).flat
        for panel in list(axes)[len(panels) :]:
            panel.remove()
        for panel, (title, players) in zip(figure.axes, panels.items(), strict=True):
            _draw(panel, players)
            panel.set_title(title, fontsize=9)
            panel.set_xlabel("pulls")
        figure.axes[0].set_ylabel("regret, in rewards")
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", fontsize=8)
    return figure


def _draw(panel: Any, players: Mapping[str, Any]) -> None:
    for i, (name, curves) in enumerate(players.items()):
        curves = np.atleast_2d(np.asarray(curves))
        mean, pulls = curves.mean(axis=0), np.arange(curves.shape[1]) + 1
        color = COLORS[i % len(COLORS)]
        width, style = (2.2, "-") if i == 0 else (1.2, "--" if name == "Bayes-optimal" else "-")
        panel.plot(pulls, mean, color=color, lw=width, ls=style, label=name, zorder=10 - i)
        if len(curves) > 1:
            from jaxdl.core.logs import interval

            half = np.array([interval(column)["ci95"] for column in curves.T])
            panel.fill_between(pulls, mean - half, mean + half, color=color, alpha=0.2, lw=0)
