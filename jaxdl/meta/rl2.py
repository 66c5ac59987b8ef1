"""RL^2 (Duan et al. 2016): a slow reinforcement learner trains a net that learns in its memory.

The slow learner's episode is a trial: several episodes of one task, through which the
net's memory lasts, so that what it remembers of the first episodes makes it better in the last.
"""

from collections.abc import Callable

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.meta.evaluation import Evaluation, trial_evaluation
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic

SlowLearner = Callable[[Env], Learner]  # world -> learner of a policy for it


def rl2(
    env: Env,
    net: ActorCritic,
    slow: SlowLearner,
    *,
    episodes: int,
    evaluate: Evaluation | None = None,
) -> Learner:
    """Makes RL^2 of any learner of policies, which learns slowly what the net then does fast.

    Args:
      env: the family of tasks.
      net: a recurrent policy and value for `trial(env, episodes)`.
      slow: makes a learner that trains `net` in the world of trials, such as
        `partial(ppo, net=net, tx=tx, num_envs=1024, unroll=10)`; the paper's is TRPO with
        gae_lambda 0.3. The memory is cleared between trials, never within one, and gradients reach
        no further back than the beginning of an unroll.
      episodes: n, of one task in a trial.
      evaluate: key, net, params -> metrics and arrays; `trial_evaluation` of 256 trials if None.

    Returns:
      The slow learner, with this evaluation.

    Raises:
      BadInput: no episode in a trial.
    """
    evaluation = evaluate or trial_evaluation(env, episodes=episodes)
    learner = slow(trial(env, episodes))
    return learner._replace(evaluate=lambda key, state: evaluation(key, net, state.params))
