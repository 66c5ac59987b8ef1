"""What XLA should compute by itself, rather than together with what uses it."""

import jax


def apart(x: jax.Array) -> jax.Array:
    """Returns an array as it is, and on CPUs keeps what made it out of what uses it.

    XLA fuses elementwise functions into all of their users. On CPUs a user that reads a value
    several times, or in another order, then computes it anew each time, from the beginning.
    Accelerators, where memory is the bound, are left to choose.

    Args:
      x: [..., D].

    Returns:
      [..., D], the same.
    """
    return jax.lax.platform_dependent(x, cpu=jax.lax.optimization_barrier, default=lambda x: x)
