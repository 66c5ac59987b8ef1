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
from jaxdl.meta.families import Family, find_family
from jaxdl.meta.learning_to_rl import learning_to_rl
from jaxdl.meta.mdp_evaluation import (
    compare_mdp_players,
    is_tabular,
    mdp_evaluation,
    mdp_players_of,
    mdp_score,
    mdp_sizes,
    title_of,
)
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.setup import learner_system, trial_system
from jaxdl.meta.stays import stays_figure, structured_exhibits
from jaxdl.meta.structured import effects, structured_evaluation
from jaxdl.meta.structured_rules import compare_structured, structured_players
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial

__all__ = [
    "INFORMED",
    "TRIAL_OBSERVATION",
    "Family",
    "bandit_evaluation",
    "bandit_score",
    "bayes",
    "compare_mdp_players",
    "compare_players",
    "compare_structured",
    "effects",
    "exhibits",
    "find_family",
    "is_bandit",
    "is_tabular",
    "learner_system",
    "learning_to_rl",
    "mdp_evaluation",
    "mdp_exhibits",
    "mdp_players_of",
    "mdp_score",
    "mdp_sizes",
    "players_of",
    "rl2",
    "stays_figure",
    "structured_evaluation",
    "structured_exhibits",
    "structured_players",
    "title_of",
    "trial",
    "trial_evaluation",
    "trial_system",
]
