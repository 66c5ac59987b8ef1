"""Pictures of what SNAIL looks at: over the past of a trial, and over labelled images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages.exhibit import of_first_seed

MOST_NAMED = 20  # steps of a trial that can be named one by one
MOST_ASKED = 6  # images to be told that are drawn


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


def few_shot_exhibit(outcome: Outcome) -> Sequence[Exhibit]:
    """Shows a task: its labelled images, those to be told, and what each of these looks at."""
    if "attention/looks" not in outcome.arrays:
        return []
    names = ("support_x", "support_y", "query_x", "query_y", "told", "looks")
    arrays = {name: of_first_seed(outcome, f"attention/{name}") for name in names}
    return [
        Exhibit(
            "few_shot",
            few_shot_figure(**arrays),
            "A test task. Above, its labelled images; on the left, images to be told, with the "
            "class that was told, in red where it is wrong. The numbers and colors are how much "
            "each of them looks at each labelled image, in percent, as a mean over the attention "
            "blocks; what is missing from 100 is at itself.",
        )
    ]


def few_shot_figure(
    *,
    support_x: np.ndarray,
    support_y: np.ndarray,
    query_x: np.ndarray,
    query_y: np.ndarray,
    told: np.ndarray,
    looks: np.ndarray,
) -> Any:
    """Draws what images look at.

    Args:
      support_x: [S, H, W, 1] labelled images.
      support_y: [S] their labels.
      query_x: [Q, H, W, 1] images to be told.
      query_y: [Q] what they are.
      told: [Q] what was told.
      looks: [Q, S + 1], how much each looks at each labelled one, and at itself.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from jaxdl.pages import STYLE

    columns = len(support_x)
    asked = np.linspace(0, len(query_x) - 1, min(len(query_x), MOST_ASKED)).astype(int)
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        size = (0.7 * columns + 1.4, 0.7 * len(asked) + 1.2)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(asked) + 1, columns + 1, squeeze=False)
        for panel in panels.flat:
            panel.set_axis_off()
        for panel, image, label in zip(panels[0, 1:], support_x, support_y, strict=True):
            panel.imshow(1 - image[..., 0], cmap="gray", vmin=0, vmax=1)
            panel.set_title(f"{label}", fontsize=8)
        for line, row in zip(panels[1:], asked, strict=True):
            line[0].imshow(1 - query_x[row, ..., 0], cmap="gray", vmin=0, vmax=1)
            color = "black" if told[row] == query_y[row] else "red"
            line[0].set_title(f"told {told[row]}", fontsize=8, color=color)
            for panel, look in zip(line[1:], looks[row, :columns], strict=True):
                panel.imshow([[look]], cmap="Blues", vmin=0, vmax=1)
                ink = "white" if look > 0.6 else "black"
                panel.text(0, 0, f"{100 * look:.0f}", ha="center", va="center", color=ink)
    return figure
