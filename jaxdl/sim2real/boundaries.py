"""Worlds side by side that remember what episodes at each bound of a distribution have earned."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs import Env, EpisodeStats, Worlds, WorldsState, vectorize


class Boundary(NamedTuple):
    """A task, and the bound of the distribution that it lies at.

    Attributes:
      task: of the world itself.
      number: int32 of the bound; -1 for none.
      at: float32, where that bound was; of no meaning for none.
    """

    task: Any
    number: jax.Array
    at: jax.Array


class Watched(NamedTuple):
    """WorldsState, and what episodes at each of B bounds have earned in the window.

    Attributes:
      env: the env's own states, leaves [E, ...].
      task: Boundary of [E, ...].
      obs: the observations to act upon, [E, ...].
      spare: what each world takes at its next reset.
      stats: EpisodeStats.
      total: [E, B] float32 returns summed over the episodes that ended.
      count: [E, B] int32, how many ended.
    """

    env: Any
    task: Any
    obs: Any
    spare: Any
    stats: EpisodeStats
    total: jax.Array
    count: jax.Array


def watch_boundaries(env: Env, num_envs: int, phi: jax.Array) -> Worlds:
    """Steps many worlds as `vectorize` does, and adds up what episodes at each bound earn.

    An episode counts if its bound is still where it was as the episode was drawn.

    Args:
      env: whose tasks are Boundary.
      num_envs: E.
      phi: [D, 2] where the bounds are, B of them by number.
    """
    worlds = vectorize(env, num_envs)
    places = phi.flatten()

    def reset(key):
        nothing = jnp.zeros((num_envs, places.size))
        return Watched(*worlds.reset(key), nothing, nothing.astype(jnp.int32))

    def step(key, state, action):
        task, running = state.task, state.stats.running_return
        inner = WorldsState(state.env, task, state.obs, state.spare, state.stats)
        inner, out = worlds.step(key, inner, action)
        is_there = (jnp.arange(places.size) == task.number[:, None]) & (places == task.at[:, None])
        counts = is_there & (out.terminated | out.truncated)[:, None]
        total = state.total + jnp.where(counts, (running + out.reward)[:, None], 0.0)
        return Watched(*inner, total, state.count + counts), out

    return worlds._replace(reset=reset, step=step)


def without_earnings(actors: Any) -> Any:
    """Begins a window in which nothing has been earned: of a learner's actors with `worlds`."""
    worlds = actors.worlds
    cleared = worlds._replace(
        total=jnp.zeros_like(worlds.total), count=jnp.zeros_like(worlds.count)
    )
    return actors._replace(worlds=cleared)


def earned_at(actors: Any) -> tuple[jax.Array, jax.Array]:
    """Returns what was earned at each bound in the window, [D, 2], and in how many episodes."""
    worlds = actors.worlds
    shape = (worlds.total.shape[1] // 2, 2)
    return jnp.sum(worlds.total, axis=0).reshape(shape), jnp.sum(worlds.count, axis=0).reshape(
        shape
    )
