"""All that a learned player of Bernoulli bandits is measured against, in one table."""

from typing import NamedTuple

import jax

from jaxdl.meta.bayes import policies
from jaxdl.meta.bayes.beliefs import has_optimum, optimal_policy
from jaxdl.meta.bayes.scores import Score, evaluate_together, tune

EPSILONS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.13, 0.16, 0.2)
BONUSES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
OPTIMAL = "Bayes-optimal"
RULES = (
    "Gittins index (finite horizon)",
    "UCB1 (tuned)",
    "epsilon-greedy (tuned)",
    "greedy",
    "Thompson sampling",
    "UCB1 (textbook)",
    "random",
)


class Yardstick(NamedTuple):
    """Holds what a rule earns.

    Attributes:
      score: on fresh bandits.
      constant: that was tuned on others; None for a rule without one.
    """

    score: Score
    constant: float | None


def rules_of(*, arms: int, pulls: int) -> tuple[str, ...]:
    """Names the rules that `yardsticks` scores, without scoring them.

    Args:
      arms: k.
      pulls: n.
    """
    known = (OPTIMAL,) if has_optimum(arms=arms, pulls=pulls, with_policy=True) else ()
    return known + RULES


def yardsticks(*, arms: int, pulls: int, tasks: int, key: jax.Array) -> dict[str, Yardstick]:
    """Scores every rule on the same fresh bandits, after tuning on others.

    Args:
      arms: k.
      pulls: n.
      tasks: how many bandits; a quarter as many for each value that is tried in tuning.
      key: of the bandits and of all chance in them.

    Returns:
      Name -> Yardstick, for each of `rules_of`.
    """
    tuning_key, key = jax.random.split(key)
    sizes = {"arms": arms, "pulls": pulls}
    families = {"epsilon": policies.epsilon_greedy, "bonus": policies.ucb1_tuned}
    values = {"epsilon": EPSILONS, "bonus": BONUSES}
    best = tune(families, values, tasks=max(tasks // 4, 2), key=tuning_key, **sizes)
    constants = {"UCB1 (tuned)": best["bonus"], "epsilon-greedy (tuned)": best["epsilon"]}
    players = {
        "Gittins index (finite horizon)": policies.gittins(pulls=pulls),
        "UCB1 (tuned)": policies.ucb1_tuned(best["bonus"]),
        "epsilon-greedy (tuned)": policies.epsilon_greedy(best["epsilon"]),
        "greedy": policies.greedy,
        "Thompson sampling": policies.thompson,
        "UCB1 (textbook)": policies.ucb1_textbook,
        "random": policies.uniform,
    }
    if OPTIMAL in rules_of(**sizes):
        players = {OPTIMAL: optimal_policy(**sizes)} | players
    scores = evaluate_together(players, tasks=tasks, key=key, **sizes)
    return {name: Yardstick(score, constants.get(name)) for name, score in scores.items()}
