"""Image augmentation on the device, with torchvision's laws and arithmetic.

Everything works on whole batches [B, H, W, C] of floats in [0, 1] with parameters drawn image by
image. What is drawn and what is done with it are two functions, so that each can be checked and
reused alone. Images of one channel are gray: saturation and hue leave them as they are.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Augment = Callable[[jax.Array, jax.Array], jax.Array]
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601, with the digits that torchvision keeps


class Crops(NamedTuple):
    """One rectangle an image, in whole pixels.

    Attributes:
      top, left, height, width: [B] int32.
    """

    top: jax.Array
    left: jax.Array
    height: jax.Array
    width: jax.Array


def simclr_augmentation(
    size: int,
    *,
    crop_scale: tuple[float, float] = (0.08, 1.0),
    flip: bool = True,
    color_strength: float = 1.0,
    grayscale: float = 0.2,
    blur: float = 0.5,
) -> Augment:
    """The augmentation of SimCLR (Chen et al. 2020, appendix A): crop, flip, color, gray, blur.

    Args:
      size: side of the views in pixels.
      crop_scale: area of the crop as a share of the image.
      flip: mirror half of the views; not for digits or letters.
      color_strength: s of appendix A; 0 leaves the colors alone. The paper has 1 for ImageNet and
        1/2 for CIFAR-10 (appendix B.9).
      grayscale: probability of dropping the colors.
      blur: probability of a Gaussian blur, with a kernel of a tenth of the side.

    Returns:
      augment(key, images [B, H, W, C]) -> views [B, size, size, C].
    """
    s = color_strength

    def augment(key, images):
        crop_key, color_key, gray_key, blur_key = jax.random.split(key, 4)
        views = random_resized_crop(crop_key, images, size=size, scale=crop_scale, flip=flip)
        if s > 0:
            views = color_jitter(
                color_key,
                views,
                brightness=0.8 * s,
                contrast=0.8 * s,
                saturation=0.8 * s,
                hue=0.2 * s,
            )
        if grayscale > 0 and views.shape[-1] == 3:
            views = random_grayscale(gray_key, views, probability=grayscale)
        if blur > 0:
            views = random_blur(blur_key, views, kernel=blur_kernel(size), probability=blur)
        return views

    return augment


def random_resized_crop(
    key: jax.Array,
    images: jax.Array,
    *,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: bool = True,
) -> jax.Array:
    """Crops at random and resizes; mirrors half of the images. [B, H, W, C] -> [B, size, size, C].

    Args:
      key: of the draw.
      images: [B, H, W, C].
      size: side of the result in pixels.
      scale: range of the crop's area as a share of the image.
      ratio: range of the crop's width / height.
      flip: whether to mirror every second image, on average.
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
    """torchvision's law: the first of 10 tries that fits; else the largest centered crop.

    The area is uniform, the aspect ratio log-uniform, the place uniform over whole pixels.
    """
    area_key, ratio_key, top_key, left_key = jax.random.split(key, 4)
    low, high = jnp.log(ratio[0]), jnp.log(ratio[1])
    areas = (
        height * width * jax.random.uniform(area_key, (rows, 10), minval=scale[0], maxval=scale[1])
    )
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
    w = jnp.where(found, jnp.take_along_axis(widths, first, axis=1)[:, 0], most_width)
    h, w = h.astype(jnp.int32), w.astype(jnp.int32)
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
    _, height, width, _ = images.shape
    vertical = resize_weights(crops.top, crops.height, height, size)
    horizontal = resize_weights(crops.left, crops.width, width, size)
    horizontal = jnp.where(flips[:, None, None], horizontal[:, ::-1], horizontal)
    images = jnp.einsum("bah,bhwc->bawc", vertical, images)
    return jnp.einsum("bnw,bawc->banc", horizontal, images)


