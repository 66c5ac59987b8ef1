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


class Spare(NamedTuple):
    """The next starts of E worlds.

    Attributes:
      start: (env state, task, obs), leaves [E, ...].
      used: [E] bool; the world has begun an episode with it.
    """

    start: Any
    used: jax.Array


class WorldsState(NamedTuple):
    """The state of E worlds; every leaf is [E, ...].

    Attributes:
      env: the env's own states.
      task: the task that each world plays.
      obs: the observations to act upon.
      spare: what each world takes at its next reset.
      stats: EpisodeStats.
    """

    env: Any
    task: Any
    obs: Any
    spare: Spare
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


def vectorize(env: Env, num_envs: int) -> Worlds:
    """Steps many worlds of one family, each of which resets itself with a fresh task and state.

    To draw a start for every world at every step would cost more than a step of a small world, so
    each keeps a spare one, and all are redrawn when a world needs a second: no start is used twice.

    Args:
      env: the family.
      num_envs: E, how many.

    Returns:
      Worlds.
    """

    def fresh(key):
        def one(keys):
            task_key, reset_key = keys
            task = env.sample_task(task_key)
            state, obs = env.reset(reset_key, task)
            return state, task, obs

        return jax.vmap(one)(jax.random.split(key, (num_envs, 2)))

    def reset(key):
        zeros, counts = jnp.zeros(num_envs), jnp.zeros(num_envs, jnp.int32)
        stats = EpisodeStats(zeros, counts, zeros, counts, counts)
        start = fresh(key)  # is used at once, so that the first episode's end draws spare ones
        return WorldsState(*start, Spare(start, jnp.ones(num_envs, bool)), stats)

    def step(key, state, action):
        step_keys = jax.random.split(jax.random.fold_in(key, 0), num_envs)
        env_state, out = jax.vmap(env.step)(step_keys, state.env, action, state.task)
        done = out.terminated | out.truncated

        def redraw(spare):
            new = Spare(fresh(jax.random.fold_in(key, 1)), jnp.zeros(num_envs, bool))
            return _where(short, new, spare)

        short = jnp.any(done & state.spare.used)
        spare = jax.lax.cond(_anywhere(short), redraw, lambda spare: spare, state.spare)
        now = _where(done, spare.start, (env_state, state.task, out.obs))
        spare = spare._replace(used=spare.used | done)
        return WorldsState(*now, spare, _count(state.stats, out.reward, done)), out

    return Worlds(reset, step, num_envs, env.obs_space, env.action_space)


@jax.custom_batching.custom_vmap
def _anywhere(condition: jax.Array) -> jax.Array:
    """The identity; under vmap whether the condition holds anywhere, so that `cond` branches."""
    return condition


@_anywhere.def_vmap
def _anywhere_in_batch(axis_size, in_batched, condition):
    return jnp.any(condition), False


def _where(mask: jax.Array, chosen: Any, other: Any) -> Any:
    """Picks rows [E] (or all) of two pytrees of [E, ...]; keys are picked like numbers."""

    def pick(x, y):
        return jnp.where(mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x, y)

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
