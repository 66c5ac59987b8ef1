"""The exact optimum of Bernoulli bandits with U[0, 1] priors, and rules made by hand."""

from jaxdl.meta.bayes.beliefs import has_optimum, optimal_policy, optimal_value
from jaxdl.meta.bayes.policies import (
    Policy,
    epsilon_greedy,
    gittins,
    greedy,
    thompson,
    ucb1_textbook,
    ucb1_tuned,
    uniform,
)
from jaxdl.meta.bayes.scores import Score, evaluate, evaluate_together, score, tune
from jaxdl.meta.bayes.yardsticks import Yardstick, rules_of, yardsticks

__all__ = [
    "Policy",
    "Score",
    "Yardstick",
    "epsilon_greedy",
    "evaluate",
    "evaluate_together",
    "gittins",
    "greedy",
    "has_optimum",
    "optimal_policy",
    "optimal_value",
    "rules_of",
    "score",
    "thompson",
    "tune",
    "ucb1_textbook",
    "ucb1_tuned",
    "uniform",
    "yardsticks",
]
