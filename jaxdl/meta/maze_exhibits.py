"""What the report of a run in mazes shows: steps to the target, episode by episode."""

from collections.abc import Sequence

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome, Table
from jaxdl.meta.maze_evaluation import CHANCE, RIGHT_HAND, SHORTEST

OTHERS = {"right_hand": RIGHT_HAND, "chance": CHANCE, "shortest": SHORTEST}  # metric -> title


def maze_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table and the figure of steps, for mazes as trained in and, if any, larger ones."""
    shown = []
    for prefix, title in (("", "of the size that was trained in"), ("larger/", "larger ones")):
        if f"eval/{prefix}shortest" in outcome.metrics:
            shown += _of_mazes(outcome, prefix, title)
    return shown


def _of_mazes(outcome: Outcome, prefix: str, title: str) -> list[Exhibit]:
    """The table and the figure of mazes of one size."""
    from jaxdl.meta.figures import steps_figure

    name = "larger_steps" if prefix else "steps"
    steps = np.atleast_2d(outcome.arrays[f"{prefix}steps/RL²"])  # [S, n]
    found = np.atleast_2d(outcome.arrays[f"{prefix}found/RL²"])
    others = {each: outcome.metrics[f"eval/{prefix}{each}"]["mean"] for each in OTHERS}
    shortest = others["shortest"]
    rows = [
        (f"RL², episode {i + 1}", f"{steps[:, i].mean():.1f}", f"{100 * found[:, i].mean():.1f}",
         f"{100 * shortest / steps[:, i].mean():.1f}")
        for i in range(steps.shape[1])
    ]  # fmt: skip
    rows += [
        (OTHERS[each], f"{mean:.1f}", "", f"{100 * shortest / mean:.1f}")
        for each, mean in others.items()
    ]
    head = ("player", "steps", "% of targets found", "% of the shortest way")
    curves = {"RL²": steps}
    for each in ("right_hand", "chance"):
        curves[OTHERS[each]] = np.full(steps.shape[1], others[each])
    seeds = f", means over {outcome.num_seeds} seeds" if outcome.num_seeds > 1 else ""
    return [
        Exhibit(
            name,
            steps_figure(curves, shortest, SHORTEST),
            f"Steps of each episode of a trial in fresh mazes, {title}{seeds}: a player that "
            "remembers the maze takes fewer in the second. Bands are 95 % intervals over seeds.",
        ),
        Exhibit(
            f"{name}_table",
            Table(head, rows),
            f"The same in mazes {title}{seeds}. An episode without success counts with all of its "
            "steps. A hand on the wall and chance remember nothing between episodes; the hand "
            "knows at each cell where walls are, without looking there.",
        ),
    ]
