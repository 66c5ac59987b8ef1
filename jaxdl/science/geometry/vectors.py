"""Lengths and directions whose gradients stay finite where the vector is zero."""

import jax
import jax.numpy as jnp

TINY = 1e-8  # in squares of the unit: a length of 1e-4


def norm(vector: jax.Array, *, tiny: float = TINY) -> jax.Array:
    """Returns lengths [...] of vectors [..., D], at least sqrt(tiny), with gradient 0 below."""
    return jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(vector), -1), tiny))


def normalize(vector: jax.Array, *, tiny: float = TINY) -> jax.Array:
    """Returns vectors [..., D] of unit length, and shorter ones where they are almost zero."""
    return vector / norm(vector, tiny=tiny)[..., None]
