"""What the report shows of a net in tasks with a structure: players, regret, and stays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.meta.exhibits import first_seed, metrics_of, player_rows, titles
from jaxdl.meta.structured import LEARNED
from jaxdl.meta.structured_rules import OPTIMAL
from jaxdl.pages import COLORS, STYLE

CASES = ("common, paid", "rare, paid", "common, unpaid", "rare, unpaid")
PLACES = ((1, 1), (0, 1), (1, 0), (0, 0))  # of the cases in [2, 2]: is it common, was it paid


def structured_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table of players, the figure of regret, and for the two-step task that of stays."""
    from jaxdl.meta.figures import players_table, regret_caption, regret_figure

    if "reward" not in metrics_of(outcome):
        return []
    has_exact = any(name.endswith("exact") for name in first_seed(outcome, "score/"))
    rows = player_rows(outcome, choice="action", yardstick=None if has_exact else OPTIMAL)
    named = titles(outcome)
    rules = {named[name]: regret for name, regret in first_seed(outcome, "regret/").items()}
    optimal = rules.pop(OPTIMAL)
    curves = {LEARNED: outcome.arrays[f"regret/{LEARNED}"]}
    ranked = [row["player"] for row in rows if row["player"] in rules]
    curves |= {name: rules[name] for name in ranked if name != "random"}
    shown = [
        Exhibit(
            "players",
            players_table(rows),
            "Expected reward of a trial, and its share of what the Bayes-optimal player earns, in "
            f"fresh trials. The interval of {LEARNED} is over seeds.",
        ),
        Exhibit("regret", regret_figure(curves, optimal), regret_caption(outcome.num_seeds, True)),
    ]
    if f"stay/{LEARNED}" in outcome.arrays:
        stays = {LEARNED: outcome.arrays[f"stay/{LEARNED}"]}
        stays |= {named[name]: stay for name, stay in first_seed(outcome, "stay/").items()}
        shown.append(Exhibit("stays", stays_figure(stays), stays_caption(outcome.num_seeds)))
    return shown


def stays_figure(stays: Mapping[str, Any]) -> Any:
    """Draws how often players repeat their first choice, by what the last round was like.

    Args:
      stays: player -> [2, 2] after a rare or common transition, unpaid or paid; or [S, 2, 2] for S
        seeds, drawn as a mean with its 95 % interval.

    Returns:
      A matplotlib figure of one panel a player.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        size = (1.0 + 1.75 * len(stays), 2.9)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(stays), squeeze=False, sharey=True)[0]
        for panel, (player, values) in zip(panels, stays.items(), strict=True):
            seeds = np.asarray(values).reshape(-1, 2, 2)
            for place, (common, paid) in enumerate(PLACES):
                number = interval(seeds[:, common, paid])
                color = COLORS[0] if common else COLORS[1]
                half = number["ci95"] or 0.0
                panel.errorbar(
                    place, number["mean"], half, fmt="o", ms=6, color=color, capsize=3, lw=1.4
                )
            panel.set_title(player, fontsize=9)
            panel.set_xticks(range(len(CASES)), CASES, rotation=60, ha="right", fontsize=8)
            panel.set_xlim(-0.5, len(CASES) - 0.5)
            panel.set_ylim(0, 1.03)
        panels[0].set_ylabel("the choice is repeated")
    return figure


def stays_caption(num_seeds: int) -> str:
    """Says what a picture of stays shows.

    Args:
      num_seeds: of the trained player.
    """
    text = (
        "Two-step task: how often the choice of a round is repeated in the next, by whether its "
        "transition was the common one and whether it paid. A model-free player heeds what was "
        "paid alone; a model-based one repeats what paid after a common transition, and avoids it "
        "after a rare one."
    )
    return text + (f" Bars are 95 % intervals over {num_seeds} seeds." if num_seeds > 1 else "")
