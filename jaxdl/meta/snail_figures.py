"""Pictures of what SNAIL looks at: over the past of a trial, and over labelled images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages.exhibit import of_first_seed

MOST_NAMED = 20  # steps of a trial that can be named one by one


def looks_exhibit(outcome: Outcome) -> Sequence[Exhibit]:
    """Shows how much each step of a trial looks at each step before, where that was kept."""
    if "attention/mean" not in outcome.arrays:
        return []
    names = ("mean", "one", "action", "reward")
    mean, one, action, reward = (of_first_seed(outcome, f"attention/{name}") for name in names)
    return [
        Exhibit(
            "attention",
            looks_figure(mean, one, np.asarray(action).argmax(axis=1), reward),
            "How much each step of a trial (rows) looks at each step up to it (columns). A step's "
            "own column holds what the step before it brought, since action and reward are shown "
            "with the next observation. On the right, what was done in that trial: the number of "
            "the action that led to the step, and + where it paid.",
        )
    ]


def looks_figure(mean: np.ndarray, one: np.ndarray, action: np.ndarray, reward: np.ndarray) -> Any:
    """Draws attention over the steps of trials.

    Args:
      mean: [T, T] over many trials; rows are who looks, columns what is looked at.
      one: [T, T] of a trial.
      action: [T] int, what was done in its steps.
      reward: [T] what that brought.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from jaxdl.pages import STYLE

    steps = len(mean)
    # The observation of step t tells of the action before it.
    told = ["start"] + [f"{a}{'+' if r > 0 else ''}" for a, r in zip(action, reward, strict=True)]
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(8.4, 4.0), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = ("mean over trials", "one trial")
        for panel, look, title in zip(panels, (mean, one), titles, strict=True):
            future = np.triu(np.ones((steps, steps), bool), 1)
            shown = np.ma.masked_array(look, future)
            image = panel.imshow(shown, cmap="viridis", vmin=0, vmax=1, origin="upper")
            panel.set_title(title)
            panel.set_xlabel("looked at")
            panel.set_ylabel("step that looks")
        if steps <= MOST_NAMED:
            places = np.arange(steps)
            panels[0].set_xticks(places, places + 1)
            panels[0].set_yticks(places, places + 1)
            panels[1].set_xticks(places, told[:steps], rotation=90)
            panels[1].set_yticks(places, told[:steps])
        figure.colorbar(image, ax=panels, shrink=0.8, label="share of attention")
    return figure