def resize_weights(start: jax.Array, length: jax.Array, pixels: int, size: int) -> jax.Array:
    """Rows that read `size` samples off pixels [start, start + length): [B, size, pixels]."""
    start, step = start[:, None], length[:, None] / size
    center = start + (jnp.arange(size) + 0.5) * step - 0.5  # [B, size]
    pixel = jnp.arange(pixels)
    distance = jnp.abs(center[..., None] - pixel) / jnp.maximum(step, 1.0)[..., None]
    inside = (pixel >= start) & (pixel < start + length[:, None])  # [B, pixels]
    weights = jnp.maximum(1.0 - distance, 0.0) * inside[:, None]
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


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
    """torchvision's ColorJitter, applied to a share of the images; the four in random order.

    Args:
      key: of the draw.
      images: [B, H, W, C] in [0, 1], C = 1 or 3.
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
    """Brightness, contrast, saturation and hue, each image with its factors in its order.

    The first three are blends with black, with the mean gray, and with the gray image, clipped to
    [0, 1]. The hue, which costs most, is shifted once: between what comes before and after it.

    Args:
      images: [B, H, W, C] in [0, 1].
      factors: [B, 4] for BRIGHTNESS, CONTRAST, SATURATION, HUE; (1, 1, 1, 0) changes nothing.
      order: [B, 4], a permutation of these four a row.
    """
    factor = jnp.take_along_axis(factors, order, axis=1)  # [B, place]
    if images.shape[-1] == 1:
        return _blends(images, jnp.where(order == HUE, 1.0, factor), order)
    place, turn = jnp.arange(4), jnp.argmax(order == HUE, axis=1)[:, None]
    images = _blends(images, jnp.where(place < turn, factor, 1.0)[:, :3], order)
    images = shift_hue(images, factors[:, HUE])
    return _blends(images, jnp.where(place > turn, factor, 1.0)[:, 1:], order[:, 1:])


def _blends(images: jax.Array, factors: jax.Array, order: jax.Array) -> jax.Array:
    """Blends in turn with factors [B, K]; a factor of 1 changes nothing."""
    for place in range(factors.shape[1]):
        factor, kind = (x[:, place, None, None, None] for x in (factors, order))
        gray = to_gray(images)
        mean = jnp.mean(gray, axis=(1, 2, 3), keepdims=True)
        other = jnp.where(kind == CONTRAST, mean, jnp.where(kind == SATURATION, gray, 0.0))
        images = jnp.clip(factor * images + (1.0 - factor) * other, 0.0, 1.0)
    return images


def to_gray(images: jax.Array) -> jax.Array:
    """Luma of [B, H, W, C], C = 1 or 3: [B, H, W, 1]."""
    if images.shape[-1] == 1:
        return images
    red, green, blue = jnp.split(images, 3, axis=-1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def random_grayscale(key: jax.Array, images: jax.Array, *, probability: float = 0.2) -> jax.Array:
    """Drops the colors of a share of the images; [B, H, W, C] keeps its shape."""
    chosen = jax.random.bernoulli(key, probability, (images.shape[0], 1, 1, 1))
    return jnp.where(chosen, to_gray(images), images)


def shift_hue(images: jax.Array, turns: jax.Array) -> jax.Array:
    """Turns the hue of HSV by `turns` [B] of a full turn; value and saturation stay.

    The way back from HSV is v - chroma * clip(min(k, 4 - k), 0, 1) with k = (n + 6 hue) mod 6 and
    n = 5, 3, 1 for red, green, blue: the same function of the hue at three phases.
    """
    red, green, blue = (images[..., i] for i in range(3))
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    scale = 1.0 / jnp.where(chroma > 0, chroma, 1.0)
    sixth = jnp.where(
        value == red,
        (green - blue) * scale,
        jnp.where(value == green, 2.0 + (blue - red) * scale, 4.0 + (red - green) * scale),
    )
    sixth = sixth + 6.0 * turns[:, None, None]

    def channel(phase):
        k = (phase + sixth) % 6.0
        return value - chroma * jnp.clip(jnp.minimum(k, 4.0 - k), 0.0, 1.0)

    return jnp.stack([channel(5.0), channel(3.0), channel(1.0)], axis=-1)


def random_blur(
    key: jax.Array,
    images: jax.Array,
    *,
    kernel: int,
    sigma: tuple[float, float] = (0.1, 2.0),
    probability: float = 0.5,
) -> jax.Array:
    """Blurs a share of the images with a Gaussian of a random width (appendix A of SimCLR).

    Args:
      key: of the draw.
      images: [B, H, W, C].
      kernel: odd number of taps.
      sigma: range of the standard deviation in pixels.
      probability: share of the images that are blurred.
    """
    sigma_key, apply_key = jax.random.split(key)
    rows = images.shape[0]
    sigmas = jax.random.uniform(sigma_key, (rows,), minval=sigma[0], maxval=sigma[1])
    chosen = jax.random.bernoulli(apply_key, probability, (rows, 1, 1, 1))
    return jnp.where(chosen, gaussian_blur(images, sigmas, kernel=kernel), images)


def gaussian_blur(images: jax.Array, sigmas: jax.Array, *, kernel: int) -> jax.Array:
    """torchvision's gaussian_blur, sigma [B] in pixels, borders reflected, as two products."""
    _, height, width, _ = images.shape
    images = jnp.einsum("bah,bhwc->bawc", _blur_weights(sigmas, kernel, height), images)
    return jnp.einsum("bnw,bawc->banc", _blur_weights(sigmas, kernel, width), images)


def _blur_weights(sigmas, kernel, pixels):
    """The band matrices [B, pixels, pixels] of a Gaussian with reflected borders."""
    taps = jnp.arange(kernel) - kernel // 2
    weights = jnp.exp(-0.5 * (taps / sigmas[:, None]) ** 2)  # [B, taps]
    weights = weights / jnp.sum(weights, axis=1, keepdims=True)
    read = jnp.abs(jnp.arange(pixels)[:, None] + taps)  # [pixels, taps]
    read = pixels - 1 - jnp.abs(pixels - 1 - read)
    return jnp.einsum("bt,itj->bij", weights, jax.nn.one_hot(read, pixels))


def blur_kernel(size: int) -> int:
    """A tenth of the side, rounded to an odd number: 23 taps for 224 pixels, 3 for 32 and 28."""
    return 2 * (size // 20) + 1
