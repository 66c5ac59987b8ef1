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
from jaxdl.meta.exhibits import exhibits
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial

__all__ = [
    "TRIAL_OBSERVATION",
    "bandit_evaluation",
    "bandit_score",
    "bayes",
    "compare_players",
    "exhibits",
    "is_bandit",
    "players_of",
    "rl2",
    "trial",
    "trial_evaluation",
]
