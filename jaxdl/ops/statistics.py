"""Running mean and variance of observations."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Statistics(NamedTuple):
    """What has been seen of arrays [...]; the trees have the observations' structure.

    Attributes:
      count: float32 scalar, how many.
      mean: [...].
      variance: [...] of the population; 1 before anything is seen.
    """

    count: jax.Array
    mean: Any
    variance: Any


def no_statistics(example: Any) -> Statistics:
    """Of nothing yet; `example` has the structure and the shapes of one observation."""
    zeros = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x)), example)
    return Statistics(jnp.float32(0.0), zeros, jax.tree.map(jnp.ones_like, zeros))


def merge(statistics: Statistics, batch: Any) -> Statistics:
    """Adds a batch, as if all had been seen at once: Chan, Golub & LeVeque 1983, eq. 2.1.

    Means and variances are moved towards the batch's, and no sums of squares are kept, so that
    nothing cancels or overflows however long the run.

    Args:
      statistics: of arrays [...].
      batch: arrays [T, E, ...].
    """
    time, envs = jax.tree.leaves(batch)[0].shape[:2]
    count = statistics.count + time * envs
    share = time * envs / count

    def one(mean, variance, x):
        x = x.astype(jnp.float32)
        batch_mean = jnp.mean(x, axis=(0, 1))
        batch_variance = jnp.mean((x - batch_mean) ** 2, axis=(0, 1))
        shift = batch_mean - mean
        between = share * (1 - share) * shift**2
        # The ones that stand for "nothing seen" have share = 1 and drop out.
        return mean + share * shift, variance + share * (batch_variance - variance) + between

    both = jax.tree.map(one, statistics.mean, statistics.variance, batch)
    mean, variance = jax.tree.transpose(
        jax.tree.structure(statistics.mean), jax.tree.structure((0, 0)), both
    )
    return Statistics(count, mean, variance)


def normalize(statistics: Statistics, x: Any, *, bound: float = 10.0) -> Any:
    """Observations [..., D] less their mean, by their standard deviation, within +-bound.

    A coordinate that never varies becomes zero.
    """

    def one(mean, variance, x):
        scale = jax.lax.rsqrt(variance + 1e-8)
        return jnp.clip((x - mean) * scale, -bound, bound)

    return jax.tree.map(one, statistics.mean, statistics.variance, x)
