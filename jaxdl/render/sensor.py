"""Averages rays to pixels, blurs them and adds noise, as a camera does."""

import jax
import jax.numpy as jnp

from jaxdl.render.look import Look
from jaxdl.render.scene import Scene
from jaxdl.render.texture import hashed


def sense(
    scene: Scene, look: Look, colors: list[jax.Array], key: jax.Array | None
) -> list[jax.Array]:
    """Channels [H * W] from those of the rays [P].

    Args:
      scene: for height, width and rays a pixel.
      look: for blur and noise.
      colors: three arrays [P].
      key: draws the noise; with None there is neither blur nor noise.
    """
    images = [color.reshape(scene.height * scene.supersample, -1) for color in colors]
    if scene.supersample > 1:
        images = [_mean_of_fours(image) for image in jax.lax.optimization_barrier(images)]
    if key is not None:
        images = [_blurred(image, look.blur) for image in jax.lax.optimization_barrier(images)]
        images = [
            image + look.sensor_noise * _normal_noise(seed, image.shape)
            for image, seed in zip(images, jax.random.bits(key, (3,)), strict=True)
        ]
    return [image.ravel() for image in images]


def _mean_of_fours(image: jax.Array) -> jax.Array:
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def _blurred(image: jax.Array, blur: jax.Array) -> jax.Array:
    """Each pixel moved towards its neighbors, which beyond the edge are as the edge."""
    for axis in (0, 1):
        place = jax.lax.broadcasted_iota(jnp.int32, image.shape, axis)
        before = jnp.where(place > 0, _shifted(image, axis, 1) - image, 0.0)
        last = image.shape[axis] - 1
        after = jnp.where(place < last, _shifted(image, axis, -1) - image, 0.0)
        image = image + blur / 4 * (before + after)
    return image


def _shifted(image: jax.Array, axis: int, by: int) -> jax.Array:
    widths = [(0, 0, 0), (0, 0, 0)]
    widths[axis] = (by, -by, 0)
    return jax.lax.pad(image, jnp.float32(0), widths)


def _normal_noise(seed: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Sums four bytes of a hash of each pixel's number to nearly normal ones of variance 1."""
    numbers = jax.lax.iota(jnp.uint32, shape[0] * shape[1]).reshape(shape)
    bits = hashed(hashed(numbers ^ seed) + seed)
    total = sum(((bits >> shift) & 255).astype(jnp.int32) for shift in (0, 8, 16, 24))
    return (total.astype(jnp.float32) - 510.0) * (3 / (256**2 - 1)) ** 0.5
