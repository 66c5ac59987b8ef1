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
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.setup import scale_tabular, trial_system
from jaxdl.meta.snail import few_shot_blocks, few_shot_net, image_reader, snail
from jaxdl.meta.snail_figures import few_shot_exhibit
from jaxdl.meta.snail_trials import (
    memory_length,
    snail_policy,
    snail_trial_system,
    trial_blocks,
    trial_steps,
)
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
    "few_shot_blocks",
    "few_shot_exhibit",
    "few_shot_net",
    "image_reader",
    "is_bandit",
    "is_tabular",
    "mdp_evaluation",
    "mdp_exhibits",
    "mdp_players_of",
    "mdp_score",
    "mdp_sizes",
    "players_of",
    "memory_length",
    "rl2",
    "scale_tabular",
    "snail",
    "snail_policy",
    "snail_trial_system",
    "title_of",
    "trial",
    "trial_blocks",
    "trial_evaluation",
    "trial_steps",
    "trial_system",
]
