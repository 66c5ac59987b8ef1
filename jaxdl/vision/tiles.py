"""Tiles of images, cut so that their borders and their colors do not tell where they lay."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput


class Grid(NamedTuple):
    """How an image is cut: side x side cells, and in each cell a tile that leaves a gap.

    Attributes:
      side: cells in a row, and rows.
      tile: side of a tile in pixels.
      gap: pixels by which a cell is wider than its tile, which lies anywhere in it.
    """

    side: int
    tile: int
    gap: int

    @property
    def tiles(self) -> int:
        """T, how many tiles there are."""
        return self.side**2

    @property
    def cell(self) -> int:
        """Side of a cell in pixels."""
        return self.tile + self.gap


def fit_grid(
    image_shape: tuple[int, int, int], *, side: int = 3, tile: int = 0, gap: int | None = None
) -> Grid:
    """Makes the grid of an image; by default as in the paper, tiles of 64 pixels in cells of 75.

    Args:
      image_shape: (H, W, C).
      side: cells in a row.
      tile: pixels of a tile (0: what the gap leaves of the largest cell).
      gap: pixels between tiles on average (None: 11/75 of the cell, at least 1).

    Raises:
      BadInput: the grid does not fit the image.
    """
    least = min(image_shape[:2])
    room = least // side
    if gap is None:
        gap = max(round(tile * 11 / 64 if tile else room * 11 / 75), 1)
    grid = Grid(side, tile or max(room - gap, 1), gap)
    if side * grid.cell > least:
        raise BadInput(
            f"{side} x {side} tiles of {grid.tile} pixels with gaps of {gap} need images of at "
            f"least {side * grid.cell} pixels a side, got {image_shape[0]} x {image_shape[1]}"
        )
    return grid


def cut_tiles(key: jax.Array, images: jax.Array, grid: Grid, *, jitter: int = 0) -> jax.Array:
    """Cuts images into tiles, [B, H, W, C] -> [B, T, tile, tile, C] in reading order.

    The grid lies anywhere in the image, and every tile anywhere in its cell, so that the pixels of
    neighbors need not continue each other. The channels of a tile are read up to `jitter` pixels
    apart, within the cell, so that the lens's chromatic aberration does not tell the place.
    """
    chex.assert_rank(images, 4)
    rows, height, width, channels = images.shape
    keys = jax.random.split(key, 3)
    span = grid.side * grid.cell
    room = jnp.array([height - span, width - span])
    corner = jax.random.randint(keys[0], (rows, 1, 1, 2), 0, room + 1)
    within = jax.random.randint(keys[1], (rows, grid.tiles, 1, 2), 0, grid.gap + 1)
    shape = rows, grid.tiles, channels, 2
    apart = jax.random.randint(keys[2], shape, -jitter, jitter + 1)
    place = jnp.arange(grid.tiles)
    cells = grid.cell * jnp.stack([place // grid.side, place % grid.side], axis=1)  # [T, 2]
    first = corner + cells[:, None] + jnp.clip(within + apart, 0, grid.gap)  # [B, T, C, 2]
    pixels = jnp.arange(grid.tile)

    def cut(image, first):
        read = first[..., None] + pixels  # [T, C, 2, tile]
        y = jnp.swapaxes(read[:, :, 0], 1, 2)[:, :, None]  # [T, tile, 1, C]
        x = jnp.swapaxes(read[:, :, 1], 1, 2)[:, None]  # [T, 1, tile, C]
        return image[y, x, jnp.arange(channels)]

    return jax.vmap(cut)(images, first)


def drop_colors(key: jax.Array, images: jax.Array, *, probability: float) -> jax.Array:
    """Shows one channel of an image in all of them, for a share of the images [B, H, W, C].

    The channel is drawn. A weighted mean of the channels, as gray images usually are, would keep
    an aberration between them as a blur in its direction.
    """
    rows, channels = images.shape[0], images.shape[-1]
    drop_key, channel_key = jax.random.split(key)
    kept = jax.random.randint(channel_key, (rows, 1, 1, 1), 0, channels)
    gray = jnp.take_along_axis(images, kept, axis=-1)
    dropped = jax.random.bernoulli(drop_key, probability, (rows, 1, 1, 1))
    return jnp.where(dropped, gray, images)


def standardize(images: jax.Array) -> jax.Array:
    """Gives every channel of every image or tile [..., h, w, C] mean 0 and variance 1.

    What is constant becomes 0.
    """
    centered = images - jnp.mean(images, axis=(-3, -2), keepdims=True)
    variance = jnp.mean(centered**2, axis=(-3, -2), keepdims=True)
    constant = variance < 1e-6  # a quarter of a gray level
    return jnp.where(constant, 0.0, centered * jax.lax.rsqrt(jnp.where(constant, 1.0, variance)))


def shuffle_tiles(tiles: jax.Array, order: jax.Array) -> jax.Array:
    """Puts tile order[b, t] at place t: [B, T, ...] by permutations [B, T]."""
    chex.assert_equal_shape_prefix([tiles, order], 2)
    return jax.vmap(lambda tiles, order: tiles[order])(tiles, order)


def restore_tiles(tiles: jax.Array, order: jax.Array) -> jax.Array:
    """Puts shuffled tiles [B, T, ...] back, the exact inverse of `shuffle_tiles`."""
    return shuffle_tiles(tiles, jnp.argsort(order, axis=1))
