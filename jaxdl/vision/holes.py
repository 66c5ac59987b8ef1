"""Holes in images, and losses within them, for nets that learn to fill them."""

from typing import Literal

import chex
import jax
import jax.numpy as jnp

Region = Literal["central", "random"]


def make_holes(
    key: jax.Array, shape: tuple[int, ...], *, region: Region, blocks: int = 4
) -> jax.Array:
    """Draws what is cut out of images [B, H, W, C]: [B, H, W, 1], 1 where a pixel is missing.

    Args:
      key: of the draw; a central region does not depend on it.
      shape: (B, H, W, C).
      region: "central" or "random", of the region masks of Pathak et al. 2016.
      blocks: squares of a random region.
    """
    rows, height, width, _ = shape
    if region == "central":
        vertical, horizontal = central_hole(height, width)
        hole = jnp.zeros((height, width)).at[vertical, horizontal].set(1.0)
        return jnp.broadcast_to(hole[None, :, :, None], (rows, height, width, 1))
    # At least a pixel, and not larger than the image, whatever shape that has.
    side = min(max(int((height * width / (4 * blocks)) ** 0.5), 1), height, width)
    top_key, left_key = jax.random.split(key)
    top = jax.random.randint(top_key, (rows, blocks, 1), 0, height - side + 1)
    left = jax.random.randint(left_key, (rows, blocks, 1), 0, width - side + 1)
    y = jnp.arange(height)
    x = jnp.arange(width)
    in_rows = (y >= top) & (y < top + side)  # [B, blocks, H]
    in_columns = (x >= left) & (x < left + side)
    missing = jnp.any(in_rows[..., :, None] & in_columns[..., None, :], axis=1)
    return missing[..., None].astype(jnp.float32)


def central_hole(height: int, width: int) -> tuple[slice, slice]:
    """Returns the rows and the columns of the middle: half of each side, and at least a pixel."""
    return tuple(slice(side // 4, side // 4 + max(side // 2, 1)) for side in (height, width))


def cover(images: jax.Array, holes: jax.Array) -> jax.Array:
    """Fills holes [B, H, W, 1] of images [B, H, W, C] with the mean of what is left of each."""
    seen = 1.0 - holes
    count = jnp.maximum(jnp.sum(seen, axis=(1, 2), keepdims=True), 1.0)
    mean = jnp.sum(images * seen, axis=(1, 2), keepdims=True) / count
    return jnp.where(holes > 0, mean, images)


def mean_in_holes(errors: jax.Array, holes: jax.Array) -> jax.Array:
    """Returns the mean of errors [B, H, W, C] over the pixels in holes [B, H, W, 1], a scalar."""
    chex.assert_equal_shape_prefix([errors, holes], 3)
    total = jnp.sum(errors * holes)
    return total / (jnp.sum(holes) * errors.shape[-1])
