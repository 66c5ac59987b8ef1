"""States of other packages' worlds, whose types change from step to step, as a scan needs them."""

from typing import Any

import jax
import jax.numpy as jnp


def as_strong(tree: Any) -> Any:
    """Returns numbers as arrays of a fixed type, so that a step can return the same types."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)


def keep_dtypes(after: Any, before: Any) -> Any:
    """Casts the leaves of the state after a step to the dtypes of the one before."""
    return jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, before)
