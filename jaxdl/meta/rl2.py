"""RL^2 (Duan et al. 2016): a slow reinforcement learner trains a net that learns in its memory.

The slow learner is PPO. Its episode is a trial: several episodes of one task, through which the
net's memory lasts, so that what it remembers of the first episodes makes it better in the last.
"""

from collections.abc import Callable
from typing import Any

import jax
import optax

from jaxdl.core.learner import Learner, Metrics
from jaxdl.envs import Env
from jaxdl.meta.evaluation import trial_evaluation
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic
from jaxdl.rl import ppo

Evaluation = Callable[[jax.Array, ActorCritic, Any], Metrics]  # key, net, params -> metrics


def rl2(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    episodes: int,
    num_envs: int,
    unroll: int,
    epochs: int = 4,
    minibatches: int = 4,
    discount: float = 0.99,
    gae_lambda: float = 0.9,
    clip: float = 0.2,
    value_coef: float = 0.5,
    entropy_coef: float = 0.0,
    evaluate: Evaluation | None = None,
) -> Learner:
    """Makes RL^2 with PPO as the slow learner (the paper's is TRPO, with gae_lambda 0.3).

    Args:
      env: the family of tasks.
      net: a recurrent policy and value for `trial(env, episodes)`.
      tx: the optimizer.
      episodes: n, in a trial. The memory is cleared between trials, never within one.
      num_envs: E, trials side by side.
      unroll: T, steps in each between two updates; gradients reach no further back than its start.
      epochs: passes over the T E steps.
      minibatches: optimizer steps in a pass, each with whole rows of trials.
      discount: gamma, of the slow learner.
      gae_lambda: lambda.
      clip: epsilon of the clipped objective.
      value_coef: weight of the value loss.
      entropy_coef: weight of the entropy bonus.
      evaluate: key, net, params -> metrics and arrays; `trial_evaluation` of 256 trials if None.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: no episode in a trial, or the minibatches do not divide the worlds.
    """
    evaluation = evaluate or trial_evaluation(env, episodes=episodes)
    slow = ppo(
        trial(env, episodes),
        net,
        tx,
        num_envs=num_envs,
        unroll=unroll,
        epochs=epochs,
        minibatches=minibatches,
        discount=discount,
        gae_lambda=gae_lambda,
        clip=clip,
        value_coef=value_coef,
        entropy_coef=entropy_coef,
    )
    return slow._replace(evaluate=lambda key, state: evaluation(key, net, state.params))
