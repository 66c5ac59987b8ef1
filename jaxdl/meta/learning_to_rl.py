"""Learning to reinforcement learn (Wang et al. 2016): A2C trains an LSTM, which then learns alone.

The idea is that of RL^2, and from the same month: a trial holds one task, what the net observes
holds its last action and reward, and its memory lasts through the trial. What is their own is the
slow learner, advantage actor-critic with an entropy bonus that falls to nothing, and tasks whose
structure can be exploited: the learned learner fits its tasks, where a rule made by hand has to be
general.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import optax

from jaxdl.core.learner import Learner, Metrics
from jaxdl.envs import Env
from jaxdl.meta.rl2 import rl2
from jaxdl.nn import ActorCritic
from jaxdl.rl import a2c

Evaluation = Callable[[jax.Array, ActorCritic, Any], Metrics]  # key, net, params -> metrics


def learning_to_rl(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int,
    episodes: int,
    steps: int,
    discount: float = 0.9,
    gae_lambda: float = 1.0,
    value_coef: float = 0.05,
    entropy_coef: float = 1.0,
    last_entropy_coef: float | None = 0.0,
    evaluate: Evaluation | None = None,
) -> Learner:
    """Makes the learner of Wang et al. 2016.

    Args:
      env: the family of tasks.
      net: a recurrent policy and value for `trial(env, episodes)`; the paper's is an LSTM of 48
        cells.
      tx: the optimizer; the paper's is RMSProp.
      num_envs: E, trials side by side.
      unroll: T, steps in each of them between two updates; the steps of a trial, so that gradients
        reach through all of it. The memory is cleared between trials, never within one.
      episodes: of one task in a trial.
      steps: updates in which the entropy's weight falls.
      discount: gamma.
      gae_lambda: lambda of the advantages.
      value_coef: weight of the value's loss.
      entropy_coef: weight of the entropy bonus at first.
      last_entropy_coef: its weight after `steps` updates, to which it falls linearly; None leaves
        it.
      evaluate: key, net, params -> metrics and arrays; `trial_evaluation` of 256 trials if None.

    Raises:
      BadInput: no episode in a trial.
    """
    last = entropy_coef if last_entropy_coef is None else last_entropy_coef
    slow = partial(
        a2c,
        net=net,
        tx=tx,
        num_envs=num_envs,
        unroll=unroll,
        discount=discount,
        gae_lambda=gae_lambda,
        value_coef=value_coef,
        entropy_coef=optax.linear_schedule(entropy_coef, last, steps),
    )
    return rl2(env, net, slow, episodes=episodes, evaluate=evaluate)
