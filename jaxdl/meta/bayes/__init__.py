"""What can be reached in a Bernoulli bandit with U[0, 1] priors: the exact optimum, and rules."""

from jaxdl.meta.bayes.beliefs import optimal_policy, optimal_value
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
from jaxdl.meta.bayes.yardsticks import optimum, yardsticks

__all__ = [
    "Policy",
    "Score",
    "epsilon_greedy",
    "evaluate",
    "evaluate_together",
    "gittins",
    "greedy",
    "optimal_policy",
    "optimal_value",
    "optimum",
    "score",
    "thompson",
    "tune",
    "ucb1_textbook",
    "ucb1_tuned",
    "uniform",
    "yardsticks",
]
