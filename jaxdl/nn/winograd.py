"""3 x 3 convolutions with four ninths of the multiplications, for CPUs (Lavin and Gray 2015).

Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308, section 4.1, F(2 x 2, 3 x 3):
tiles of 4 x 4 inputs make 2 x 2 outputs. XLA's convolutions on CPUs multiply in full; the libraries
of accelerators choose for themselves.
"""

import jax
import jax.numpy as jnp
import numpy as np

# G of eq. 7, which takes three weights to four.
_WEIGHTS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)


def winograd(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves [B, H, W, C] with [3, 3, C, F] to [B, H, W, F]; the sides are padded with zeros.

    In float32 it differs from the plain convolution as another order of its sums would.
    """
    batch, height, width, channels = x.shape
    features = kernel.shape[-1]
    down, across = -(-height // 2), -(-width // 2)  # tiles
    weights = jnp.einsum("ai,bj,ijcf->abcf", _WEIGHTS, _WEIGHTS, kernel).astype(x.dtype)
    right = ((1, 2 * down + 1 - height), (1, 2 * across + 1 - width))
    padded = jnp.pad(x, ((0, 0), *right, (0, 0)))
    # Each place in a tile is an array over all tiles, so that the sums below are whole arrays'.
    places = [[padded[:, i::2, j::2][:, :down, :across] for j in range(4)] for i in range(4)]
    tiles = _transform(places, _inputs)
    products = [
        [tiles[a][b].reshape(-1, channels) @ weights[a, b] for b in range(4)] for a in range(4)
    ]
    y = jnp.stack([jnp.stack(row, axis=1) for row in _transform(products, _outputs)], axis=1)
    y = y.reshape(batch, down, across, 2, 2, features).swapaxes(2, 3)
    return y.reshape(batch, 2 * down, 2 * across, features)[:, :height, :width]


def _inputs(x: list) -> list:
    """Four places of a line of a tile, to be multiplied: B^T of eq. 7."""
    return [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]


def _outputs(x: list) -> list:
    """The two sums that four products make: A^T of eq. 7."""
    return [x[0] + x[1] + x[2], x[1] - x[2] - x[3]]


def _transform(table: list[list], line) -> list[list]:
    """Applies a transform of lines to the columns of a table of arrays, then to its rows."""
    columns = [line(list(column)) for column in zip(*table, strict=True)]
    return [line(list(row)) for row in zip(*columns, strict=True)]
