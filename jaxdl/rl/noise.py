"""Noise that is added to unit actions so that a deterministic policy explores."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Noise(NamedTuple):
    """A random process in each of E worlds.

    Attributes:
      start: num_envs -> memory, leaves [E, ...], zeros; () for one without.
      draw: key, memory -> memory, noise [E, A].
    """

    start: Callable[[int], Any]
    draw: Callable[[jax.Array, Any], tuple[Any, jax.Array]]


def gaussian_noise(scales: jax.Array, size: int) -> Noise:
    """Makes independent normal noise: Fujimoto et al. 2018, algorithm 1.

    Args:
      scales: [E] standard deviations, one for each world.
      size: A.
    """

    def draw(key, memory):
        return memory, scales[:, None] * jax.random.normal(key, (*scales.shape, size))

    return Noise(lambda num_envs: (), draw)


def ornstein_uhlenbeck(scales: jax.Array, size: int, *, pull: float = 0.15) -> Noise:
    """Makes noise that wanders: Lillicrap et al. 2016, section 7, x += -theta x + sigma N(0, 1).

    Args:
      scales: [E] sigma of each world. Noise that has wandered for long has the standard deviation
        sigma / sqrt(1 - (1 - theta)^2), 1.9 sigma with the paper's theta.
      size: A.
      pull: theta.
    """

    def draw(key, memory):
        memory = (1 - pull) * memory + scales[:, None] * jax.random.normal(key, memory.shape)
        return memory, memory

    return Noise(lambda num_envs: jnp.zeros((num_envs, size)), draw)


def forget(memory: Any, done: jax.Array) -> Any:
    """Sets memories [E, ...] to zero where an episode has ended, [E] bool."""

    def clear(x):
        return jnp.where(done.reshape(done.shape + (1,) * (x.ndim - 1)), jnp.zeros_like(x), x)

    return jax.tree.map(clear, memory)
