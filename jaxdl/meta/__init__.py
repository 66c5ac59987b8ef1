"""Learning to learn: agents that learn within their memory, and exact yardsticks for them.

`jaxdl.meta.rl2` is the function, as in every room of learners: see the rule in `jaxdl.rl`.
"""

from jaxdl.meta import bayes
from jaxdl.meta.adaptation_exhibits import adaptation_exhibits
from jaxdl.meta.arm_net import arm_net
from jaxdl.meta.evaluation import (
    also_on_other_arms,
    bandit_evaluation,
    bandit_score,
    compare_players,
    is_bandit,
    players_of,
    trial_evaluation,
)
from jaxdl.meta.exhibits import INFORMED, exhibits, mdp_exhibits
from jaxdl.meta.families import Family, find_family
from jaxdl.meta.few_shot import Tasks, characters, run_tasks, sinusoids
from jaxdl.meta.hierarchy import make_hierarchy
from jaxdl.meta.index_teacher import index_teacher
from jaxdl.meta.learning_to_rl import learning_to_rl
from jaxdl.meta.maml import (
    Descent,
    Initial,
    descend,
    maml,
    maml_deployment,
    reptile,
    score_adaptation,
    task_data,
)
from jaxdl.meta.maml_rl import maml_rl
from jaxdl.meta.maze_evaluation import also_in_larger, is_maze, maze_evaluation
from jaxdl.meta.maze_exhibits import maze_exhibits
from jaxdl.meta.mdp_evaluation import (
    compare_mdp_players,
    is_tabular,
    mdp_evaluation,
    mdp_players_of,
    mdp_score,
    mdp_sizes,
    title_of,
)
from jaxdl.meta.mlsh import mlsh
from jaxdl.meta.options import macro_world, sub_policies
from jaxdl.meta.paths import keep_paths, path_exhibits
from jaxdl.meta.q_life import QLearning
from jaxdl.meta.reward_exhibits import reward_exhibits
from jaxdl.meta.reward_search import reward_search
from jaxdl.meta.reward_spaces import fitness_reward, reward_space
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.self_modification import Rule as SelfRule
from jaxdl.meta.setup import (
    Yardstick,
    find_arm_yardstick,
    learner_system,
    make_arm_net,
    scale_tabular,
    taught_by_index,
    trial_system,
)
from jaxdl.meta.snail import few_shot_blocks, few_shot_net, few_shot_system, image_reader, snail
from jaxdl.meta.snail_figures import few_shot_exhibit
from jaxdl.meta.snail_trials import (
    memory_length,
    snail_policy,
    snail_trial_system,
    trial_blocks,
    trial_steps,
)
from jaxdl.meta.stays import stays_figure, structured_exhibits
from jaxdl.meta.structured import effects, structured_evaluation
from jaxdl.meta.structured_rules import compare_structured, structured_players
from jaxdl.meta.success_exhibits import success_exhibits
from jaxdl.meta.success_story import levin_searching, self_modifying, success_story
from jaxdl.meta.trial import TRIAL_OBSERVATION, trial

__all__ = [
    "INFORMED",
    "TRIAL_OBSERVATION",
    "Descent",
    "Family",
    "Initial",
    "QLearning",
    "SelfRule",
    "Tasks",
    "Yardstick",
    "adaptation_exhibits",
    "also_in_larger",
    "also_on_other_arms",
    "arm_net",
    "bandit_evaluation",
    "bandit_score",
    "bayes",
    "characters",
    "compare_mdp_players",
    "compare_players",
    "compare_structured",
    "descend",
    "effects",
    "exhibits",
    "few_shot_blocks",
    "few_shot_exhibit",
    "few_shot_net",
    "few_shot_system",
    "find_arm_yardstick",
    "find_family",
    "fitness_reward",
    "image_reader",
    "index_teacher",
    "is_bandit",
    "is_maze",
    "is_tabular",
    "keep_paths",
    "learner_system",
    "learning_to_rl",
    "levin_searching",
    "macro_world",
    "make_arm_net",
    "make_hierarchy",
    "maml",
    "maml_deployment",
    "maml_rl",
    "maze_evaluation",
    "maze_exhibits",
    "mdp_evaluation",
    "mdp_exhibits",
    "mdp_players_of",
    "mdp_score",
    "mdp_sizes",
    "memory_length",
    "mlsh",
    "path_exhibits",
    "players_of",
    "reptile",
    "reward_exhibits",
    "reward_search",
    "reward_space",
    "rl2",
    "run_tasks",
    "scale_tabular",
    "score_adaptation",
    "self_modifying",
    "sinusoids",
    "snail",
    "snail_policy",
    "snail_trial_system",
    "stays_figure",
    "structured_evaluation",
    "structured_exhibits",
    "structured_players",
    "sub_policies",
    "success_exhibits",
    "success_story",
    "task_data",
    "taught_by_index",
    "title_of",
    "trial",
    "trial_blocks",
    "trial_evaluation",
    "trial_steps",
    "trial_system",
]
