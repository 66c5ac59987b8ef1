"""The one rollout: a policy acts in N fresh worlds, for one episode each.

`start_rollout` begins it. `record` goes on for a number of steps and keeps something of each, in
as many pieces as one likes; `fold` goes on until every episode is over and keeps a summary. Scores,
films, trials and random play are short calls of these.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.mesh import spread
from jaxdl.envs import Env, Step
from jaxdl.envs.spaces import Space, sample
from jaxdl.nn import ActorCritic

# key, carry, obs [N, ...], first [N] -> carry, action [N, ...] as the env takes it.
Policy = Callable[[jax.Array, Any, Any, jax.Array], tuple[Any, Any]]


class Rollout(NamedTuple):
    """The state of N episodes; every leaf but `key` and `time` is [N, ...].

    Attributes:
      key: of all chance to come.
      time: int32 scalar, steps so far.
      task: the task of each world.
      env_state: the env's own.
      obs: the observations to act upon.
      carry: the policy's memory; () without one.
      is_over: bool; the episode has ended.
    """

    key: jax.Array
    time: jax.Array
    task: Any
    env_state: Any
    obs: Any
    carry: Any
    is_over: jax.Array


class Moment(NamedTuple):
    """One step of N episodes; every leaf is [N, ...].

    Attributes:
      task: the task of each world.
      before: the env's state that was acted in.
      action: as the env takes it.
      after: the env's state that the step led to.
      step: the env's answer; its reward is 0 once the episode is over.
      is_alive: bool; the step is part of the episode.
    """

    task: Any
    before: Any
    action: Any
    after: Any
    step: Step
    is_alive: jax.Array


Keep = Callable[[Moment], Any]  # -> what is recorded of the step, leaves [N, ...]
Update = Callable[[Any, Moment], Any]  # summary, moment -> summary


def start_rollout(
    key: jax.Array, env: Env, initial_carry: Any, *, episodes: int, task: Any = None
) -> Rollout:
    """Begins fresh episodes, split over the devices.

    Args:
      key: of all chance in them.
      env: the family of worlds.
      initial_carry: leaves [N, ...], the policy's memory; () without one.
      episodes: N.
      task: leaves [N, ...], the task of each; None draws them.
    """
    task_key, reset_key, step_key = jax.random.split(key, 3)
    if task is None:
        task = jax.vmap(env.sample_task)(jax.random.split(task_key, episodes))
    env_state, obs = jax.vmap(env.reset)(jax.random.split(reset_key, episodes), task)
    is_over = jnp.zeros(episodes, bool)
    rows = spread((task, env_state, obs, initial_carry, is_over))
    return Rollout(step_key, jnp.int32(0), *rows)


def advance(rollout: Rollout, env: Env, policy: Policy) -> tuple[Rollout, Moment]:
    """Takes one step in every world. Nothing that follows an episode's end counts."""
    episodes = rollout.is_over.shape[0]
    act_key, world_key = jax.random.split(jax.random.fold_in(rollout.key, rollout.time))
    first = jnp.full(episodes, rollout.time == 0)
    carry, action = policy(act_key, rollout.carry, rollout.obs, first)
    world_keys = jax.random.split(world_key, episodes)
    env_state, out = jax.vmap(env.step)(world_keys, rollout.env_state, action, rollout.task)
    reward = jnp.where(rollout.is_over, 0.0, out.reward)
    moment = Moment(
        task=rollout.task,
        before=rollout.env_state,
        action=action,
        after=env_state,
        step=out._replace(reward=reward),
        is_alive=~rollout.is_over,
    )
    rollout = rollout._replace(
        time=rollout.time + 1,
        env_state=env_state,
        obs=out.obs,
        carry=carry,
        is_over=rollout.is_over | out.terminated | out.truncated,
    )
    return rollout, moment


def record(
    rollout: Rollout, env: Env, policy: Policy, keep: Keep, *, steps: int
) -> tuple[Rollout, Any]:
    """Goes on for T steps, through the ends of episodes.

    Args:
      rollout: where the episodes stand; what is returned can be handed in again.
      env: the family of worlds.
      policy: that acts.
      keep: Moment -> what is kept of it, leaves [N, ...].
      steps: T.

    Returns:
      The next Rollout, and what was kept, leaves [T, N, ...].
    """

    def step(rollout, _):
        rollout, moment = advance(rollout, env, policy)
        return rollout, keep(moment)

    return jax.lax.scan(step, rollout, length=steps)


def fold(
    rollout: Rollout, env: Env, policy: Policy, update: Update, summary: Any, *, max_steps: int
) -> tuple[Rollout, Any]:
    """Goes on until all episodes are over, or for `max_steps` steps.

    Args:
      rollout: where the episodes stand.
      env: the family of worlds.
      policy: that acts.
      update: summary, Moment -> summary.
      summary: before the first step; any pytree of arrays.
      max_steps: the longest episode.

    Returns:
      The last Rollout, and the last summary.
    """
    stop = rollout.time + max_steps

    def is_running(state):
        rollout, _ = state
        return (rollout.time < stop) & ~jnp.all(rollout.is_over)

    def step(state):
        rollout, summary = state
        rollout, moment = advance(rollout, env, policy)
        return rollout, update(summary, moment)

    return jax.lax.while_loop(is_running, step, (rollout, summary))


def likeliest_policy(net: ActorCritic, params: Any, normalize_obs: Callable[[Any], Any]) -> Policy:
    """Acts without chance: always the most likely action."""

    def act(key, carry, obs, first):
        carry, policy, _ = net.step(params, carry, normalize_obs(obs), first)
        return carry, net.distribution.to_env(net.distribution.mode(policy))

    return act


def sampled_policy(net: ActorCritic, params: Any, normalize_obs: Callable[[Any], Any]) -> Policy:
    """Acts as in training: actions are drawn from the net's distribution."""

    def act(key, carry, obs, first):
        carry, policy, _ = net.step(params, carry, normalize_obs(obs), first)
        return carry, net.distribution.to_env(net.distribution.sample(key, policy))

    return act


def random_policy(space: Space) -> Policy:
    """Acts at random: integers are equally likely, real actions uniform within finite bounds."""

    def act(key, carry, obs, first):
        keys = jax.random.split(key, first.shape[0])
        return carry, jax.vmap(lambda key: sample(key, space))(keys)

    return act
