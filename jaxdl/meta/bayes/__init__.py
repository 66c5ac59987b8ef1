"""What is possible in families of tasks: exact optima, bounds, and rules made by hand."""

from jaxdl.meta.bayes.agents import Agent
from jaxdl.meta.bayes.beliefs import has_optimum, optimal_policy, optimal_value
from jaxdl.meta.bayes.grid import grid_goal_value
from jaxdl.meta.bayes.indices import gittins_table
from jaxdl.meta.bayes.mdp_scores import Informed, Sizes, best_return, informed_value
from jaxdl.meta.bayes.mdp_yardsticks import MDP_RULES, informed_mdp_value, mdp_baselines
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
from jaxdl.meta.bayes.scores import (
    Score,
    evaluate,
    evaluate_together,
    index_policy_value,
    score,
    score_regrets,
    tune,
)
from jaxdl.meta.bayes.structured import (
    dependent_best,
    dependent_value,
    informative_value,
    pair_mean,
)
from jaxdl.meta.bayes.tiny import tiny_bamdp_value
from jaxdl.meta.bayes.upper_bound import upper_bound
from jaxdl.meta.bayes.yardsticks import Yardstick, rules_of, yardsticks

__all__ = [
    "MDP_RULES",
    "Agent",
    "Informed",
    "Policy",
    "Score",
    "Sizes",
    "Yardstick",
    "best_return",
    "dependent_best",
    "dependent_value",
    "epsilon_greedy",
    "evaluate",
    "evaluate_together",
    "gittins",
    "gittins_table",
    "greedy",
    "grid_goal_value",
    "has_optimum",
    "index_policy_value",
    "informative_value",
    "informed_mdp_value",
    "informed_value",
    "mdp_baselines",
    "optimal_policy",
    "optimal_value",
    "pair_mean",
    "rules_of",
    "score",
    "score_regrets",
    "thompson",
    "tiny_bamdp_value",
    "tune",
    "ucb1_textbook",
    "ucb1_tuned",
    "uniform",
    "upper_bound",
    "yardsticks",
]
