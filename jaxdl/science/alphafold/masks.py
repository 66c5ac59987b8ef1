"""Means of what is there."""

import jax
import jax.numpy as jnp


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns the mean of values [...] where the mask [...] is 1, and 0 where it is 0 everywhere.

    Where the mask is 0 a value may be anything that is finite.
    """
    mask = jnp.broadcast_to(mask, values.shape)
    return jnp.sum(mask * values) / jnp.maximum(jnp.sum(mask), 1e-8)
