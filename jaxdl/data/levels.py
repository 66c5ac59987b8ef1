"""Distortions of images of 256 levels, with Pillow's integer arithmetic.

Images [B, H, W, C] are whole floats of 0 to 255, and stay so. What is drawn for them is in
`jaxdl.data.rand_augment`.
"""

import jax
import jax.numpy as jnp

LUMA = (19595, 38470, 7471)  # ITU-R 601 in units of 2^-16, as Pillow rounds it


def gray_of(values: jax.Array) -> jax.Array:
    """Returns Pillow's luma of three channels, or the mean of others, [B, H, W, 1]."""
    if values.shape[-1] == 3:
        weighted = values.astype(jnp.int32) * jnp.array(LUMA)
        luma = (jnp.sum(weighted, axis=-1, keepdims=True) + 2**15) >> 16
        return luma.astype(values.dtype)
    return jnp.floor(jnp.mean(values, axis=-1, keepdims=True) + 0.5)


def mean_gray(gray: jax.Array) -> jax.Array:
    """Returns the mean [B, 1, 1, 1] of gray images [B, H, W, 1], rounded."""
    return jnp.floor(jnp.mean(gray, axis=(1, 2, 3), keepdims=True) + 0.5)


def smoothed(values: jax.Array) -> jax.Array:
    """Applies Pillow's SMOOTH, the mean of 3 x 3 pixels with weight 5 in the middle.

    The outermost pixels stay; an image with a side below 3 has no others.
    """
    if min(values.shape[1:3]) < 3:
        return values
    columns = values[:, :, :-2] + values[:, :, 1:-1] + values[:, :, 2:]
    total = columns[:, :-2] + columns[:, 1:-1] + columns[:, 2:]
    inner = values[:, 1:-1, 1:-1]
    return values.at[:, 1:-1, 1:-1].set(jnp.floor((total + 4.0 * inner) / 13.0 + 0.5))


def posterized(values: jax.Array, bits: jax.Array) -> jax.Array:
    """Keeps the highest bits of each value; `bits` broadcasts against [B, H, W, C]."""
    unit = jnp.exp2(8.0 - bits)
    return jnp.floor(values / unit) * unit


def solarized(values: jax.Array, threshold: jax.Array) -> jax.Array:
    """Inverts values from the threshold on, which broadcasts against [B, H, W, C]."""
    return jnp.where(values < threshold, values, 255.0 - values)


def stretched(values: jax.Array) -> jax.Array:
    """Stretches each channel to 0 to 255, as Pillow's `autocontrast` does; a flat one stays."""
    low = jnp.min(values, axis=(1, 2), keepdims=True)
    extent = jnp.max(values, axis=(1, 2), keepdims=True) - low
    stretch = jnp.floor((values - low) * 255.0 / jnp.maximum(extent, 1.0))
    return jnp.where(extent > 0, stretch, values)


def equalized(values: jax.Array) -> jax.Array:
    """Makes each channel's levels equally frequent, as Pillow's `equalize` does.

    A channel stays as it is where all pixels but those of its highest level are fewer than 255.
    """
    rows, height, width, channels = values.shape
    flat = jnp.moveaxis(values, 3, 1).reshape(rows * channels, height * width).astype(jnp.int32)
    lines = jnp.arange(len(flat))[:, None]
    counts = jnp.zeros((len(flat), 256), jnp.int32).at[lines, flat].add(1)
    below = jnp.cumsum(counts, axis=1) - counts  # pixels of lower levels
    highest = jnp.max(flat, axis=1, keepdims=True)
    step = (height * width - jnp.take_along_axis(counts, highest, axis=1)) // 255  # [B C, 1]
    level = jnp.minimum((step // 2 + below) // jnp.maximum(step, 1), 255)
    level = jnp.where(step > 0, level, jnp.arange(256))
    result = jnp.take_along_axis(level, flat, axis=1).reshape(rows, channels, height, width)
    return jnp.moveaxis(result, 1, 3).astype(values.dtype)


def moved(values: jax.Array, maps: jax.Array) -> jax.Array:
    """Moves pixels by affine maps, each pixel to take the nearest one; from outside comes black.

    Args:
      values: [B, H, W, C].
      maps: [B, 2, 3] from a place (x, y, 1) in the result to one in the image, in pixels from the
        upper left corner; the middle of the first pixel is (0.5, 0.5).
    """
    rows, height, width, channels = values.shape
    y, x = jnp.mgrid[:height, :width] + 0.5
    places = jnp.stack([x, y, jnp.ones_like(x)]).reshape(3, -1)
    source = jnp.floor(jnp.einsum("bij,jp->bip", maps, places, precision="highest"))  # [B, 2, H W]
    column = source[:, 0]
    row = source[:, 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = jnp.where(inside, row * width + column, 0).astype(jnp.int32)
    pixels = values.reshape(rows, height * width, channels)
    taken = jnp.take_along_axis(pixels, index[:, :, None], axis=1)
    return jnp.where(inside[:, :, None], taken, 0.0).reshape(values.shape)
