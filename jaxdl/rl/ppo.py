"""Proximal policy optimization: Schulman et al. 2017, algorithm 1.

Runs the policy for T steps in each of E worlds, estimates the advantages, and improves a surrogate
objective for K epochs of minibatches; then begins again with the policy that this gives.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, Worlds, vectorize
from jaxdl.losses import policy as losses
from jaxdl.nn import ActorCritic
from jaxdl.ops.statistics import Statistics
from jaxdl.rl.evaluation import policy_evaluation
from jaxdl.rl.experience import practice, start_practice
from jaxdl.rl.minibatches import Batch, Minibatches, plan_minibatches


class Extra(NamedTuple):
    """What is adapted besides the parameters.

    Attributes:
      obs_statistics: of the observations; () unless they are normalized.
      kl_coef: float32 scalar, beta of the penalized objectives.
    """

    obs_statistics: Statistics | tuple[()]
    kl_coef: jax.Array


Objective = Literal["clip", "none", "kl", "adaptive_kl"]  # eq. 7, 6, 8, 8
MakeWorlds = Callable[[Env, int], Worlds]  # family of worlds, E -> E of them
Loss = Callable[[Any, Batch], tuple[jax.Array, Metrics]]  # params, batch -> loss, metrics


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
    objective: Objective = "clip",
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
    make_worlds: MakeWorlds = vectorize,
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
      make_worlds: puts E worlds side by side, for those who want to know more of them.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the minibatches divide neither the time axis nor the worlds, or hold a single step
        whose normalized advantage would always be 0.
    """
    worlds = make_worlds(env, num_envs)
    plan = plan_minibatches(net, num_envs, unroll, minibatches, microbatches)
    if normalize_advantages and plan.steps == 1:
        raise BadInput(
            f"minibatches={minibatches} of a single step have no deviation to normalize advantages "
            "by: take fewer, or normalize_advantages=False"
        )
    loss = partial(
        ppo_loss,
        net=net,
        objective=objective,
        clip=clip,
        value_coef=value_coef,
        value_clip=value_clip,
        entropy_coef=entropy_coef,
    )

    def init(key):
        params, actors, statistics = start_practice(key, worlds, net, normalize_observations)
        return TrainState(params, tx.init(params), actors, Extra(statistics, jnp.float32(kl_coef)))

    def gather(key, state):
        """Runs the policy and estimates advantages, lines 3 and 4 of algorithm 1."""
        state, batch, metrics = practice(
            key, state, worlds, net, unroll=unroll, discount=discount, gae_lambda=gae_lambda
        )
        if objective in ("clip", "none"):
            batch = batch._replace(policy=())
        if value_clip is None:
            batch = batch._replace(value=())
        return state, batch, metrics

    def adapt(state, batch):
        """Adapts beta, which is not learned by gradients: section 4."""
        if objective != "adaptive_kl":
            return state
        kl = divergence(net, state.params, batch)
        beta = losses.adapted_kl_coef(state.extra.kl_coef, kl, target_kl=target_kl)
        return state._replace(extra=state.extra._replace(kl_coef=beta))

    def step(key, state, batch):
        del batch
        collect_key, update_key = jax.random.split(key)
        state, batch, metrics = gather(collect_key, state)
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
        return adapt(state, batch), metrics | update_metrics

    evaluate = policy_evaluation(env, net, eval_envs, eval_steps, eval_sampled)
    return Learner(init, step, evaluate)


