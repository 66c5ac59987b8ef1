"""What the report of a learner of few-shot tasks shows."""

from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import COLORS, STYLE, picture_grid
from jaxdl.pages.exhibit import of_first_seed

STAGES = 0, 1, 5, 10  # steps of descent after which an answer is drawn


def adaptation_exhibits(outcome: Outcome) -> list[Exhibit]:
    """Shows the error over the steps of descent, and some tasks with the answers to them.

    Args:
      outcome: whose arrays are those of `jaxdl.meta.score_adaptation`.
    """
    shown = {
        name.removeprefix("shown/"): of_first_seed(outcome, name)
        for name in outcome.arrays
        if name.startswith("shown/")
    }
    errors = np.atleast_2d(outcome.arrays["errors"])
    caption = (
        "The error on query sets of fresh tasks after each step of gradient descent on their "
        "support sets."
    )
    if len(errors) > 1:
        caption += f" The band is the 95 % interval over {len(errors)} seeds."
    curve = Exhibit("descent", errors_figure(errors), caption)
    if shown["support_x"].ndim == 3:
        text = (
            "Fresh curves (black), the points that are to be learned from (dots), and the net's "
            "answer before descent and after some steps of it."
        )
        return [Exhibit("curves", curves_figure(**shown), text), curve]
    text = (
        "A fresh task in each pair of rows: the drawings that are to be learned from with their "
        "labels, and below drawings of the same characters by others, with the labels that the net "
        "gives them after descent; wrong ones are red."
    )
    return [Exhibit("characters", characters_figure(**shown), text), curve]


def errors_figure(errors: np.ndarray) -> Any:
    """Draws the error over steps of descent.

    Args:
      errors: [S, steps + 1] of S seeds.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    steps = np.arange(errors.shape[1])
    mean = errors.mean(axis=0)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        panel = figure.subplots()
        panel.plot(steps, mean, color=COLORS[0], marker="o", ms=3)
        if len(errors) > 1:
            half = np.array([interval(column)["ci95"] for column in errors.T])
            panel.fill_between(steps, mean - half, mean + half, color=COLORS[0], alpha=0.2, lw=0)
        panel.set_xlabel("steps of descent")
        panel.set_ylabel("error on the query sets")
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


def curves_figure(
    support_x: np.ndarray,
    support_y: np.ndarray,
    query_x: np.ndarray,
    query_y: np.ndarray,
    outputs: np.ndarray,
) -> Any:
    """Draws curves before and after steps of descent, a panel a task.

    Args:
      support_x: [P, K, 1] of P tasks.
      support_y: [P, K, 1].
      query_x: [P, R, 1], ascending.
      query_y: [P, R, 1].
      outputs: [P, steps + 1, R, 1].

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    stages = [step for step in STAGES if step < outputs.shape[1]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 5.2), layout="constrained")
        panels = figure.subplots(2, -(-len(query_x) // 2), squeeze=False, sharex=True)
        for i, panel in enumerate(panels.flat[: len(query_x)]):
            x = query_x[i, :, 0]
            panel.plot(x, query_y[i, :, 0], color="black", lw=1.2, label="the curve")
            for place, step in enumerate(stages):
                label = "before" if step == 0 else f"after {step} step" + "s" * (step > 1)
                style = ":" if step == 0 else "-"
                y = outputs[i, step, :, 0]
                panel.plot(x, y, style, color=COLORS[place], lw=1.4, label=label)
            panel.plot(support_x[i, :, 0], support_y[i, :, 0], "o", color="black", ms=4)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    return figure


def characters_figure(
    support_x: np.ndarray,
    support_y: np.ndarray,
    query_x: np.ndarray,
    query_y: np.ndarray,
    outputs: np.ndarray,
) -> Any:
    """Draws tasks, a drawing of each class to learn from above one that is told.

    Args:
      support_x: [P, N * K, H, W, 1] of P tasks, class by class.
      support_y: [P, N * K].
      query_x: [P, N * Q, H, W, 1], class by class.
      query_y: [P, N * Q].
      outputs: [P, steps + 1, N * Q, N] logits.

    Returns:
      A matplotlib figure.
    """
    ways = min(outputs.shape[-1], 10)  # as many as fit on a page
    rows, titles, wrong = {}, {}, {}
    for task in range(len(support_x)):
        known = [int(np.argmax(support_y[task] == label)) for label in range(ways)]
        asked = [int(np.argmax(query_y[task] == label)) for label in range(ways)]
        told = outputs[task, -1, asked].argmax(-1)
        support, query = f"known {task + 1}", f"told {task + 1}"
        rows |= {support: 1 - support_x[task][known], query: 1 - query_x[task][asked]}
        titles |= {support: [str(i) for i in range(ways)], query: [str(i) for i in told]}
        wrong |= {query: told != np.arange(ways)}
    return picture_grid(rows, titles=titles, wrong=wrong)
