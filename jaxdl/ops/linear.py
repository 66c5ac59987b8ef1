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
      b: an array [N], or a pytree of arrays with N numbers in all.
      iterations: products with M. N of them are exact but for rounding.
      damping: added to the diagonal of M.

    Returns:
      x [N], of the structure and shapes of b. It stays as it is once nothing but rounding is left
      of b, so that more iterations than a singular M has to give do no harm.
    """
    flat_b, unravel = ravel_pytree(b)
    square_b = jnp.vdot(flat_b, flat_b)
    rounding = jnp.finfo(flat_b.dtype).eps ** 2 * square_b

    def product(x):
        return ravel_pytree(matvec(unravel(x)))[0] + damping * x

    def iterate(_, last):
        image = product(last.direction)
        curvature = jnp.vdot(last.direction, image)
        is_going = (last.square > rounding) & (curvature > 0)
        step = jnp.where(is_going, last.square / curvature, 0.0)
        residual = last.residual - step * image
        square = jnp.vdot(residual, residual)
        turn = jnp.where(is_going, square / last.square, 0.0)
        return Iterate(
            x=last.x + step * last.direction,
            residual=residual,
            direction=residual + turn * last.direction,
            square=square,
        )

    start = Iterate(jnp.zeros_like(flat_b), flat_b, flat_b, square_b)
    return unravel(jax.lax.fori_loop(0, iterations, iterate, start).x)
