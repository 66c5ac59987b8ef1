"""What a world is: a family of tasks, and how many copies of it are stepped at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Box(NamedTuple):
    """Arrays of floats (or bytes) within bounds.

    Attributes:
      shape: of one observation or action.
      low: least value of every entry.
      high: greatest value of every entry.
      dtype: of the entries.
    """

    shape: tuple[int, ...]
    low: float = -jnp.inf
    high: float = jnp.inf
    dtype: Any = jnp.float32


class Discrete(NamedTuple):
    """The integers 0 .. n - 1, as int32 scalars."""

    n: int


class Step(NamedTuple):
    """What a world answers to an action.

    Attributes:
      obs: the observation after the action; at an episode's end the last one of that episode.
      reward: float32 scalar.
      terminated: bool scalar; the episode ended in a state whose value is zero.
      truncated: bool scalar; the episode was cut, and its last state still has a value.
      info: dict of arrays, the same at every step.
    """

    obs: Any
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    info: dict[str, jax.Array]


class Env(NamedTuple):
    """A family of worlds; which of them is played is an argument, the task.

    Attributes:
      sample_task: key -> task, a pytree: arm means, a maze, masses; () where there is one task.
      reset: key, task -> state, obs.
      step: key, state, action, task -> state, Step.
      obs_space: Box or Discrete.
      action_space: Box or Discrete.
    """

    sample_task: Callable[[jax.Array], Any]
    reset: Callable[[jax.Array, Any], tuple[Any, Any]]
    step: Callable[[jax.Array, Any, jax.Array, Any], tuple[Any, Step]]
    obs_space: Any
    action_space: Any


class EpisodeStats(NamedTuple):
    """Episode statistics of E worlds, kept on the device.

    Attributes:
      running_return: [E] reward summed since the episode began.
      running_length: [E] int32 steps since the episode began.
      last_return: [E] return of the last finished episode.
      last_length: [E] int32 length of the last finished episode.
      episodes: [E] int32 episodes finished so far.
    """

    running_return: jax.Array
    running_length: jax.Array
    last_return: jax.Array
    last_length: jax.Array
    episodes: jax.Array


class WorldsState(NamedTuple):
    """The state of E worlds; every leaf is [E, ...].

    Attributes:
      env: the env's own states.
      task: the task that each world plays.
      obs: the observations to act upon.
      spare: (env state, task, obs) that each world takes at its next reset; () if drawn anew.
      stats: EpisodeStats.
    """

    env: Any
    task: Any
    obs: Any
    spare: Any
    stats: EpisodeStats


class Worlds(NamedTuple):
    """E worlds that reset themselves.

    Attributes:
      reset: key -> WorldsState; `state.obs` [E, ...] is what to act upon.
      step: key, state, action [E, ...] -> state, Step of [E, ...]. `Step.obs` is the observation
        that the action led to, the last one of the episode where it ended: the one to bootstrap
        from. `state.obs` is the one to act upon: where an episode ended, the first of the next.
      num_envs: E.
      obs_space: of one world.
      action_space: of one world.
    """

    reset: Callable[[jax.Array], WorldsState]
    step: Callable[[jax.Array, WorldsState, jax.Array], tuple[WorldsState, Step]]
    num_envs: int
    obs_space: Any
    action_space: Any


def mean_return(stats: EpisodeStats) -> jax.Array:
    """Mean return of the last episodes of the worlds that have finished one; 0 before that."""
    return _mean_finished(stats, stats.last_return)


def mean_length(stats: EpisodeStats) -> jax.Array:
    """Mean length in steps of the last episodes of the worlds that have finished one."""
    return _mean_finished(stats, stats.last_length)


def _mean_finished(stats: EpisodeStats, values: jax.Array) -> jax.Array:
    finished = stats.episodes > 0
    return jnp.sum(jnp.where(finished, values, 0)) / jnp.maximum(jnp.sum(finished), 1)


def vectorize(env: Env, num_envs: int, *, refresh_every: int | None = None) -> Worlds:
    """Steps many worlds of one family, each of which resets itself with a fresh task and state.

    A reset of a heavy world (physics) costs as much as a step, so every world keeps one spare
    start, and all spares are redrawn at random times, on average every `refresh_every` steps.

    Args:
      env: the family.
      num_envs: E, how many.
      refresh_every: 1 draws each start at the moment it is needed. None chooses 1 for small worlds
        and 16 where one world's state has more than 256 numbers.

    Returns:
      Worlds.
    """
    shapes = jax.eval_shape(env.reset, jax.random.key(0), env.sample_task(jax.random.key(0)))
    if refresh_every is None:
        refresh_every = 1 if sum(leaf.size for leaf in jax.tree.leaves(shapes)) <= 256 else 16

    def fresh(key):
        def one(key):
            task_key, reset_key = jax.random.split(key)
            task = env.sample_task(task_key)
            return *env.reset(reset_key, task), task

        state, obs, task = jax.vmap(one)(jax.random.split(key, num_envs))
        return state, task, obs

    def reset(key):
        now_key, spare_key = jax.random.split(key)
        zeros, counts = jnp.zeros(num_envs), jnp.zeros(num_envs, jnp.int32)
        stats = EpisodeStats(zeros, counts, zeros, counts, counts)
        return WorldsState(*fresh(now_key), fresh(spare_key) if refresh_every > 1 else (), stats)

    def step(key, state, action):
        step_key, fresh_key, when_key = jax.random.split(key, 3)
        step_keys = jax.random.split(step_key, num_envs)
        env_state, out = jax.vmap(env.step)(step_keys, state.env, action, state.task)
        spare = fresh(fresh_key) if refresh_every == 1 else state.spare
        done = out.terminated | out.truncated
        now = _where(done, spare, (env_state, state.task, out.obs))
        if refresh_every > 1:
            # The key says when, not a counter: nothing to keep, and all devices agree unasked.
            due = jax.random.bernoulli(when_key, 1 / refresh_every)
            state = state._replace(spare=jax.lax.cond(due, fresh, lambda _: spare, fresh_key))
        return WorldsState(*now, state.spare, _count(state.stats, out.reward, done)), out

    return Worlds(reset, step, num_envs, env.obs_space, env.action_space)


def _where(mask: jax.Array, chosen: Any, other: Any) -> Any:
    """Picks rows [E] of two pytrees of arrays [E, ...]; keys are picked like numbers."""

    def pick(x, y):
        return jnp.where(mask.reshape(mask.shape + (1,) * (x.ndim - 1)), x, y)

    return jax.tree.map(pick, chosen, other)


def _count(stats: EpisodeStats, reward: jax.Array, done: jax.Array) -> EpisodeStats:
    total, length = stats.running_return + reward, stats.running_length + 1
    return EpisodeStats(
        running_return=jnp.where(done, 0.0, total),
        running_length=jnp.where(done, 0, length),
        last_return=jnp.where(done, total, stats.last_return),
        last_length=jnp.where(done, length, stats.last_length),
        episodes=stats.episodes + done,
    )
