"""Crops of observations: one place for all frames of a stack (Laskin et al. 2020, section 4.2)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, bounds


class Views(NamedTuple):
    """How observations become what the encoder reads.

    Attributes:
      drawn: key, obs [B, ...] -> views, in training.
      fixed: obs [B, ...] -> views, to act upon.
    """

    drawn: Callable[[jax.Array, Any], Any]
    fixed: Callable[[Any], Any]


def crop_views(side: int, *, random: bool = True) -> Views:
    """Makes views that are square crops, random ones in training or always those of the middle."""
    fixed = lambda obs: center_crop(obs, side)  # noqa: E731
    if random:
        return Views(lambda key, obs: random_crop(key, obs, side), fixed)
    return Views(lambda key, obs: fixed(obs), fixed)


def whole_views() -> Views:
    """Makes views that are the observations."""
    return Views(lambda key, obs: obs, lambda obs: obs)


def many_views(key: jax.Array, views: Views, obs: Any, count: int) -> Any:
    """Draws several views of observations [B, ...], one set after the other: [count B, ...]."""
    if count == 1:
        return views.drawn(key, obs)
    sets = [views.drawn(key, obs) for key in jax.random.split(key, count)]
    return jax.tree.map(lambda *x: jnp.concatenate(x), *sets)


def random_crop(key: jax.Array, images: jax.Array, side: int) -> jax.Array:
    """Cuts squares at places that are drawn picture by picture, all equally likely.

    Args:
      key: of the draw.
      images: [B, H, W, C].
      side: of the squares, pixels, at most H and W.

    Returns:
      [B, side, side, C], whole pixels of the pictures.
    """
    corners = draw_corners(key, images.shape, side)
    return jax.vmap(lambda image, corner: _cut(image, corner, side))(images, corners)


def draw_corners(key: jax.Array, shape: tuple[int, ...], side: int) -> jax.Array:
    """Draws the first row and column [B, 2] int32 of squares within pictures of a shape."""
    batch, height, width, _ = shape
    last = jnp.array([height - side, width - side])
    return jax.random.randint(key, (batch, 2), 0, last + 1)


def center_crop(images: jax.Array, side: int) -> jax.Array:
    """Cuts the square in the middle, [..., H, W, C] -> [..., side, side, C]."""
    top, left = ((size - side) // 2 for size in images.shape[-3:-1])
    return images[..., top : top + side, left : left + side, :]


def cropped_space(space: Box, side: int) -> Box:
    """Returns the space of squares that are cut out of pictures.

    Raises:
      BadInput: the pictures are smaller.
    """
    height, width, channels = space.shape
    if side > min(height, width):
        raise BadInput(f"crops of {side} x {side} from pictures of {height} x {width} pixels")
    low, high = bounds(space)
    return Box((side, side, channels), low.min(), high.max(), space.dtype)


def _cut(image: jax.Array, corner: jax.Array, side: int) -> jax.Array:
    size = (side, side, image.shape[-1])
    return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), size)
