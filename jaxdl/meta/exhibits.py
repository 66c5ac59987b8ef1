"""What the report of an RL^2 run on bandits shows: the table of players and their regret."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome


def exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table of players and the figure of regret, where there are yardsticks."""
    from jaxdl.meta.figures import players_table, regret_caption, regret_figure

    if "reward" not in _metrics(outcome):
        return []
    rows = player_rows(outcome)
    titles = _titles(outcome)
    rules = {titles[name]: regret for name, regret in _first_seed(outcome, "regret/").items()}
    optimal = rules.pop("Bayes-optimal", None)
    curves = {"RL²": outcome.arrays["regret/RL²"]}
    ranked = [row["player"] for row in rows]
    curves |= {name: rules[name] for name in ranked if name in rules and name != "random"}
    yardstick = rows[0]["of"]
    return [
        Exhibit(
            "players",
            players_table(rows),
            f"Expected reward of a trial, and its share of what {yardstick} earns, on fresh "
            "bandits. The interval of RL² is over seeds.",
        ),
        Exhibit(
            "regret",
            regret_figure(curves, optimal),
            regret_caption(outcome.num_seeds, optimal is not None),
        ),
    ]


def player_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Makes one row a player, RL² first, then by reward.

    Returns:
      player, reward, standard_error, ci95 over seeds or None, percent of the yardstick's reward,
      and `of`, the yardstick's name.
    """
    metrics = _metrics(outcome)
    errors = np.asarray(metrics["standard_error"]["values"])
    error = float(np.sqrt(np.sum(errors**2)) / len(errors))
    scores = _first_seed(outcome, "score/")
    ranked = sorted(scores, key=lambda name: -scores[name][0])
    exact = next((name for name in ranked if name.endswith("exact")), None)
    best = scores[exact or ranked[0]][0]
    yardstick = "Bayes-optimal" if exact else "the best rule"

    titles = _titles(outcome)

    def row(player, reward, standard_error, ci95=None):
        return {
            "player": player,
            "reward": float(reward),
            "standard_error": float(standard_error),
            "ci95": ci95,
            "percent": 100 * float(reward / best),
            "of": yardstick,
        }

    one, other = metrics["reward"], metrics["reward_sampled"]
    return [
        row("RL² (likeliest arm)", one["mean"], error, one["ci95"]),
        row("RL² (sampled arm)", other["mean"], error, other["ci95"]),
        *(row(titles[name], *scores[name]) for name in ranked),
    ]


def _titles(outcome: Outcome) -> dict[str, str]:
    """A player's name -> the same with the constant that was tuned for it."""
    constants = _first_seed(outcome, "constant/")

    def title(name):
        constant = constants[name][0] if name in constants else np.nan
        return name if np.isnan(constant) else f"{name.removesuffix(')')}, {constant:g})"

    return {name: title(name) for name in _first_seed(outcome, "score/")}


def _metrics(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    """The metrics of evaluation, without their prefix."""
    return {
        name.removeprefix("eval/"): values
        for name, values in outcome.metrics.items()
        if name.startswith("eval/")
    }


def _first_seed(outcome: Outcome, prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, of the first seed: all seeds have the same yardsticks."""
    arrays = {
        name.removeprefix(prefix): np.asarray(array)
        for name, array in outcome.arrays.items()
        if name.startswith(prefix)
    }
    if outcome.num_seeds > 1:
        arrays = {name: array[0] for name, array in arrays.items()}
    return {name: array for name, array in arrays.items() if not name.startswith("RL²")}
