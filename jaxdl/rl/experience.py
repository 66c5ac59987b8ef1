"""Steps of the current policy in many worlds, and what they were worth: for on-policy learners."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics, TrainState
from jaxdl.envs import (
    Step,
    Worlds,
    WorldsState,
    episode_metrics,
    info_metrics,
    start_window,
)
from jaxdl.nn import ActorCritic
from jaxdl.ops.returns import gae
from jaxdl.ops.statistics import Statistics, merge, no_statistics, observation_normalizer
from jaxdl.rl.minibatches import Batch

NormalizeObs = Callable[[Any], Any]  # observations -> the same, as the net reads them


class Actors(NamedTuple):
    """The worlds, and the memory of the net that acts in them.

    Attributes:
      worlds: WorldsState; `worlds.obs` [E, ...] is what to act upon.
      carry: leaves [E, ...], the net's memory before that observation.
      first: [E] bool; that observation begins an episode.
    """

    worlds: WorldsState
    carry: Any
    first: jax.Array


class Trajectory(NamedTuple):
    """T steps in each of E worlds; every leaf is [T, E, ...].

    Attributes:
      obs: what was acted upon.
      first: bool; obs begins an episode.
      carry: the net's memory before obs; [1, E, ...] of the first step for a net that keeps the
        past.
      action: raw, in the sense of `Distribution`.
      logp: float32, of the action.
      policy: that the action was drawn from.
      reward: float32.
      discount: float32, the world's own factor on the learner's discount.
      terminated: bool.
      truncated: bool.
      next_obs: what the action led to; at an episode's end its last observation.
      next_carry: the net's memory before next_obs; () for a net that keeps the past.
      value: of obs, by a net that keeps the past, and () by others: their carry tells it later, for
        all steps at once.
      next_value: of next_obs where the episode was truncated, likewise.
    """

    obs: Any
    first: jax.Array
    carry: Any
    action: Any
    logp: jax.Array
    policy: Any
    reward: jax.Array
    discount: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    next_obs: Any
    next_carry: Any
    value: Any = ()
    next_value: Any = ()


class Estimates(NamedTuple):
    """What the steps of a trajectory were worth; every leaf is [T, E].

    Attributes:
      value: V(obs), by the net that acted.
      adv: advantages.
      target: for the value.
    """

    value: jax.Array
    adv: jax.Array
    target: jax.Array


class Practiced(NamedTuple):
    """What goes along with the parameters of a learner that adapts nothing else.

    Attributes:
      obs_statistics: of the observations; () unless they are normalized.
    """

    obs_statistics: Statistics | tuple[()]


def start_actors(key: jax.Array, worlds: Worlds, net: ActorCritic) -> Actors:
    """Begins the first episode in each of E worlds."""
    first = jnp.ones(worlds.num_envs, bool)
    return Actors(worlds.reset(key), net.initial_carry(worlds.num_envs), first)


def make_transition(
    net: ActorCritic, actors: Actors, policy: Any, action: Any, out: Step, next_carry: Any
) -> Trajectory:
    """Lays out one step in each of E worlds; leaves [E, ...].

    Args:
      net: that acted.
      actors: where the worlds stood.
      policy: that the action was drawn from.
      action: raw.
      out: what it led to.
      next_carry: the net's memory after the observation that was acted upon.
    """
    return Trajectory(
        obs=actors.worlds.obs,
        first=actors.first,
        carry=actors.carry,
        action=action,
        logp=net.distribution.logp(policy, action),
        policy=policy,
        reward=out.reward,
        discount=out.discount,
        terminated=out.terminated,
        truncated=out.truncated,
        next_obs=out.obs,
        next_carry=next_carry,
    )


def collect(
    key: jax.Array,
    actors: Actors,
    worlds: Worlds,
    net: ActorCritic,
    params: Any,
    normalize_obs: NormalizeObs,
    *,
    steps: int,
) -> tuple[Actors, Trajectory, Metrics]:
    """Runs the policy for T steps in each of E worlds.

    Args:
      key: of actions and worlds.
      actors: where the worlds stand.
      worlds: that reset themselves.
      net: the policy.
      params: its parameters.
      normalize_obs: of observations, before the net reads them.
      steps: T.

    Returns:
      The next Actors, the Trajectory, and metrics: means over the episodes that ended, and of what
      the worlds report as `info`.
    """

    def value_where_truncated(carry, out):
        def value():
            first = jnp.zeros(worlds.num_envs, bool)
            return net.step(params, carry, normalize_obs(out.obs), first)[2]

        return jax.lax.cond(jnp.any(out.truncated), value, lambda: jnp.zeros_like(out.reward))

    def step(actors, keys):
        action_key, world_key = keys
        obs = actors.worlds.obs
        carry, policy, value = net.step(params, actors.carry, normalize_obs(obs), actors.first)
        action = net.distribution.sample(action_key, policy)
        next_worlds, out = worlds.step(world_key, actors.worlds, net.distribution.to_env(action))
        transition = make_transition(net, actors, policy, action, out, carry)
        if net.keeps_past:
            next_value = value_where_truncated(carry, out)
            transition = transition._replace(
                carry=(), next_carry=(), value=value, next_value=next_value
            )
        actors = Actors(next_worlds, carry, out.terminated | out.truncated)
        return actors, (transition, info_metrics(out.info))

    actors = actors._replace(worlds=start_window(actors.worlds))
    keys = jax.random.split(key, (steps, 2))
    start = actors.carry
    actors, (trajectory, info) = jax.lax.scan(step, actors, keys)
    if net.keeps_past:
        trajectory = trajectory._replace(carry=jax.tree.map(lambda x: x[None], start))
    metrics = episode_metrics(actors.worlds.stats)
    return actors, trajectory, metrics | jax.tree.map(jnp.mean, info)


def estimate(
    net: ActorCritic,
    params: Any,
    trajectory: Trajectory,
    actors: Actors,
    normalize_obs: NormalizeObs,
    *,
    discount: float,
    gae_lambda: float,
    value_lambda: float | None = None,
) -> Estimates:
    """Estimates values and advantages of all steps at once.

    Args:
      net: its value is asked for.
      params: its parameters.
      trajectory: T steps in each of E worlds.
      actors: where the worlds stand after them.
      normalize_obs: of observations, before the net reads them.
      discount: gamma; the worlds' own discounts multiply it.
      gae_lambda: lambda of the advantages.
      value_lambda: lambda of the value's targets; None is the same.
    """

    def value(carry, obs, first):
        # The memory at every step is known, so even a recurrent net needs no loop over time.
        return jax.vmap(net.step, in_axes=(None, 0, 0, 0))(
            params, carry, normalize_obs(obs), first
        )[2]

    def append(steps, last):
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), steps, last)

    acted_upon = (trajectory.carry, trajectory.obs, trajectory.first)
    to_act_upon = (actors.carry, actors.worlds.obs, actors.first)
    # An observation is followed by the next one acted upon, except at a truncation.
    if net.keeps_past:
        _, _, last = net.step(params, actors.carry, normalize_obs(actors.worlds.obs), actors.first)
        all_values = append(trajectory.value, last)  # [T + 1, E]
        next_values = jnp.where(trajectory.truncated, trajectory.next_value, all_values[1:])
    else:
        all_values = value(*append(acted_upon, to_act_upon))  # [T + 1, E]
        next_values = jax.lax.cond(
            jnp.any(trajectory.truncated),
            lambda: jnp.where(
                trajectory.truncated,
                value(trajectory.next_carry, trajectory.next_obs, jnp.zeros_like(trajectory.first)),
                all_values[1:],
            ),
            lambda: all_values[1:],
        )
    values = all_values[:-1]
    advantages = partial(
        gae,
        trajectory.reward,
        values,
        next_values,
        trajectory.terminated,
        trajectory.truncated,
        discount=discount * trajectory.discount,
    )
    adv, target = advantages(gae_lambda=gae_lambda)
    if value_lambda is not None:
        target = advantages(gae_lambda=value_lambda)[1]
    return Estimates(values, adv, target)


def start_practice(
    key: jax.Array, worlds: Worlds, net: ActorCritic, normalize_observations: bool
) -> tuple[Any, Actors, Statistics | tuple[()]]:
    """Draws a net, and begins the first episode in each of E worlds.

    Returns:
      The parameters, the Actors, and statistics of no observations; () unless they are normalized.
    """
    net_key, worlds_key = jax.random.split(key)
    actors = start_actors(worlds_key, worlds, net)
    obs = jax.tree.map(lambda x: x[0], actors.worlds.obs)
    return net.init(net_key), actors, no_statistics(obs) if normalize_observations else ()


def practice(
    key: jax.Array,
    state: TrainState,
    worlds: Worlds,
    net: ActorCritic,
    *,
    unroll: int,
    discount: float,
    gae_lambda: float,
    value_lambda: float | None = None,
) -> tuple[TrainState, Batch, Metrics]:
    """Runs the policy for T steps in each of E worlds, and estimates what they were worth.

    Args:
      key: of actions and worlds.
      state: its `actors` are Actors; its `extra.obs_statistics` normalize observations.
      worlds: that reset themselves.
      net: policy and value.
      unroll: T.
      discount: gamma.
      gae_lambda: lambda of the advantages.
      value_lambda: lambda of the value's targets; None is the same.

    Returns:
      The state after these steps, which count in its statistics; the steps; and metrics.
    """
    statistics = state.extra.obs_statistics
    normalize_obs = observation_normalizer(statistics)
    actors, trajectory, metrics = collect(
        key, state.actors, worlds, net, state.params, normalize_obs, steps=unroll
    )
    estimates = estimate(
        net,
        state.params,
        trajectory,
        actors,
        normalize_obs,
        discount=discount,
        gae_lambda=gae_lambda,
        value_lambda=value_lambda,
    )
    batch = make_batch(trajectory, estimates, normalize_obs)
    if statistics:
        statistics = merge(statistics, trajectory.obs)
    extra = state.extra._replace(obs_statistics=statistics)
    return state._replace(actors=actors, extra=extra), batch, metrics


def make_batch(trajectory: Trajectory, estimates: Estimates, normalize_obs: NormalizeObs) -> Batch:
    """Picks what a surrogate objective needs of T steps and their estimates."""
    return Batch(
        carry=jax.tree.map(lambda x: x[0], trajectory.carry),
        obs=normalize_obs(trajectory.obs),
        first=trajectory.first,
        action=trajectory.action,
        logp=trajectory.logp,
        policy=trajectory.policy,
        value=estimates.value,
        adv=estimates.adv,
        target=estimates.target,
    )
