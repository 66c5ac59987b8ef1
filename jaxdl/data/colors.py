"""Distortions of color on the device, with torchvision's arithmetic.

Images of three channels are red, green and blue. Others have no colors: saturation and hue leave
them as they are, and their gray is the mean of the channels.
"""

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.ops import apart

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601, with the digits that torchvision keeps


def as_floats(images: jax.Array) -> jax.Array:
    """Scales bytes to [0, 1]; floats, which are within it, stay.

    Args:
      images: [..., H, W, C].

    Raises:
      BadInput: images are neither bytes nor floats.
    """
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 255.0
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise BadInput(f"images should be uint8, or floats in [0, 1], not {images.dtype}")
    return images


def color_jitter(
    key: jax.Array,
    images: jax.Array,
    *,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    probability: float = 0.8,
) -> jax.Array:
    """Applies torchvision's ColorJitter to a share of the images, its four parts in random order.

    Args:
      key: of the draw.
      images: [B, H, W, C] in [0, 1].
      brightness: factors are drawn from [max(0, 1 - brightness), 1 + brightness].
      contrast: likewise.
      saturation: likewise.
      hue: shifts are drawn from [-hue, hue] of a full turn, hue <= 0.5.
      probability: share of the images that are changed at all.
    """
    factor_key, order_key, apply_key = jax.random.split(key, 3)
    rows = images.shape[0]
    low = jnp.array(
        [max(0.0, 1 - brightness), max(0.0, 1 - contrast), max(0.0, 1 - saturation), -hue]
    )
    high = jnp.array([1 + brightness, 1 + contrast, 1 + saturation, hue])
    factors = jax.random.uniform(factor_key, (rows, 4), minval=low, maxval=high)
    order = jnp.argsort(jax.random.uniform(order_key, (rows, 4)), axis=1)
    applied = jax.random.bernoulli(apply_key, probability, (rows, 1))
    factors = jnp.where(applied, factors, jnp.array([1.0, 1.0, 1.0, 0.0]))
    return adjust_colors(images, factors, order)


def adjust_colors(images: jax.Array, factors: jax.Array, order: jax.Array) -> jax.Array:
    """Adjusts brightness, contrast, saturation and hue, each image by its factors in its order.

    The first three are blends with black, with the mean gray, and with the gray image, clipped to
    [0, 1]. The hue, which costs most, is shifted once: between what comes before and after it.

    Args:
      images: [B, H, W, C] in [0, 1].
      factors: [B, 4] for BRIGHTNESS, CONTRAST, SATURATION, HUE; (1, 1, 1, 0) changes nothing.
      order: [B, 4], a permutation of these four a row.
    """
    images = as_floats(images)
    factor = jnp.take_along_axis(factors, order, axis=1)  # [B, place]
    if images.shape[-1] != 3:
        colorless = (order == HUE) | (order == SATURATION)
        return _blend(images, jnp.where(colorless, 1.0, factor), order)
    place = jnp.arange(4)
    turn = jnp.argmax(order == HUE, axis=1)[:, None]
    images = apart(_blend(images, jnp.where(place < turn, factor, 1.0)[:, :3], order))
    images = apart(shift_hue(images, factors[:, HUE]))
    return apart(_blend(images, jnp.where(place > turn, factor, 1.0)[:, 1:], order[:, 1:]))


def _blend(images: jax.Array, factors: jax.Array, order: jax.Array) -> jax.Array:
    """Blends in turn with factors [B, K]; a factor of 1 changes nothing."""
    for place in range(factors.shape[1]):
        factor = factors[:, place, None, None, None]
        kind = order[:, place, None, None, None]
        gray = to_gray(images)
        mean = jnp.mean(gray, axis=(1, 2, 3), keepdims=True)
        other = jnp.where(kind == CONTRAST, mean, jnp.where(kind == SATURATION, gray, 0.0))
        images = jnp.clip(factor * images + (1.0 - factor) * other, 0.0, 1.0)
    return images


def to_gray(images: jax.Array) -> jax.Array:
    """Returns the luma of three channels, or the mean of others, [B, H, W, C] -> [B, H, W, 1]."""
    if images.shape[-1] != 3:
        return jnp.mean(images, axis=-1, keepdims=True)
    red, green, blue = jnp.split(images, 3, axis=-1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def random_grayscale(key: jax.Array, images: jax.Array, *, probability: float = 0.2) -> jax.Array:
    """Drops the colors of a share of the images; [B, H, W, C] keeps its shape."""
    images = as_floats(images)
    chosen = jax.random.bernoulli(key, probability, (images.shape[0], 1, 1, 1))
    return jnp.where(chosen, to_gray(images), images)


def shift_hue(images: jax.Array, turns: jax.Array) -> jax.Array:
    """Turns the hue of HSV by `turns` [B] of a full turn; C = 3, value and saturation stay.

    The way back from HSV is v - chroma * (1 - share), with h six times the hue, wrapped to [0, 6),
    and the shares of red |h - 3| - 1, of green 2 - |h - 2| and of blue 2 - |h - 4|, clipped to
    [0, 1]. One wrap serves all three; it rounds down, since a remainder of floats is a call of the
    C library for every pixel on CPUs.
    """
    images = as_floats(images)
    red = images[..., 0]
    green = images[..., 1]
    blue = images[..., 2]
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    scale = 1.0 / jnp.where(chroma > 0, chroma, 1.0)
    sixth = jnp.where(
        value == red,
        (green - blue) * scale,
        jnp.where(value == green, 2.0 + (blue - red) * scale, 4.0 + (red - green) * scale),
    )
    sixth = sixth + 6.0 * turns[:, None, None]
    sixth = sixth - 6.0 * jnp.floor(sixth * (1.0 / 6.0))

    def channel(share):
        return value - chroma * (1.0 - jnp.clip(share, 0.0, 1.0))

    shares = jnp.abs(sixth - 3.0) - 1.0, 2.0 - jnp.abs(sixth - 2.0), 2.0 - jnp.abs(sixth - 4.0)
    return jnp.stack([channel(share) for share in shares], axis=-1)
