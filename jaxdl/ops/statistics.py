"""Running mean and variance of observations."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Statistics(NamedTuple):
    """Mean and variance of arrays [...]; the trees have the observations' structure.

    Integers (and bytes, and truth values) are names or pictures rather than measurements: they have
    no statistics, and zero and one stand in their place.

    Attributes:
      count: float32 scalar, how many observations.
      mean: [...].
      variance: [...] of the population; 1 before the first observation.
    """

    count: jax.Array
    mean: Any
    variance: Any


def no_statistics(example: Any) -> Statistics:
    """Makes statistics of nothing yet.

    Args:
      example: arrays [...], one observation.

    Returns:
      Statistics of arrays [...].
    """
    zeros = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x) if _is_real(x) else ()), example)
    return Statistics(jnp.float32(0.0), zeros, jax.tree.map(jnp.ones_like, zeros))


def merge(statistics: Statistics, batch: Any) -> Statistics:
    """Adds a batch, as if all had come at once: Chan, Golub & LeVeque 1983, eq. 2.1.

    Means and variances are moved towards the batch's, and no sums of squares are kept, so that
    nothing cancels or overflows however long the run.

    Args:
      statistics: of arrays [...].
      batch: arrays [T, E, ...].

    Returns:
      Statistics of arrays [...].
    """
    time, envs = jax.tree.leaves(batch)[0].shape[:2]
    count = statistics.count + time * envs
    share = time * envs / count

    def merge_mean(mean, x):
        if not _is_real(x):
            return mean
        return mean + share * (_mean(x) - mean)

    def merge_variance(mean, variance, x):
        if not _is_real(x):
            return variance
        batch_mean = _mean(x)
        within = _mean((x.astype(jnp.float32) - batch_mean) ** 2)
        between = share * (1 - share) * (batch_mean - mean) ** 2
        # The ones that stand for "nothing yet" have share = 1 and drop out.
        return variance + share * (within - variance) + between

    return Statistics(
        count,
        jax.tree.map(merge_mean, statistics.mean, batch),
        jax.tree.map(merge_variance, statistics.mean, statistics.variance, batch),
    )


def normalize(statistics: Statistics, x: Any, *, bound: float = 10.0) -> Any:
    """Subtracts the mean and divides by the standard deviation, within +-bound.

    Args:
      statistics: of arrays [...].
      x: arrays [B, ...] with any leading axes. Integers stay as they are; a coordinate that never
        varies becomes zero.
      bound: the largest result.

    Returns:
      Arrays [B, ...].
    """

    def normalize_leaf(mean, variance, x):
        if not _is_real(x):
            return x
        scale = jax.lax.rsqrt(variance + 1e-8)
        return jnp.clip((x - mean) * scale, -bound, bound)

    return jax.tree.map(normalize_leaf, statistics.mean, statistics.variance, x)


def observation_normalizer(statistics: Statistics | tuple[()]) -> Callable[[Any], Any]:
    """Makes a function that normalizes observations; the identity without statistics."""
    return partial(normalize, statistics) if statistics else lambda obs: obs


def _is_real(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def _mean(x: jax.Array) -> jax.Array:
    """The mean over time and worlds."""
    return jnp.mean(x.astype(jnp.float32), axis=(0, 1))
