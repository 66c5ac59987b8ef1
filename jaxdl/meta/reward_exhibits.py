"""What the report of a reward search shows: the rewards that were found, and how animals fare."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.envs.needs import Senses
from jaxdl.launch.system import Exhibit, Outcome, Table
from jaxdl.meta import expressions
from jaxdl.meta.reward_spaces import by_need
from jaxdl.pages import COLORS, STYLE


def reward_exhibits(
    outcome: Outcome, *, senses: Senses, lifetimes: Sequence[int], evolved: bool
) -> Sequence[Exhibit]:
    """Makes the map of the rewards that were found, the curves of lives, and the expressions.

    Args:
      outcome: of the run.
      senses: what the animal perceives.
      lifetimes: L numbers of steps.
      evolved: whether codes are programs.
    """
    reward, code, sated = (
        np.asarray(outcome.arrays[name]).reshape(-1, *shape)
        for name, shape in (
            ("reward", (len(lifetimes), len(senses.need))),
            ("code", (len(lifetimes), outcome.arrays["code"].shape[-1])),
            ("sated", (len(lifetimes) + 1, outcome.arrays["sated"].shape[-1])),
        )
    )
    means = by_need(senses, reward).mean(axis=0)
    seeds = len(reward)
    over = f", on average over {seeds} seeds" if seeds > 1 else ""
    exhibits = [
        Exhibit(
            "rewards",
            rewards_figure(means, senses.needs, lifetimes),
            "The reward that was found for each lifetime, by what the animal needs and sees after "
            f"a step{over}. Fitness pays 1 where it is sated and 0 elsewhere.",
        ),
        Exhibit(
            "lives",
            lives_figure(sated, lifetimes),
            "Share of steps without hunger over a life on fresh tasks, of animals that learn from "
            "the reward found for each lifetime and of those that learn from their fitness."
            + (f" Bands are 95 % intervals over {seeds} seeds." if seeds > 1 else ""),
        ),
    ]
    if evolved:
        words = expressions.language(senses)
        rows = [
            (steps, expressions.write(words, code[0, place]))
            for place, steps in enumerate(lifetimes)
        ]
        table = Table(("lifetime", "reward"), rows)
        exhibits.append(Exhibit("expressions", table, "The expressions that were found."))
    return exhibits


def rewards_figure(rewards: np.ndarray, needs: Sequence[str], lifetimes: Sequence[int]) -> Any:
    """Draws rewards [L, K] as a map: a row for each need, a column for each lifetime.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        size = (2.6 + 0.8 * len(lifetimes), 1.0 + 0.3 * len(needs))
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        image = panel.imshow(rewards.T, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        for (column, row), value in np.ndenumerate(rewards):
            color = "white" if abs(value) > 0.6 else "black"
            panel.text(column, row, f"{value:+.2f}", ha="center", va="center", color=color)
        panel.set_xticks(range(len(lifetimes)), [f"{steps:,}" for steps in lifetimes])
        panel.set_yticks(range(len(needs)), needs)
        panel.set_xlabel("lifetime, steps")
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
        figure.colorbar(image, label="reward")
    return figure


def lives_figure(sated: np.ndarray, lifetimes: Sequence[int]) -> Any:
    """Draws the share of steps without hunger [R, L + 1, C] over lives, of R seeds.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    names = [f"found for {steps:,} steps" for steps in lifetimes] + ["fitness"]
    periods = sated.shape[-1]
    steps = np.arange(1, periods + 1) * lifetimes[-1] / periods
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        panel = figure.subplots()
        for place, name in enumerate(names):
            color = COLORS[place] if place < len(lifetimes) else "black"
            style = "-" if place < len(lifetimes) else "--"
            values = 100 * sated[:, place]
            mean = values.mean(axis=0)
            panel.plot(steps, mean, style, color=color, lw=1.5, label=name)
            if len(values) > 1:
                half = np.array([interval(column)["ci95"] for column in values.T])
                panel.fill_between(steps, mean - half, mean + half, color=color, alpha=0.2, lw=0)
        panel.set_xlabel("steps since birth")
        panel.set_ylabel("% of steps without hunger")
        panel.set_ylim(bottom=0)
        figure.legend(loc="outside right center", fontsize=9, title="reward")
    return figure
