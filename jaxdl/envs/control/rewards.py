"""Rewards that fade with the distance from a goal (Tassa et al. 2018, section 2, `tolerance`)."""

import jax
import jax.numpy as jnp


def above(x: jax.Array, bound: jax.Array | float, *, margin: float) -> jax.Array:
    """Returns 1 where x is at least the bound; below it a bell that is 0.1 `margin` away."""
    missing = jnp.maximum(bound - x, 0.0)
    return 0.1 ** jnp.square(missing / margin)


def linear_above(
    x: jax.Array, bound: jax.Array | float, *, margin: jax.Array | float, at_margin: float
) -> jax.Array:
    """Returns 1 where x is at least the bound; below it a line, `at_margin` at `margin` away.

    It ends at 0.
    """
    missing = jnp.maximum(bound - x, 0.0)
    return jnp.maximum(1 - (1 - at_margin) * missing / margin, 0.0)
