"""Random crops, resized and mirrored on the device, with torchvision's law and arithmetic."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data.colors import as_floats


class Crops(NamedTuple):
    """One rectangle an image, in whole pixels.

    Attributes:
      top: [B] int32, first row.
      left: [B] int32, first column.
      height: [B] int32.
      width: [B] int32.
    """

    top: jax.Array
    left: jax.Array
    height: jax.Array
    width: jax.Array


def random_resized_crop(
    key: jax.Array,
    images: jax.Array,
    *,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: bool = True,
) -> jax.Array:
    """Crops at random, resizes, and mirrors half of the images.

    Args:
      key: of the draw.
      images: [B, H, W, C].
      size: side of the result in pixels.
      scale: range of the crop's area as a share of the image.
      ratio: range of the crop's width / height.
      flip: whether to mirror every second image, on average.

    Returns:
      [B, size, size, C].
    """
    crop_key, flip_key = jax.random.split(key)
    rows, height, width, _ = images.shape
    crops = sample_crops(crop_key, rows, height, width, scale=scale, ratio=ratio)
    flips = jax.random.bernoulli(flip_key, 0.5, (rows,)) if flip else jnp.zeros(rows, bool)
    return crop_and_resize(images, crops, flips, size=size)


def sample_crops(
    key: jax.Array,
    rows: int,
    height: int,
    width: int,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Crops:
    """Draws crops by torchvision's law.

    The area is uniform, the aspect ratio log-uniform, the place uniform over whole pixels; the
    first of 10 tries that fits is taken, or else the largest centered crop.

    Args:
      key: of the draw.
      rows: B.
      height: of the images in pixels.
      width: of the images in pixels.
      scale: range of the crop's area as a share of the image.
      ratio: range of the crop's width / height.

    Returns:
      Crops [B].
    """
    area_key, ratio_key, top_key, left_key = jax.random.split(key, 4)
    shares = jax.random.uniform(area_key, (rows, 10), minval=scale[0], maxval=scale[1])
    areas = height * width * shares
    low = jnp.log(ratio[0])
    high = jnp.log(ratio[1])
    aspects = jnp.exp(jax.random.uniform(ratio_key, (rows, 10), minval=low, maxval=high))
    widths = jnp.round(jnp.sqrt(areas * aspects))
    heights = jnp.round(jnp.sqrt(areas / aspects))
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = jnp.argmax(fits, axis=1)[:, None]
    found = jnp.any(fits, axis=1)
    whole = width / height
    most_height = height if whole >= ratio[0] else round(width / ratio[0])
    most_width = width if whole <= ratio[1] else round(height * ratio[1])
    h = jnp.where(found, jnp.take_along_axis(heights, first, axis=1)[:, 0], most_height)
    h = h.astype(jnp.int32)
    w = jnp.where(found, jnp.take_along_axis(widths, first, axis=1)[:, 0], most_width)
    w = w.astype(jnp.int32)
    top = jax.random.randint(top_key, (rows,), 0, height - h + 1)
    left = jax.random.randint(left_key, (rows,), 0, width - w + 1)
    top = jnp.where(found, top, (height - most_height) // 2)
    left = jnp.where(found, left, (width - most_width) // 2)
    return Crops(top, left, h, w)


def crop_and_resize(images: jax.Array, crops: Crops, flips: jax.Array, *, size: int) -> jax.Array:
    """Crops, mirrors and resizes as two matrix products.

    Bilinear with half-pixel centers and antialiasing: torch's `interpolate(mode="bilinear",
    antialias=True)` of the crop. Without reduction that is plain bilinear interpolation.

    Args:
      images: [B, H, W, C].
      crops: [B] rectangles within the images.
      flips: [B] bool, mirror left to right.
      size: side of the result in pixels.
    """
    images = as_floats(images)
    _, height, width, _ = images.shape
    vertical = resize_weights(crops.top, crops.height, height, size)
    horizontal = resize_weights(crops.left, crops.width, width, size)
    horizontal = jnp.where(flips[:, None, None], horizontal[:, ::-1], horizontal)
    images = jnp.einsum("bah,bhwc->bawc", vertical, images)
    return jnp.einsum("bnw,bawc->banc", horizontal, images)


def resize_weights(start: jax.Array, length: jax.Array, pixels: int, size: int) -> jax.Array:
    """Makes matrices [B, size, pixels] that read samples off pixels [start, start + length)."""
    start = start[:, None]
    step = length[:, None] / size
    center = start + (jnp.arange(size) + 0.5) * step - 0.5  # [B, size]
    pixel = jnp.arange(pixels)
    distance = jnp.abs(center[..., None] - pixel) / jnp.maximum(step, 1.0)[..., None]
    inside = (pixel >= start) & (pixel < start + length[:, None])  # [B, pixels]
    weights = jnp.maximum(1.0 - distance, 0.0) * inside[:, None]
    return weights / jnp.sum(weights, axis=-1, keepdims=True)
