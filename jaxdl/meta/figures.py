"""Pictures and tables of how players fare beside the best that is possible."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.launch.system import Table
from jaxdl.pages import COLORS, STYLE

OPTIMAL = "Bayes-optimal"  # the name of the player who loses as little as is possible


def regret_figure(curves: Mapping[str, Any], optimal: Any = None) -> Any:
    """Draws regret over the pulls of a bandit, beyond that of the Bayes-optimal player.

    Every player loses reward while it learns the arms; what it could have spared is only the
    difference to the Bayes-optimal player, who loses as little as is possible.

    Args:
      curves: player -> [n] expected regret of the first 1 .. n pulls, or [S, n] for S seeds, whose
        95 % interval becomes a band. The first player is drawn on top.
      optimal: [n] of the Bayes-optimal player; None where it is not known, and then regret itself
        is drawn.

    Returns:
      A matplotlib figure.
    """
    if optimal is not None:  # it is the line at 0
        lost = {player: np.atleast_2d(x) - np.asarray(optimal) for player, x in curves.items()}
        curves = {player: x for player, x in lost.items() if player != OPTIMAL}
    label = "regret, in rewards" if optimal is None else "reward lost to the optimum"
    line = None if optimal is None else (0.0, OPTIMAL)
    return _figure(curves, line, "pulls", label)


def episodes_figure(curves: Mapping[str, Any], informed: float) -> Any:
    """Draws what each episode of a trial brings, below what one earns who knows the task.

    Args:
      curves: player -> [n] expected reward of each episode, or [S, n] for S seeds, whose 95 %
        interval becomes a band. The first player is drawn on top.
      informed: the expected reward of an episode of the player who knows the task.

    Returns:
      A matplotlib figure.
    """
    return _figure(curves, (informed, "one who knows the task"), "episode", "reward of the episode")


def steps_figure(curves: Mapping[str, Any], shortest: float, shortest_name: str) -> Any:
    """Draws the steps that each episode of a trial takes, above those of the shortest way.

    Args:
      curves: player -> [n] mean steps of each episode, or [S, n] for S seeds, whose 95 % interval
        becomes a band. The first player is drawn on top.
      shortest: mean steps of the shortest way.
      shortest_name: what it is called.

    Returns:
      A matplotlib figure.
    """
    return _figure(curves, (shortest, shortest_name), "episode", "steps to the target")


def episodes_caption(num_seeds: int) -> str:
    """Says what a picture of episodes shows.

    Args:
      num_seeds: of the trained player.
    """
    text = "Expected reward of each episode of a trial: a player that learns earns more in each."
    return text + (f" Bands are 95 % intervals over {num_seeds} seeds." if num_seeds > 1 else "")


def _figure(
    curves: Mapping[str, Any], dashed: tuple[float, str] | None, steps: str, label: str
) -> Any:
    """Draws curves [n] or [S, n] over n steps, and a dashed line of a height and a name."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.6), layout="constrained")
        panel = figure.subplots()
        for place, (player, values) in enumerate(curves.items()):
            _draw(panel, place, player, np.atleast_2d(values))
        if dashed is not None:
            height, name = dashed
            panel.axhline(height, color="black", lw=1.2, ls="--", label=name, zorder=1)
        panel.set_xlabel(steps)
        panel.set_ylabel(label)
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        figure.legend(loc="outside right center", fontsize=9)
    return figure


def regret_caption(num_seeds: int, optimal: bool) -> str:
    """Says what a picture of regret shows.

    Args:
      num_seeds: of the trained player.
      optimal: whether the Bayes-optimal player was drawn.
    """
    lost = (
        "Expected reward that a player has lost to the Bayes-optimal one by each pull: 0 is perfect"
        if optimal
        else "Expected reward that a player has lost by each pull to one who knows the best arm"
    )
    text = f"{lost}, and lower is better."
    return text + (f" Bands are 95 % intervals over {num_seeds} seeds." if num_seeds > 1 else "")


def players_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lays out the rewards of players beside each other.

    Args:
      rows: player, reward, standard_error (of the bandits drawn; None or 0 for an exact value),
        ci95 over seeds or None, percent of the yardstick, and the yardstick's name as `of`.
    """
    head = ("player", "reward", "± standard error", "± 95 % over seeds", f"% of {rows[0]['of']}")
    cells = [
        (
            row["player"],
            f"{row['reward']:.3f}",
            f"{row['standard_error']:.4f}" if row.get("standard_error") else "exact",
            "" if row.get("ci95") is None else f"{row['ci95']:.3f}",
            f"{row['percent']:.2f}",
        )
        for row in rows
    ]
    return Table(head, cells)


def _draw(panel: Any, place: int, player: str, values: np.ndarray) -> None:
    """Draws one player's line, and its band over the seeds of [S, n] values."""
    pulls = np.arange(values.shape[1]) + 1
    mean = values.mean(axis=0)
    color = COLORS[place % len(COLORS)]
    marker = "o" if len(pulls) <= 20 else ""
    style = "-" if place < len(COLORS) else ":"
    width = 2.4 if place == 0 else 1.3
    panel.plot(
        pulls, mean, style, color=color, lw=width, marker=marker, ms=3, label=player,
        zorder=30 - place,
    )  # fmt: skip
    if len(values) > 1:
        half = np.array([interval(column)["ci95"] for column in values.T])
        panel.fill_between(pulls, mean - half, mean + half, color=color, alpha=0.2, lw=0)
