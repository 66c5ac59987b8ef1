"""What draws the features of two domains together: reversed gradients, and mean discrepancy."""

from collections.abc import Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput

Bandwidths = Sequence[float] | jax.Array  # [W], in units of the distances


def gradient_reversal(x: Any, scale: float | jax.Array) -> Any:
    """Returns its argument, whose gradient is -scale times what it would be.

    Ganin et al. 2016 (arXiv 1505.07818), section 4.2: what follows the layer descends its loss,
    what comes before it ascends the same loss.

    Args:
      x: array [...], or a pytree of arrays.
      scale: lambda, a scalar, which gets no gradient.

    Returns:
      The same [...], to the bit.
    """
    scale = jnp.asarray(scale)
    if not jnp.issubdtype(scale.dtype, jnp.floating):
        scale = scale.astype(jnp.float32)
    return _reverse(x, scale)


@jax.custom_vjp
def _reverse(x, scale):
    return x


def _forward(x, scale):
    return x, scale


def _backward(scale, gradient):
    reverse = lambda g: (-scale * g).astype(g.dtype)  # noqa: E731
    return jax.tree.map(reverse, gradient), jnp.zeros_like(scale)


_reverse.defvjp(_forward, _backward)


def mmd(
    x: jax.Array, y: jax.Array, *, bandwidths: Bandwidths, chunk: int | None = None
) -> jax.Array:
    """Computes the squared maximum mean discrepancy of two samples.

    Gretton et al. 2012, eq. 5, squared: mean k(x, x') - 2 mean k(x, y) + mean k(y, y') over all
    pairs, those of a row with itself too, so that it is 0 for equal samples and never negative. The
    kernel is a sum of Gaussians, k(a, b) = sum_w exp(-|a - b|^2 / (2 w^2)), one for each bandwidth,
    since a single one is blind to all differences but those of its own size. Distances come of one
    matrix product a pair of samples: [N, M, D] is never held.

    Args:
      x: [N, D] of any floating dtype; it is computed in float32 at least.
      y: [M, D].
      bandwidths: w, at least one, each positive; they may be traced.
      chunk: rows of y that are held at a time, forward and backward, for memory O(N chunk); None
        holds [N, M].

    Returns:
      A float32 scalar.

    Raises:
      BadInput: there is no bandwidth, one is not positive, or chunk < 1.
    """
    chex.assert_rank([x, y], 2)
    chex.assert_equal_shape_suffix([x, y], 1)
    check_bandwidths(bandwidths)
    if chunk is not None and chunk < 1:
        raise BadInput(f"chunk should be at least 1, got {chunk}")
    dtype = jnp.promote_types(jnp.promote_types(x.dtype, y.dtype), jnp.float32)
    x, y = x.astype(dtype), y.astype(dtype)
    # A kernel sees differences alone. Near 0 the products below lose fewer digits of them.
    middle = (jnp.sum(x, axis=0) + jnp.sum(y, axis=0)) / (len(x) + len(y))
    x, y = (rows - jax.lax.stop_gradient(middle) for rows in (x, y))
    within_x = _mean_kernel(x, x, bandwidths, chunk)
    within_y = _mean_kernel(y, y, bandwidths, chunk)
    across = _mean_kernel(x, y, bandwidths, chunk)
    return within_x + within_y - 2.0 * across


def check_bandwidths(bandwidths: Bandwidths) -> None:
    """Refuses bandwidths that make no kernel; those that are traced are not looked at.

    Raises:
      BadInput: there is none, or one is not positive.
    """
    known = [] if isinstance(bandwidths, jax.core.Tracer) else [*bandwidths]
    known = [width for width in known if not isinstance(width, jax.core.Tracer)]
    if not len(bandwidths) or not all(0 < float(width) < float("inf") for width in known):
        shown = ",".join(f"{float(width):g}" for width in known)
        raise BadInput(f"bandwidths={shown}: should be positive numbers, at least one")


def _mean_kernel(x: jax.Array, y: jax.Array, bandwidths: Bandwidths, chunk: int | None):
    """Returns the mean of k over all pairs of rows."""
    if chunk is None or chunk >= len(y):
        return jnp.mean(_kernel(x, y, bandwidths))
    padding = -len(y) % chunk
    is_row = jnp.arange(len(y) + padding) < len(y)
    blocks = jnp.pad(y, ((0, padding), (0, 0))).reshape(-1, chunk, y.shape[1])

    @jax.checkpoint  # a block's kernel is computed again in the backward pass, never kept
    def add(total, block):
        rows, counted = block
        return total + jnp.sum(jnp.where(counted, _kernel(x, rows, bandwidths), 0.0)), None

    total, _ = jax.lax.scan(add, jnp.zeros((), x.dtype), (blocks, is_row.reshape(-1, chunk)))
    return total / (len(x) * len(y))


def _kernel(x: jax.Array, y: jax.Array, bandwidths: Bandwidths) -> jax.Array:
    """Returns k of all pairs of rows, [N, D] and [M, D] -> [N, M]."""
    products = jnp.matmul(x, y.T, precision="highest")
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1) - 2.0 * products
    squares = jnp.maximum(squares, 0.0)  # which rounding may have made less than 0
    return sum(jnp.exp(-squares / (2.0 * width**2)) for width in bandwidths)
