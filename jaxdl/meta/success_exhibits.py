"""What the report of a success story shows: reward over life, the stack, and a way in the maze."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.meta.levin import INSTRUCTIONS as ADDRESSES
from jaxdl.meta.levin import MOVES
from jaxdl.meta.self_modification import INSTRUCTIONS
from jaxdl.pages import COLORS, STYLE, curve, draw_curve

TOUCHED = ("front", "left", "right")
TURNED = {-1: "go on", 1: "turn left", 2: "turn right"}


def success_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the curve of reward with the stack's height, the policy, and the maze with a path."""
    arrays = {name: np.asarray(array) for name, array in outcome.arrays.items()}
    if outcome.num_seeds > 1:
        arrays = {name: array[0] for name, array in arrays.items()}
    return [
        Exhibit(
            "story",
            story_figure(outcome.curves, outcome.metrics["eval/newborn_rate"]["mean"]),
            "Reward per unit of time over life, and the checkpoints whose changes are still valid. "
            "Changes of the policy after which reward did not come faster are undone.",
        ),
        Exhibit(
            "policy",
            policy_figure(arrays["policy"][0]),
            "Probability of each instruction in each cell of the first life's program.",
        ),
        Exhibit(
            "maze",
            maze_figure(arrays["free"][0], arrays["path"][0]),
            "A maze and the way through it at last, from the green cell to the orange one; the "
            "walker feels only which cells beside it are walls.",
        ),
    ]


def story_figure(rows: Sequence[Mapping[str, float]], newborn: float) -> Any:
    """Draws the reward rate and the stack's tags of lines of metrics.jsonl.

    Args:
      rows: its lines.
      newborn: reward rate of the policy at birth.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        draw_curve(above, curve(rows, "reward_rate"), color=COLORS[0], label="this life")
        above.axhline(newborn, color="black", ls="--", lw=1.2, label="the policy at birth")
        above.set_ylim(bottom=0)
        above.set_ylabel("reward per unit of time")
        above.set_xlabel("")
        above.legend(fontsize=8)
        draw_curve(below, curve(rows, "tags"), color=COLORS[1])
        below.set_ylabel("valid checkpoints")
        below.set_ylim(bottom=0)
    return figure


def policy_figure(policy: np.ndarray) -> Any:
    """Draws the probabilities [M, V] of instructions in the cells of a program.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    names = list(INSTRUCTIONS)
    if policy.shape[1] == ADDRESSES:
        names = [
            f"until {TOUCHED[side]} {'blocked' if until else 'free'}, {TURNED[turn]}"
            for side, until, turn in MOVES
        ] + ["jump"]
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        size = (2.8 + 0.55 * len(policy), 1.0 + 0.26 * len(names))
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        image = panel.imshow(policy.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(policy)))
        panel.set_yticks(range(len(names)), names)
        panel.set_xlabel("cell of the program")
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        figure.colorbar(image, label="probability")
    return figure


def maze_figure(free: np.ndarray, path: np.ndarray) -> Any:
    """Draws a maze [n, n] and the cells [P, 2] of a way from its start.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    path = np.concatenate([[(0, 0)], path])
    back = np.flatnonzero((path[1:] == 0).all(1) & (np.abs(path[:-1]).sum(1) > 1))
    if len(back):  # to the goal, behind which it begins anew
        path = np.concatenate([path[: back[0] + 1], [goal_of(free)]])
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(3.4, 3.4), layout="constrained")
        panel = figure.subplots()
        panel.imshow(free, cmap="gray", vmin=-0.6, vmax=1)
        panel.plot(*path.T[::-1], color=COLORS[0], lw=2.4)
        for (row, column), color in ((path[0], COLORS[2]), (goal_of(free), COLORS[4])):
            panel.plot(column, row, "o", color=color, ms=9, zorder=3)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(True)
    return figure


def goal_of(free: np.ndarray) -> tuple[int, int]:
    """Returns where a corridor from the upper left corner ends, row and column."""
    cells = np.argwhere(free)
    row, column = cells[np.argmax(cells.sum(axis=1))]
    return int(row), int(column)
