"""Learning to learn: agents that learn within their memory, and exact yardsticks for them.

`jaxdl.meta.rl2` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.meta import bayes
from jaxdl.meta.evaluation import (
    bandit_evaluation,
    bandit_score,
    compare_players,
    is_bandit,
    players_of,
    trial_evaluation,
)
from jaxdl.meta.exhibits import INFORMED, exhibits, mdp_exhibits
from jaxdl.meta.mdp_evaluation import (
    compare_mdp_players,
    is_tabular,
    mdp_evaluation,
    mdp_players_of,
    mdp_score,
    mdp_sizes,
    title_of,
)
from jaxdl.meta.q_life import QLearning
from jaxdl.meta.reward_exhibits import reward_exhibits
from jaxdl.meta.reward_search import reward_search
from jaxdl.meta.reward_spaces import fitness_reward, reward_space
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.self_modification import Rule as SelfRule
from jaxdl.meta.setup import trial_system
from jaxdl.meta.success_exhibits import success_exhibits
from jaxdl.meta.success_story import levin_searching, self_modifying, success_story
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial

__all__ = [
    "INFORMED",
    "TRIAL_OBSERVATION",
    "QLearning",
    "SelfRule",
    "bandit_evaluation",
    "bandit_score",
    "bayes",
    "compare_mdp_players",
    "compare_players",
    "exhibits",
    "fitness_reward",
    "is_bandit",
    "is_tabular",
    "levin_searching",
    "mdp_evaluation",
    "mdp_exhibits",
    "mdp_players_of",
    "mdp_score",
    "mdp_sizes",
    "players_of",
    "reward_exhibits",
    "reward_search",
    "reward_space",
    "rl2",
    "self_modifying",
    "success_exhibits",
    "success_story",
    "title_of",
    "trial",
    "trial_evaluation",
    "trial_system",
]