def ppo_loss(
    kl_coef: jax.Array,
    params: Any,
    batch: Batch,
    *,
    net: ActorCritic,
    objective: Objective,
    clip: float,
    value_coef: float,
    value_clip: float | None,
    entropy_coef: float,
) -> tuple[jax.Array, Metrics]:
    """Computes eq. 9 with the sign of a loss, -(L_policy - c_1 L_value + c_2 S).

    Args:
      kl_coef: scalar, beta of the penalized objectives.
      params: of the net.
      batch: leaves [T, E, ...].
      net: policy and value.
      objective: L_policy, one of eq. 6 to 8.
      clip: epsilon of eq. 7.
      value_coef: c_1.
      value_clip: how far a value may gain by moving; None is any distance.
      entropy_coef: c_2.

    Returns:
      A scalar, and metrics.
    """
    _, policy, values = net.unroll(params, batch.carry, batch.obs, batch.first)
    logp = net.distribution.logp(policy, batch.action)
    if objective == "clip":
        policy_loss = losses.clipped_surrogate(logp, batch.logp, batch.adv, clip=clip)
    elif objective == "none":
        policy_loss = losses.surrogate(logp, batch.logp, batch.adv)
    else:
        kl = net.distribution.kl(batch.policy, policy)
        policy_loss = losses.penalized_surrogate(logp, batch.logp, batch.adv, kl, kl_coef=kl_coef)
    if value_clip is None:
        value_loss = losses.value_loss(values, batch.target)
    else:
        value_loss = losses.clipped_value_loss(values, batch.value, batch.target, clip=value_clip)
    entropy = jnp.mean(net.distribution.entropy(policy))
    metrics = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": losses.approximate_kl(logp, batch.logp),
    }
    return policy_loss + value_coef * value_loss - entropy_coef * entropy, metrics


class Descent(NamedTuple):
    """The state of an update.

    Attributes:
      state: TrainState; parameters and optimizer change.
      is_going: bool scalar; no minibatch has exceeded the largest divergence.
    """

    state: TrainState
    is_going: jax.Array


def improve(
    key: jax.Array,
    loss: Loss,
    tx: optax.GradientTransformation,
    plan: Minibatches,
    state: TrainState,
    batch: Batch,
    *,
    epochs: int,
    normalize_advantages: bool,
    stop_kl: float | None,
) -> tuple[TrainState, Metrics]:
    """Optimizes the surrogate for K epochs of minibatches, line 6 of algorithm 1.

    Args:
      key: of the order of steps.
      loss: of a microbatch.
      tx: the optimizer.
      plan: how the batch is cut.
      state: its parameters and optimizer state are replaced.
      batch: leaves [T, E, ...].
      epochs: K.
      normalize_advantages: to mean 0 and standard deviation 1 over each minibatch.
      stop_kl: the approximate KL of a minibatch after which nothing more is changed; None is none.

    Returns:
      The state, and metrics, means over all minibatches.
    """
    keys = jax.random.split(key, 1 + epochs)
    mix_key, epoch_keys = keys[0], keys[1:]
    mixed = plan.mix(mix_key, batch)

    def mean_gradient(params, minibatch):
        """Averages over the microbatches."""
        each = partial(jax.grad(loss, has_aux=True), params)
        return jax.tree.map(partial(jnp.mean, axis=0), jax.lax.map(each, minibatch))

    def descend(descent, minibatch):
        state = descent.state
        if normalize_advantages:
            adv = minibatch.adv
            centered = adv - jnp.mean(adv)
            minibatch = minibatch._replace(adv=centered / (jnp.std(adv) + 1e-8))
        gradient, metrics = mean_gradient(state.params, minibatch)
        after, norms = update(tx, state, gradient)
        is_going = descent.is_going
        if stop_kl is not None:
            is_going &= metrics["approximate_kl"] <= stop_kl
            after = jax.tree.map(partial(jnp.where, is_going), after, state)
        return Descent(after, is_going), metrics | norms

    def epoch(descent, key):
        return jax.lax.scan(descend, descent, plan.divide(key, mixed))

    learned = state._replace(actors=(), extra=())  # what does not change stays out of the loop
    start = Descent(learned, jnp.bool_(True))
    end, metrics = jax.lax.scan(epoch, start, epoch_keys)
    state = state._replace(params=end.state.params, opt_state=end.state.opt_state)
    return state, jax.tree.map(jnp.mean, metrics)


def divergence(net: ActorCritic, params: Any, batch: Batch) -> jax.Array:
    """Returns the mean KL(old policy || policy) over the observations of the batch."""
    _, policy, _ = net.unroll(params, batch.carry, batch.obs, batch.first)
    return jnp.mean(net.distribution.kl(batch.policy, policy))
