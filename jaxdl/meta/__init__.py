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
from jaxdl.meta.maml_rl import maml_rl
from jaxdl.meta.mdp_evaluation import (
    compare_mdp_players,
    is_tabular,
    mdp_evaluation,
    mdp_players_of,
    mdp_score,
    mdp_sizes,
    title_of,
)
from jaxdl.meta.paths import keep_paths, path_exhibits
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.setup import trial_system
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial

__all__ = [
    "INFORMED",
    "TRIAL_OBSERVATION",
    "bandit_evaluation",
    "bandit_score",
    "bayes",
    "compare_mdp_players",
    "compare_players",
    "exhibits",
    "is_bandit",
    "is_tabular",
    "keep_paths",
    "maml_rl",
    "mdp_evaluation",
    "mdp_exhibits",
    "mdp_players_of",
    "mdp_score",
    "mdp_sizes",
    "path_exhibits",
    "players_of",
    "rl2",
    "title_of",
    "trial",
    "trial_evaluation",
    "trial_system",
]
