"""Learning to reinforcement learn (Wang et al. 2016): A2C trains an LSTM, which then learns alone.

The idea is that of RL^2, and from the same month: a trial holds one task, what the net observes
holds its last action and reward, and its memory lasts through the trial. What is their own is the
slow learner, advantage actor-critic with an entropy bonus that falls to nothing, and tasks whose
structure can be exploited: the learned learner fits its tasks, where a rule made by hand has to be
general.
"""

from functools import partial
from typing import Any

import optax

from jaxdl.core.learner import Learner
from jaxdl.envs import Env
from jaxdl.meta.evaluation import Evaluation
from jaxdl.meta.rl2 import rl2
from jaxdl.nn import ActorCritic
from jaxdl.rl import a2c


def learning_to_rl(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    episodes: int,
    steps: int,
    evaluate: Evaluation | None,
    discount: float = 0.9,
    value_coef: float = 0.05,
    entropy_coef: float = 1.0,
    last_entropy_coef: float | None = 0.0,
    **options: Any,
) -> Learner:
    """Makes the learner of Wang et al. 2016.

    Args:
      env: the family of tasks.
      net: a recurrent policy and value for `trial(env, episodes)`; the paper's is an LSTM of 48
        cells.
      tx: the optimizer; the paper's is RMSProp.
      episodes: of one task in a trial.
      steps: updates in which the entropy's weight falls.
      evaluate: key, net, params -> metrics and arrays; `trial_evaluation` of 256 trials if None.
      discount: gamma.
      value_coef: weight of the value's loss.
      entropy_coef: weight of the entropy bonus at first.
      last_entropy_coef: its weight after `steps` updates, to which it falls linearly; None leaves
        it.
      options: of `jaxdl.rl.a2c`: num_envs, trials side by side; unroll, the steps of a trial, so
        that gradients reach through all of it (its memory is cleared between trials alone); and
        gae_lambda.

    Raises:
      BadInput: no episode in a trial.
    """
    last = entropy_coef if last_entropy_coef is None else last_entropy_coef
    beta = optax.linear_schedule(entropy_coef, last, steps)
    weights = {"discount": discount, "value_coef": value_coef, "entropy_coef": beta}
    slow = partial(a2c, net=net, tx=tx, **weights, **options)
    return rl2(env, net, slow, episodes=episodes, evaluate=evaluate)
