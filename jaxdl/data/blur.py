"""Gaussian blur on the device, with torchvision's arithmetic."""

import jax
import jax.numpy as jnp

from jaxdl.data.colors import as_floats


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
    images = as_floats(images)
    sigma_key, apply_key = jax.random.split(key)
    rows = images.shape[0]
    sigmas = jax.random.uniform(sigma_key, (rows,), minval=sigma[0], maxval=sigma[1])
    chosen = jax.random.bernoulli(apply_key, probability, (rows, 1, 1, 1))
    return jnp.where(chosen, gaussian_blur(images, sigmas, kernel=kernel), images)


def gaussian_blur(images: jax.Array, sigmas: jax.Array, *, kernel: int) -> jax.Array:
    """Blurs by torchvision's gaussian_blur: sigma [B] in pixels, borders reflected."""
    images = as_floats(images)
    _, height, width, _ = images.shape
    images = jnp.einsum("bah,bhwc->bawc", _blur_weights(sigmas, kernel, height), images)
    return jnp.einsum("bnw,bawc->banc", _blur_weights(sigmas, kernel, width), images)


def _blur_weights(sigmas, kernel, pixels):
    """Makes the band matrices [B, pixels, pixels] of a Gaussian with reflected borders."""
    taps = jnp.arange(kernel) - kernel // 2
    weights = jnp.exp(-0.5 * (taps / sigmas[:, None]) ** 2)  # [B, taps]
    weights = weights / jnp.sum(weights, axis=1, keepdims=True)
    read = jnp.abs(jnp.arange(pixels)[:, None] + taps)  # [pixels, taps]
    read = pixels - 1 - jnp.abs(pixels - 1 - read)
    return jnp.einsum("bt,itj->bij", weights, jax.nn.one_hot(read, pixels))


def blur_kernel(size: int) -> int:
    """Returns a tenth of the side as an odd number: 23 taps for 224 pixels, 3 for 32 and 28."""
    return 2 * (size // 20) + 1
