"""Proximal policy optimization: Schulman et al. 2017, algorithm 1.

Runs the policy for T steps in each of E worlds, estimates the advantages, and improves a surrogate
objective for K epochs of minibatches; then begins again with the policy that this gives.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, vectorize
from jaxdl.losses import policy as losses
from jaxdl.nn import ActorCritic
from jaxdl.ops.statistics import Statistics
from jaxdl.rl.descent import improve
from jaxdl.rl.evaluation import policy_evaluation
from jaxdl.rl.experience import practice, start_practice
from jaxdl.rl.minibatches import Batch, plan_minibatches


class Extra(NamedTuple):
    """What is adapted besides the parameters.

    Attributes:
      obs_statistics: of the observations; () unless they are normalized.
      kl_coef: float32 scalar, beta of the penalized objectives.
    """

    obs_statistics: Statistics | tuple[()]
    kl_coef: jax.Array


def ppo(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int,
    epochs: int = 4,
    minibatches: int = 4,
    microbatches: int = 1,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    objective: Literal["clip", "none", "kl", "adaptive_kl"] = "clip",
    clip: float = 0.2,
    kl_coef: float = 1.0,
    target_kl: float = 0.01,
    stop_kl: float | None = None,
    value_coef: float = 0.5,
    value_clip: float | None = None,
    entropy_coef: float = 0.0,
    normalize_advantages: bool = True,
    normalize_observations: bool = False,
    eval_envs: int = 128,
    eval_steps: int = 1000,
    eval_sampled: int = 0,
) -> Learner:
    """Makes PPO with generalized advantage estimates, for feed-forward and recurrent nets.

    Args:
      env: the family of worlds; every episode draws its task anew.
      net: policy and value.
      tx: the optimizer; clipping by global norm and schedules are part of it.
      num_envs: E, worlds side by side.
      unroll: T, steps in each world between two updates.
      epochs: K, passes over the T E steps.
      minibatches: optimizer steps in a pass. They are parts of the time axis, in which each world
        is shuffled by itself; for recurrent nets, and where they do not divide it, whole rows of
        worlds.
      microbatches: parts of a minibatch whose gradients are summed one after the other: less memory
        for the same result, and on CPUs less time where they fit into the cache.
      discount: gamma.
      gae_lambda: lambda.
      objective: "clip" (eq. 7), "none" (eq. 6), "kl" (eq. 8, fixed beta), or "adaptive_kl" (eq. 8;
        beta is doubled or halved where the divergence is far from `target_kl`).
      clip: epsilon of "clip".
      kl_coef: beta of "kl", and the first beta of "adaptive_kl".
      target_kl: d_targ of "adaptive_kl".
      stop_kl: an update ends as soon as a minibatch's approximate KL exceeds this; None never.
      value_coef: c_1 of eq. 9.
      value_clip: how far a value may gain by moving in one update; None is any distance.
      entropy_coef: c_2 of eq. 9.
      normalize_advantages: to mean 0 and standard deviation 1 over each minibatch.
      normalize_observations: real ones, by mean and deviation of all before the update.
      eval_envs: fresh worlds, in each of which `evaluate` plays one episode without exploring.
      eval_steps: the longest episode there.
      eval_sampled: fresh worlds in which `evaluate` plays one episode with sampled actions too.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the minibatches divide neither the time axis nor the worlds, or hold a single step
        whose normalized advantage would always be 0.
    """
    worlds = vectorize(env, num_envs)
    plan = plan_minibatches(net, num_envs, unroll, minibatches, microbatches)
    if normalize_advantages and plan.steps == 1:
        raise BadInput(
            f"minibatches={minibatches} of a single step have no deviation to normalize advantages "
            "by: take fewer, or normalize_advantages=False"
        )

    def init(key):
        params, actors, statistics = start_practice(
            key, worlds, net, normalize_observations=normalize_observations
        )
        return TrainState(params, tx.init(params), actors, Extra(statistics, jnp.float32(kl_coef)))

    def loss(kl_coef, params, batch):
        """Eq. 9 with the sign of a loss: -(L_policy - c_1 L_value + c_2 S)."""
        _, policy, values = net.unroll(params, batch.carry, batch.obs, batch.first)
        logp = net.distribution.logp(policy, batch.action)
        if objective == "clip":
            policy_loss = losses.clipped_surrogate(logp, batch.logp, batch.adv, clip=clip)
        elif objective == "none":
            policy_loss = losses.surrogate(logp, batch.logp, batch.adv)
        else:
            kl = net.distribution.kl(batch.policy, policy)
            policy_loss = losses.penalized_surrogate(
                logp, batch.logp, batch.adv, kl, kl_coef=kl_coef
            )
        if value_clip is None:
            value_loss = losses.value_loss(values, batch.target)
        else:
            value_loss = losses.clipped_value_loss(
                values, batch.value, batch.target, clip=value_clip
            )
        entropy = jnp.mean(net.distribution.entropy(policy))
        metrics = {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "approximate_kl": losses.approximate_kl(logp, batch.logp),
        }
        return policy_loss + value_coef * value_loss - entropy_coef * entropy, metrics

    def step(key, state, batch):
        del batch
        collect_key, update_key = jax.random.split(key)
        state, batch, metrics = practice(
            collect_key,
            state,
            worlds,
            net,
            unroll=unroll,
            discount=discount,
            gae_lambda=gae_lambda,
        )
        if objective in ("clip", "none"):
            batch = batch._replace(policy=())
        if value_clip is None:
            batch = batch._replace(value=())
        state, update_metrics = improve(
            update_key,
            partial(loss, state.extra.kl_coef),
            tx,
            plan,
            state,
            batch,
            epochs=epochs,
            normalize_advantages=normalize_advantages,
            stop_kl=stop_kl,
        )
        if objective == "adaptive_kl":
            kl = divergence(net, state.params, batch)
            beta = losses.adapted_kl_coef(state.extra.kl_coef, kl, target_kl=target_kl)
            state = state._replace(extra=state.extra._replace(kl_coef=beta))
        return state, metrics | update_metrics

    evaluate = policy_evaluation(env, net, eval_envs, eval_steps, eval_sampled)
    return Learner(init, step, evaluate)


def divergence(net: ActorCritic, params: Any, batch: Batch) -> jax.Array:
    """Returns the mean KL(old policy || policy) over the observations of the batch."""
    _, policy, _ = net.unroll(params, batch.carry, batch.obs, batch.first)
    return jnp.mean(net.distribution.kl(batch.policy, policy))
