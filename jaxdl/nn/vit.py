"""The vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929), and its patches."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.nn.transformer import Transformer

PositionKind = Literal["sincos", "learned"]
PERIOD = 10_000.0  # the longest wavelength over 2 pi (Vaswani et al. 2017, section 3.5)


class ViT(nn.Module):
    """[B, H, W, C] -> features [B, width] of a transformer over patches.

    `encode` takes a part of the patches alone, as masked autoencoders do.

    Attributes:
      patch: side of the square patches, which divides H and W.
      width: D, of every token; with fixed positions a multiple of 4.
      depth: number of blocks.
      heads: of attention, which divide D.
      mlp_ratio: width of the hidden layer of a block over D.
      pool: features are the class token's, or the mean over patches.
      positions: "sincos" are fixed (He et al. 2021, appendix A.1), and fit images of any size.
      dropout: probability of losing a number after either part of a block, and after positions.
      drop_path: probability that a sample skips a part of the last block (stochastic depth).
      dtype: of the computation; parameters are float32.
    """

    patch: int = 4
    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    pool: Literal["class", "mean"] = "mean"
    positions: PositionKind = "sincos"
    dropout: float = 0.0
    drop_path: float = 0.0
    dtype: Any = jnp.float32

    def setup(self):
        """Makes the parts."""
        init = nn.initializers.xavier_uniform()
        self.embedding = nn.Dense(self.width, dtype=self.dtype, kernel_init=init)
        self.places = Positions(self.positions)
        self.transformer = Transformer(
            self.depth, self.heads, self.mlp_ratio, self.dropout, self.drop_path, self.dtype
        )
        self.loses = nn.Dropout(self.dropout)
        if self.pool == "class":
            self.class_token = self.param("class_token", _small, (1, 1, self.width))

    def __call__(self, images, train: bool):
        """Encodes all patches, and pools them."""
        grid = patch_grid(images.shape[1:], self.patch)
        tokens = self.encode(patchify(images, self.patch), None, grid, train)
        return tokens[:, 0] if self.pool == "class" else jnp.mean(tokens, axis=1)

    def encode(self, patches, kept, grid: tuple[int, int], train: bool):
        """Encodes patches that are kept of an image.

        Args:
          patches: [B, n, P] pixels of a patch in a row.
          kept: [B, n] their numbers, row by row; None for all, in order.
          grid: rows and columns of patches in a whole image, N in all.
          train: whether anything is dropped.

        Returns:
          [B, n, D] float32; with a class token [B, 1 + n, D], that one first.
        """
        tokens = self.embedding(patches.astype(self.dtype)).astype(jnp.float32)
        places = self.places(grid, self.width)  # [N, D]
        tokens = tokens + (places if kept is None else places[kept])
        if self.pool == "class":
            first = jnp.broadcast_to(self.class_token, (len(tokens), 1, self.width))
            tokens = jnp.concatenate([first, tokens], axis=1)
        return self.transformer(self.loses(tokens, deterministic=not train), train)


class Positions(nn.Module):
    """Positions of the patches of a grid: (rows, columns), D -> [N, D].

    Attributes:
      kind: "sincos" or "learned".
    """

    kind: PositionKind = "sincos"

    @nn.compact
    def __call__(self, grid: tuple[int, int], width: int):
        """Returns the rows in the order of `patchify`."""
        if self.kind == "sincos":
            return sincos_positions(*grid, width)
        return self.param("table", _small, (grid[0] * grid[1], width))


def patch_grid(image_shape: tuple[int, int, int], patch: int) -> tuple[int, int]:
    """Returns the rows and columns of patches in images (H, W, C).

    Raises:
      BadInput: patches of this side do not divide the images.
    """
    height, width, _ = image_shape
    if not 1 <= patch <= min(height, width) or height % patch or width % patch:
        raise BadInput(f"patch={patch} does not divide images of {height} x {width}")
    return height // patch, width // patch


def patchify(images: jax.Array, patch: int) -> jax.Array:
    """Cuts images [B, H, W, C] into patches [B, N, patch * patch * C], row by row.

    Raises:
      BadInput: patches of this side do not divide the images.
    """
    rows, columns = patch_grid(images.shape[1:], patch)
    x = images.reshape(-1, rows, patch, columns, patch, images.shape[-1])
    return jnp.swapaxes(x, 2, 3).reshape(len(images), rows * columns, -1)


def unpatchify(patches: jax.Array, patch: int, image_shape: tuple[int, int, int]) -> jax.Array:
    """Joins patches [B, N, P] to images [B, H, W, C]: the inverse of `patchify`.

    Raises:
      BadInput: patches of this side do not divide the images.
    """
    rows, columns = patch_grid(image_shape, patch)
    x = patches.reshape(-1, rows, columns, patch, patch, image_shape[-1])
    return jnp.swapaxes(x, 2, 3).reshape(-1, *image_shape)


def sincos_positions(rows: int, columns: int, width: int) -> jax.Array:
    """Returns sines and cosines of row and column, [rows * columns, width].

    The first half is of the column, the second of the row; of each half, sines come first.

    Raises:
      BadInput: the width is no multiple of 4.
    """
    if width % 4:
        raise BadInput(f"width={width} should be a multiple of 4, with fixed positions")
    rates = PERIOD ** -(np.arange(width // 4) / (width // 4))
    row, column = np.divmod(np.arange(rows * columns), columns)

    def waves(x):
        angles = np.outer(x, rates)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    return jnp.asarray(np.concatenate([waves(column), waves(row)], axis=1), jnp.float32)


_small = nn.initializers.normal(0.02)
