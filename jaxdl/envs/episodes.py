"""Returns and lengths of the episodes of many worlds that ended in a window of steps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Mean


class EpisodeStats(NamedTuple):
    """Holds episode statistics of E worlds, on the device.

    A window is short, such as one learner step, so that float32 sums stay exact in long runs.

    Attributes:
      running_return: [E] float32 reward summed since the episode began.
      running_length: [E] int32 steps since the episode began.
      ended_return: [E] float32 returns summed over the episodes that ended in the window.
      ended_length: [E] int32 lengths summed over them.
      ended: [E] int32 how many ended in the window.
    """

    running_return: jax.Array
    running_length: jax.Array
    ended_return: jax.Array
    ended_length: jax.Array
    ended: jax.Array


def initial_stats(num_envs: int) -> EpisodeStats:
    """Returns the statistics of E worlds that begin their first episode."""
    sums = jnp.zeros(num_envs, jnp.float32)
    counts = jnp.zeros(num_envs, jnp.int32)
    return EpisodeStats(sums, counts, sums, counts, counts)


def clear_window(stats: EpisodeStats) -> EpisodeStats:
    """Begins a window, in which the running episodes count and those that have ended do not."""
    return EpisodeStats(
        running_return=stats.running_return,
        running_length=stats.running_length,
        ended_return=jnp.zeros_like(stats.ended_return),
        ended_length=jnp.zeros_like(stats.ended_length),
        ended=jnp.zeros_like(stats.ended),
    )


def count_step(stats: EpisodeStats, reward: jax.Array, done: jax.Array) -> EpisodeStats:
    """Adds one step of E worlds.

    Args:
      stats: of the steps before.
      reward: [E] float32.
      done: [E] bool; the episode ended with this step.
    """
    total = stats.running_return + reward
    length = stats.running_length + 1
    return EpisodeStats(
        running_return=jnp.where(done, 0.0, total),
        running_length=jnp.where(done, 0, length),
        ended_return=stats.ended_return + jnp.where(done, total, 0.0),
        ended_length=stats.ended_length + jnp.where(done, length, 0),
        ended=stats.ended + done,
    )


def episode_metrics(stats: EpisodeStats) -> dict[str, Mean]:
    """Returns `episode_return` and `episode_length`, over the episodes that ended in the window."""
    count = jnp.sum(stats.ended)
    return {
        "episode_return": Mean(jnp.sum(stats.ended_return), count),
        "episode_length": Mean(jnp.sum(stats.ended_length).astype(jnp.float32), count),
    }


def info_metrics(info: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns the means of what worlds report as `info`, arrays [E, ...], under `info/`."""
    return {f"info/{name}": jnp.mean(x, dtype=jnp.float32) for name, x in info.items()}
