"""The transformations of SimCLR's figure 4 that are neither crop, color nor blur, on the device.

As in `jaxdl.data.augment`, what is drawn and what is done with it are two functions, on whole
batches [B, H, W, C] of bytes, or of floats in [0, 1], of any height, width and number of channels.
"""

import jax
import jax.numpy as jnp

from jaxdl.data.colors import as_floats

GRAY = 0.5  # what is cut out becomes the middle of the range


def random_quarter_turn(key: jax.Array, images: jax.Array) -> jax.Array:
    """Turns each image [B, H, W, C] by 0, 90, 180 or 270 degrees, each as often."""
    return turn_quarters(images, jax.random.randint(key, (len(images),), 0, 4))


def turn_quarters(images: jax.Array, quarters: jax.Array) -> jax.Array:
    """Turns each image counterclockwise by its number of quarters of a turn.

    Pixels are moved and never blended, but for images that are no squares: those that lie on their
    side are resized to the batch's height and width, bilinearly with antialiasing.

    Args:
      images: [B, H, W, C].
      quarters: [B] integers, 0 to 3.
    """
    images = as_floats(images)
    by_two = (quarters // 2 == 1)[:, None, None, None]
    by_one = (quarters % 2 == 1)[:, None, None, None]
    images = jnp.where(by_two, images[:, ::-1, ::-1], images)
    turned = jnp.rot90(images, axes=(1, 2))  # [B, W, H, C]
    if turned.shape != images.shape:
        turned = jax.image.resize(turned, images.shape, "linear")
    return jnp.where(by_one, turned, images)


def random_cutout(key: jax.Array, images: jax.Array, *, share: float = 0.5) -> jax.Array:
    """Hides one square of each image, whose middle is any of its pixels (DeVries & Taylor 2017).

    Args:
      key: of the draw.
      images: [B, H, W, C].
      share: side of the square over the shorter side of the image, as in their experiments with 16
        of 32 pixels on CIFAR-10.
    """
    row_key, column_key = jax.random.split(key)
    rows, height, width, _ = images.shape
    row = jax.random.randint(row_key, (rows,), 0, height)
    column = jax.random.randint(column_key, (rows,), 0, width)
    return cut_out(images, row, column, side=max(round(share * min(height, width)), 1))


def cut_out(images: jax.Array, row: jax.Array, column: jax.Array, *, side: int) -> jax.Array:
    """Replaces a square of each image by gray; what lies beyond the image is not there.

    Args:
      images: [B, H, W, C].
      row: [B] integers, the middle of the square; of an even side, the pixel below the middle.
      column: [B] integers, likewise.
      side: of the squares in pixels.
    """
    _, height, width, _ = images.shape

    def is_within(middle, pixels):  # [B, pixels]
        place = jnp.arange(pixels) - (middle[:, None] - side // 2)
        return (place >= 0) & (place < side)

    hidden = is_within(row, height)[:, :, None] & is_within(column, width)[:, None]  # [B, H, W]
    return jnp.where(hidden[..., None], GRAY, as_floats(images))


def random_noise(
    key: jax.Array, images: jax.Array, *, deviation: tuple[float, float] = (0.05, 0.2)
) -> jax.Array:
    """Adds Gaussian noise of a random strength to each image.

    Args:
      key: of the draw.
      images: [B, H, W, C].
      deviation: range of the noise's standard deviation, where images are within [0, 1]. The paper
        does not tell its own.
    """
    noise_key, deviation_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, images.shape)
    low, high = deviation
    scale = jax.random.uniform(deviation_key, (len(images), 1, 1, 1), minval=low, maxval=high)
    return add_noise(images, scale * noise)


def add_noise(images: jax.Array, noise: jax.Array) -> jax.Array:
    """Adds noise [B, H, W, C], and clips to [0, 1]."""
    return jnp.clip(as_floats(images) + noise, 0.0, 1.0)


def sobel(images: jax.Array) -> jax.Array:
    """Filters each channel by Sobel's operator, [B, H, W, C] in [0, 1] likewise.

    A pixel becomes the length of the gradient, in units of its greatest value along one axis, and
    is clipped at 1. The outermost pixels go on beyond the borders.
    """
    images = as_floats(images)
    height, width = images.shape[1:3]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[:, 2:] - padded[:, :height]  # [B, H, W + 2, C]
    across = padded[:, :, 2:] - padded[:, :, :width]  # [B, H + 2, W, C]
    down = (down[:, :, :-2] + 2.0 * down[:, :, 1:-1] + down[:, :, 2:]) / 4.0
    across = (across[:, :-2] + 2.0 * across[:, 1:-1] + across[:, 2:]) / 4.0
    return jnp.minimum(jnp.sqrt(down**2 + across**2), 1.0)
