"""Advantage actor-critic, the synchronous form of A3C: Mnih et al. 2016, algorithm S3.

Runs the policy for T steps in each of E worlds, and takes one step along the gradient of all of
them. A3C's threads, each with parameters that are a little old, are the E worlds here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, update
from jaxdl.envs import Env, vectorize
from jaxdl.losses import policy as losses
from jaxdl.nn import ActorCritic
from jaxdl.ops.statistics import Statistics
from jaxdl.rl.evaluation import policy_evaluation
from jaxdl.rl.experience import practice, start_practice
from jaxdl.rl.minibatches import Batch

Coefficient = Callable[[jax.Array], jax.Array | float]  # number of the update, from 0 -> weight


class Extra(NamedTuple):
    """What goes along with the parameters.

    Attributes:
      obs_statistics: of the observations; () unless they are normalized.
      updates: int32 scalar, how many there have been.
    """

    obs_statistics: Statistics | tuple[()]
    updates: jax.Array


def a2c(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int = 5,
    discount: float = 0.99,
    gae_lambda: float = 1.0,
    value_coef: float = 0.5,
    entropy_coef: float | Coefficient = 0.01,
    normalize_observations: bool = False,
    eval_envs: int = 128,
    eval_steps: int = 1000,
) -> Learner:
    """Makes advantage actor-critic, for feed-forward and recurrent nets.

    It is PPO's step with one epoch of one minibatch, no clipping, and advantages as they are.

    Args:
      env: the family of worlds; every episode draws its task anew.
      net: policy and value.
      tx: the optimizer; clipping by global norm and schedules are part of it.
      num_envs: E, worlds side by side.
      unroll: T = t_max, steps in each world between two updates.
      discount: gamma.
      gae_lambda: lambda; 1 gives the returns of algorithm S3, which sum the rewards to the end of
        the unroll and bootstrap there.
      value_coef: weight of the value's loss, half the squared error.
      entropy_coef: beta, weight of the entropy bonus; or a function of the number of the update.
      normalize_observations: real ones, by mean and deviation of all before the update.
      eval_envs: fresh worlds, in each of which `evaluate` plays one episode without exploring.
      eval_steps: the longest episode there.

    Returns:
      A learner that makes its own data; its `batch` is ().
    """
    worlds = vectorize(env, num_envs)
    weigh = entropy_coef if callable(entropy_coef) else lambda updates: entropy_coef

    def init(key):
        params, actors, statistics = start_practice(key, worlds, net, normalize_observations)
        return TrainState(params, tx.init(params), actors, Extra(statistics, jnp.int32(0)))

    def step(key, state, batch):
        del batch
        state, batch, metrics = practice(
            key, state, worlds, net, unroll=unroll, discount=discount, gae_lambda=gae_lambda
        )
        beta = jnp.asarray(weigh(state.extra.updates), jnp.float32)
        loss = partial(a2c_loss, net=net, value_coef=value_coef, entropy_coef=beta)
        gradient, loss_metrics = jax.grad(loss, has_aux=True)(state.params, batch)
        state, norms = update(tx, state, gradient)
        extra = state.extra._replace(updates=state.extra.updates + 1)
        return state._replace(extra=extra), metrics | loss_metrics | norms

    return Learner(init, step, policy_evaluation(env, net, eval_envs, eval_steps))


def a2c_loss(
    params: Any,
    batch: Batch,
    *,
    net: ActorCritic,
    value_coef: float,
    entropy_coef: float | jax.Array,
) -> tuple[jax.Array, Metrics]:
    """Computes the loss whose gradient algorithm S3 accumulates, with the entropy of section 4.

    Args:
      params: of the net.
      batch: leaves [T, E, ...].
      net: policy and value.
      value_coef: weight of the value's loss.
      entropy_coef: beta.

    Returns:
      A scalar, and metrics.
    """
    _, policy, values = net.unroll(params, batch.carry, batch.obs, batch.first)
    policy_loss = losses.policy_gradient(net.distribution.logp(policy, batch.action), batch.adv)
    value_loss = losses.value_loss(values, batch.target)
    entropy = jnp.mean(net.distribution.entropy(policy))
    metrics = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "entropy_coef": jnp.asarray(entropy_coef),
    }
    return policy_loss + value_coef * value_loss - entropy_coef * entropy, metrics
