"""All that a learned player of Bernoulli bandits is measured against, in one table."""

import jax

from jaxdl.core.run import BadInput
from jaxdl.meta.bayes import policies
from jaxdl.meta.bayes.beliefs import optimal_policy, optimal_value
from jaxdl.meta.bayes.scores import Score, evaluate_together, tune

EPSILONS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.13, 0.16, 0.2)
BONUSES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)


def optimum(*, arms: int, pulls: int) -> float | None:
    """The Bayes-optimal value, or None where its table does not fit in memory."""
    try:
        return optimal_value(arms=arms, pulls=pulls)
    except BadInput:
        return None


def yardsticks(*, arms: int, pulls: int, tasks: int, key: jax.Array) -> dict[str, Score]:
    """Scores every rule on the same fresh bandits; what is tuned was tuned on others.

    Args:
      arms: k.
      pulls: n.
      tasks: how many bandits; a quarter as many for each value that is tried in tuning.
      key: of the bandits and of all chance in them.

    Returns:
      Name, with its tuned constant -> Score; the Bayes-optimal player among them if its table fits.
    """
    tuning_key, key = jax.random.split(key)
    sizes = {"arms": arms, "pulls": pulls}
    families = {"epsilon": policies.epsilon_greedy, "bonus": policies.ucb1_tuned}
    values = {"epsilon": EPSILONS, "bonus": BONUSES}
    best = tune(families, values, tasks=max(tasks // 4, 2), key=tuning_key, **sizes)
    epsilon = best["epsilon"]
    bonus = best["bonus"]
    players = {
        "Gittins index (finite horizon)": policies.gittins(pulls=pulls),
        f"UCB1 (tuned, c={bonus:g})": policies.ucb1_tuned(bonus),
        f"epsilon-greedy (tuned, {epsilon:g})": policies.epsilon_greedy(epsilon),
        "greedy": policies.greedy,
        "Thompson sampling": policies.thompson,
        "UCB1 (textbook)": policies.ucb1_textbook,
        "random": policies.uniform,
    }
    try:
        players = {"Bayes-optimal": optimal_policy(**sizes)} | players
    except BadInput:
        pass
    return evaluate_together(players, tasks=tasks, key=key, **sizes)
