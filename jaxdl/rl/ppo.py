"""Proximal policy optimization: Schulman et al. 2017, algorithm 1.

Play T steps in each of E worlds, estimate the advantages, and improve a surrogate objective for K
epochs of minibatches; then again, with the policy that came of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.envs.env import Env, Worlds, WorldsState, mean_length, mean_return, vectorize
from jaxdl.losses import policy as losses
from jaxdl.nn.actor_critic import ActorCritic
from jaxdl.ops.returns import gae
from jaxdl.ops.statistics import Statistics, merge, no_statistics
from jaxdl.rl.evaluation import play, view
from jaxdl.rl.minibatches import Batch, partition


class Actors(NamedTuple):
    """Where the worlds, and the net that plays them, stand.

    Attributes:
      worlds: WorldsState; `worlds.obs` [E, ...] is what to act upon.
      carry: leaves [E, ...], the net's memory from before that observation.
      first: [E] bool; that observation begins an episode.
    """

    worlds: WorldsState
    carry: Any
    first: jax.Array


class Extra(NamedTuple):
    """What is adapted besides the parameters.

    Attributes:
      seen: Statistics of the observations; () unless they are normalized.
      kl_coef: float32 scalar, beta of the penalized objectives.
    """

    seen: Statistics | tuple[()]
    kl_coef: jax.Array


class Trajectory(NamedTuple):
    """What happened in T steps of E worlds; every leaf is [T, E, ...].

    Attributes:
      obs: what was acted upon.
      first: obs begins an episode.
      carry: the net's memory from before obs.
      action: raw, in the sense of `Distribution`.
      logp: of the action.
      policy: that it was drawn from; () unless the objective needs it.
      reward: float32.
      terminated: bool.
      truncated: bool.
      next_obs: what the action led to; at an episode's end its last observation.
      next_carry: the net's memory from before next_obs.
    """

    obs: Any
    first: jax.Array
    carry: Any
    action: jax.Array
    logp: jax.Array
    policy: Any
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    next_obs: Any
    next_carry: Any


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
) -> Learner:
    """PPO with generalized advantage estimates, for feed-forward and recurrent nets.

    Args:
      env: the family of worlds; every episode draws its task anew.
      net: policy and value.
      tx: the optimizer: clipping by global norm and schedules are part of it.
      num_envs: E, worlds that are played side by side.
      unroll: T, steps in each world between two updates.
      epochs: K, passes over the T E steps.
      minibatches: optimizer steps in a pass. They are parts of the time axis; for recurrent nets,
        and where they do not divide it, whole rows of worlds.
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
      normalize_observations: by mean and deviation of all that was seen before the update.
      eval_envs: fresh worlds, in each of which `evaluate` plays one episode without exploring.
      eval_steps: the longest episode that it plays.

    Returns:
      A learner that makes its own data: its `batch` is ().

    Raises:
      BadInput: the minibatches divide neither the time axis nor the worlds.
    """
    worlds = vectorize(env, num_envs)
    divide = partition(net, num_envs, unroll, minibatches, microbatches)
    loss = _loss(
        net,
        objective,
        clip=clip,
        value_coef=value_coef,
        value_clip=value_clip,
        entropy_coef=entropy_coef,
    )

    def init(key):
        net_key, worlds_key = jax.random.split(key)
        params, state = net.init(net_key), worlds.reset(worlds_key)
        actors = Actors(state, net.initial_carry(num_envs), jnp.ones(num_envs, bool))
        obs = jax.tree.map(lambda x: x[0], state.obs)
        seen = no_statistics(obs) if normalize_observations else ()
        return TrainState(params, tx.init(params), actors, Extra(seen, jnp.float32(kl_coef)))

    def step(key, state, batch):
        collect_key, update_key = jax.random.split(key)
        params, opt_state, actors, extra = state
        see = view(extra.seen)
        actors, played = collect(collect_key, worlds, net, params, actors, see, length=unroll)
        batch = estimate(net, params, played, actors, see, discount=discount, gae_lambda=gae_lambda)
        if objective in ("clip", "none"):
            batch = batch._replace(policy=())
        params, opt_state, metrics = update(
            update_key,
            partial(loss, kl_coef=extra.kl_coef),
            tx,
            divide,
            params,
            opt_state,
            batch,
            epochs=epochs,
            normalize_advantages=normalize_advantages,
            stop_kl=stop_kl,
        )
        if objective == "adaptive_kl":
            kl = divergence(net, params, batch)
            beta = losses.adapted_kl_coef(extra.kl_coef, kl, target_kl=target_kl)
            extra = extra._replace(kl_coef=beta)
        if normalize_observations:
            extra = extra._replace(seen=merge(extra.seen, played.obs))
        stats = actors.worlds.stats
        metrics |= {"episode_return": mean_return(stats), "episode_length": mean_length(stats)}
        return TrainState(params, opt_state, actors, extra), metrics

    def evaluate(key, state):
        return play(key, env, net, state.params, view(state.extra.seen), eval_envs, eval_steps)

    return Learner(init, step, evaluate)


def collect(
    key: jax.Array,
    worlds: Worlds,
    net: ActorCritic,
    params: Any,
    actors: Actors,
    see: Callable[[Any], Any],
    *,
    length: int,
) -> tuple[Actors, Trajectory]:
    """Runs the policy for `length` steps in each world: line 3 of algorithm 1."""

    def step(actors, keys):
        action_key, world_key = keys
        state, carry, first = actors
        next_carry, policy, _ = net.step(params, carry, see(state.obs), first)
        action = net.distribution.sample(action_key, policy)
        logp = net.distribution.logp(policy, action)
        next_state, out = worlds.step(world_key, state, net.distribution.to_env(action))
        step = Trajectory(
            obs=state.obs,
            first=first,
            carry=carry,
            action=action,
            logp=logp,
            policy=policy,
            reward=out.reward,
            terminated=out.terminated,
            truncated=out.truncated,
            next_obs=out.obs,
            next_carry=next_carry,
        )
        return Actors(next_state, next_carry, out.terminated | out.truncated), step

    return jax.lax.scan(step, actors, jax.random.split(key, (length, 2)))


def estimate(
    net: ActorCritic,
    params: Any,
    played: Trajectory,
    actors: Actors,
    see: Callable[[Any], Any],
    *,
    discount: float,
    gae_lambda: float,
) -> Batch:
    """Values and advantages of all steps at once: line 4 of algorithm 1."""

    def value(carry, obs, first):
        # The memory at every step is known, so even a recurrent net needs no loop over time.
        return jax.vmap(net.step, in_axes=(None, 0, 0, 0))(params, carry, see(obs), first)[2]

    def append(steps, last):
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), steps, last)

    steps = (played.carry, played.obs, played.first)
    values = value(*append(steps, (actors.carry, actors.worlds.obs, actors.first)))
    values, next_values = values[:-1], values[1:]
    # An observation is followed by the next one acted upon, but at a truncation.
    next_values = jax.lax.cond(
        jnp.any(played.truncated),
        lambda: jnp.where(
            played.truncated,
            value(played.next_carry, played.next_obs, jnp.zeros_like(played.first)),
            next_values,
        ),
        lambda: next_values,
    )
    adv, target = gae(
        played.reward,
        values,
        next_values,
        played.terminated,
        played.truncated,
        discount=discount,
        gae_lambda=gae_lambda,
    )
    return Batch(
        carry=jax.tree.map(lambda x: x[0], played.carry),
        obs=see(played.obs),
        first=played.first,
        action=played.action,
        logp=played.logp,
        policy=played.policy,
        value=values,
        adv=adv,
        target=target,
    )


def update(
    key: jax.Array,
    loss: Callable[[Any, Batch], tuple[jax.Array, Metrics]],
    tx: optax.GradientTransformation,
    divide: Callable[[jax.Array, Batch], Batch],
    params: Any,
    opt_state: Any,
    batch: Batch,
    *,
    epochs: int,
    normalize_advantages: bool,
    stop_kl: float | None,
) -> tuple[Any, Any, Metrics]:
    """Optimizes the surrogate for K epochs of minibatches: line 6 of algorithm 1."""

    def gradient(params, minibatch):
        each = partial(jax.grad(loss, has_aux=True), params)
        return jax.tree.map(partial(jnp.mean, axis=0), jax.lax.map(each, minibatch))

    def descend(state, minibatch):
        params, opt_state, on = state
        if normalize_advantages:
            adv = minibatch.adv
            adv = (adv - jnp.mean(adv)) / (jnp.std(adv) + 1e-8)
            minibatch = minibatch._replace(adv=adv)
        grads, metrics = gradient(params, minibatch)
        updates, new_opt_state = tx.update(grads, opt_state, params)
        new = optax.apply_updates(params, updates), new_opt_state
        if stop_kl is not None:
            on = on & (metrics["approximate_kl"] <= stop_kl)
            new = jax.tree.map(lambda x, y: jnp.where(on, x, y), new, (params, opt_state))
        return (*new, on), metrics

    def epoch(state, key):
        return jax.lax.scan(descend, state, divide(key, batch))

    state = params, opt_state, jnp.bool_(True)
    (params, opt_state, _), metrics = jax.lax.scan(epoch, state, jax.random.split(key, epochs))
    return params, opt_state, jax.tree.map(jnp.mean, metrics)


def divergence(net: ActorCritic, params: Any, batch: Batch) -> jax.Array:
    """Mean KL(old policy || policy) over the observations of the batch."""
    _, policy, _ = net.unroll(params, batch.carry, batch.obs, batch.first)
    return jnp.mean(net.distribution.kl(batch.policy, policy))


def _loss(
    net: ActorCritic,
    objective: str,
    *,
    clip: float,
    value_coef: float,
    value_clip: float | None,
    entropy_coef: float,
) -> Callable:
    """Eq. 9 with the sign of a loss: params, batch, kl_coef -> loss, metrics."""

    def loss(params, batch: Batch, *, kl_coef):
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

    return loss
