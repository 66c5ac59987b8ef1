"""What the report of a run in trials shows: the table of players, and how they learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome

INFORMED = "one who knows the task"  # and earns V* in every episode


def exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table of players and the figure of regret, where there are yardsticks."""
    from jaxdl.meta.figures import players_table, regret_caption, regret_figure

    if "reward" not in metrics_of(outcome):
        return []
    rows = player_rows(outcome)
    named = titles(outcome)
    rules = {named[name]: regret for name, regret in first_seed(outcome, "regret/").items()}
    optimal = rules.pop("Bayes-optimal", None)
    player = trained_player(outcome)
    curves = {player: outcome.arrays[f"regret/{player}"]}
    ranked = [row["player"] for row in rows]
    curves |= {name: rules[name] for name in ranked if name in rules and name != "random"}
    yardstick = rows[0]["of"]
    return [
        Exhibit(
            "players",
            players_table(rows),
            f"Expected reward of a trial, and its share of what {yardstick} earns, on fresh "
            f"bandits. The interval of {player} is over seeds.",
        ),
        Exhibit(
            "regret",
            regret_figure(curves, optimal),
            regret_caption(outcome.num_seeds, optimal is not None),
        ),
    ]


def mdp_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the table of players of decision processes and the figure of what episodes bring."""
    from jaxdl.meta.figures import episodes_caption, episodes_figure, players_table

    if "percent_between" not in metrics_of(outcome):
        return []
    rows = player_rows(outcome, choice="action", yardstick=INFORMED)
    named = titles(outcome)
    rules = {named[name]: regret for name, regret in first_seed(outcome, "regret/").items()}
    player = trained_player(outcome)
    net = np.asarray(outcome.arrays[f"regret/{player}"])
    episodes = net.shape[-1]
    best = float(first_seed(outcome, "score/")[INFORMED][0]) / episodes
    ranked = [row["player"] for row in rows if row["player"] in rules]
    fair = [name for name in ranked if "prior mean" not in name]
    curves = {player: _by_episode(net, best)}
    curves |= {name: _by_episode(rules[name], best) for name in fair}
    return [
        Exhibit(
            "players",
            players_table(rows),
            f"Expected reward of {episodes} episodes, and its share of what {INFORMED} earns, on "
            "fresh decision processes. Rules without a mention of their prior "
            "believe in the law that the tasks are drawn from; those of the prior mean 0 are as in "
            f"the paper. The interval of {player} is over seeds.",
        ),
        Exhibit("episodes", episodes_figure(curves, best), episodes_caption(outcome.num_seeds)),
    ]


def _by_episode(regret: np.ndarray, best: float) -> np.ndarray:
    """The reward [..., n] of each episode, of the regrets [..., n] of the first 1 .. n."""
    return best - np.diff(regret, axis=-1, prepend=0.0)


def player_rows(
    outcome: Outcome, *, choice: str = "arm", yardstick: str | None = None
) -> list[dict[str, Any]]:
    """Makes one row a player, the trained one first, then by reward.

    Args:
      outcome: of the run.
      choice: what a player chooses.
      yardstick: the player whose reward is 100 %; None for the exact optimum, or else the best.

    Returns:
      player, reward, standard_error, ci95 over seeds or None, percent of the yardstick's reward,
      and `of`, the yardstick's name.
    """
    metrics = metrics_of(outcome)
    errors = np.asarray(metrics["standard_error"]["values"])
    error = float(np.sqrt(np.sum(errors**2)) / len(errors))
    scores = first_seed(outcome, "score/")
    ranked = sorted(scores, key=lambda name: -scores[name][0])
    exact = next((name for name in ranked if name.endswith("exact")), None)
    best = scores[yardstick or exact or ranked[0]][0]
    of = yardstick or ("Bayes-optimal" if exact else "the best rule")

    named = titles(outcome)
    player = trained_player(outcome)

    def row(player, reward, standard_error, ci95=None):
        return {
            "player": player,
            "reward": float(reward),
            "standard_error": float(standard_error),
            "ci95": ci95,
            "percent": 100 * float(reward / best),
            "of": of,
        }

    one, other = metrics["reward"], metrics["reward_sampled"]
    return [
        row(f"{player} (likeliest {choice})", one["mean"], error, one["ci95"]),
        row(f"{player} (sampled {choice})", other["mean"], error, other["ci95"]),
        *(row(named[name], *scores[name]) for name in ranked),
    ]


def trained_player(outcome: Outcome) -> str:
    """Returns the name of the player that was trained: it alone has a regret and no score."""
    kinds = {kind: _names(outcome, kind) for kind in ("regret/", "score/")}
    return next(name for name in kinds["regret/"] if name not in kinds["score/"])


def _names(outcome: Outcome, prefix: str) -> list[str]:
    """The names of arrays that begin so, without this beginning."""
    return [name.removeprefix(prefix) for name in outcome.arrays if name.startswith(prefix)]


def titles(outcome: Outcome) -> dict[str, str]:
    """A player's name -> the same with the constant that was tuned for it."""
    constants = first_seed(outcome, "constant/")

    def title(name):
        constant = constants[name][0] if name in constants else np.nan
        return name if np.isnan(constant) else f"{name.removesuffix(')')}, {constant:g})"

    return {name: title(name) for name in first_seed(outcome, "score/")}


def metrics_of(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    """The metrics of evaluation, without their prefix."""
    return {
        name.removeprefix("eval/"): values
        for name, values in outcome.metrics.items()
        if name.startswith("eval/")
    }


def first_seed(outcome: Outcome, prefix: str) -> dict[str, np.ndarray]:
    """The others' arrays of that beginning, of the first seed: all have the same yardsticks."""
    trained = trained_player(outcome)
    names = [name for name in _names(outcome, prefix) if name != trained]
    arrays = {name: np.asarray(outcome.arrays[prefix + name]) for name in names}
    if outcome.num_seeds > 1:
        arrays = {name: array[0] for name, array in arrays.items()}
    return arrays
