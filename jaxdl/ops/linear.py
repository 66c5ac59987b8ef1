"""Linear systems whose matrix is known by its products alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

Matvec = Callable[[Any], Any]  # x -> M x, of the structure and shapes of x


class Iterate(NamedTuple):
    """The state of the method; every array is [N], the tree's numbers in one row.

    Attributes:
      x: the solution so far.
      residual: b - (M + damping I) x.
      direction: in which the next step goes.
      square: scalar, the squared norm of the residual.
    """

    x: jax.Array
    residual: jax.Array
    direction: jax.Array
    square: jax.Array


def conjugate_gradient(matvec: Matvec, b: Any, *, iterations: int, damping: float = 0.0) -> Any:
    """Solves (M + damping I) x = b by conjugate gradients from x = 0: Hestenes & Stiefel 1952, §3.

    Args:
      matvec: x -> M x for a symmetric, positive semi-definite M.
      b: an array or a pytree of arrays, N numbers in all.
      iterations: products with M. N of them are exact but for rounding.
      damping: added to the diagonal of M.

    Returns:
      x, of the structure and shapes of b. Once the residual is zero it stays as it is.
    """
    flat_b, unravel = ravel_pytree(b)

    def product(x):
        return ravel_pytree(matvec(unravel(x)))[0] + damping * x

    def iterate(_, last):
        image = product(last.direction)
        curvature = jnp.vdot(last.direction, image)
        step = _divide(last.square, curvature)
        residual = last.residual - step * image
        square = jnp.vdot(residual, residual)
        return Iterate(
            x=last.x + step * last.direction,
            residual=residual,
            direction=residual + _divide(square, last.square) * last.direction,
            square=square,
        )

    start = Iterate(jnp.zeros_like(flat_b), flat_b, flat_b, jnp.vdot(flat_b, flat_b))
    return unravel(jax.lax.fori_loop(0, iterations, iterate, start).x)


def _divide(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns x / y; 0 where y is not above 0, which is where nothing is left to solve."""
    return jnp.where(y > 0, x / jnp.where(y > 0, y, 1.0), 0.0)
