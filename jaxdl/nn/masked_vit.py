"""The masked autoencoder's net: a ViT that sees a few patches, and a decoder that fills the gaps.

He et al. 2021 (arXiv 2111.06377), section 3.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.transformer import Transformer
from jaxdl.nn.vit import ViT, patch_grid, patchify, sincos_positions


class Masking(NamedTuple):
    """Which patches of each image are seen.

    Attributes:
      kept: [B, n] int32, their numbers.
      restore: [B, N] int32, where each patch is found in a row of the n kept ones and all others.
      is_masked: [B, N] bool.
    """

    kept: jax.Array
    restore: jax.Array
    is_masked: jax.Array


class MaskedAutoencoder(nn.Module):
    """images [B, H, W, C], masking, train -> predicted patches [B, N, P].

    Attributes:
      encoder: sees the patches that are kept alone; it is what stays after training.
      width: of the decoder's tokens, a multiple of 4.
      depth: of the decoder.
      heads: of the decoder.
      dtype: of the decoder's computation; parameters are float32.
    """

    encoder: ViT
    width: int = 64
    depth: int = 1
    heads: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, masking: Masking, train: bool):
        """Predicts the pixels of every patch."""
        grid = patch_grid(images.shape[1:], self.encoder.patch)
        patches = patchify(images, self.encoder.patch)  # [B, N, P]
        seen = take_patches(patches, masking.kept)  # [B, n, P]
        tokens = self.encoder.encode(seen, masking.kept, grid, train)
        tokens = nn.Dense(self.width, dtype=self.dtype)(tokens).astype(jnp.float32)
        first = tokens[:, : tokens.shape[1] - seen.shape[1]]  # the class token, if there is one
        mask_token = self.param("mask_token", nn.initializers.normal(0.02), (self.width,))
        whole = unshuffle(tokens[:, first.shape[1] :], mask_token, masking.restore)  # [B, N, width]
        whole = whole + sincos_positions(*grid, self.width)
        decoder = Transformer(self.depth, self.heads, dtype=self.dtype)
        decoded = decoder(jnp.concatenate([first, whole], axis=1), train)[:, first.shape[1] :]
        return nn.Dense(patches.shape[-1])(decoded)


def draw_masking(key: jax.Array, images: int, patches: int, kept: int) -> Masking:
    """Draws the patches that are kept in each image, evenly and without replacement.

    Args:
      key: consumed.
      images: B.
      patches: N, in an image.
      kept: n, of them.
    """
    noise = jax.random.uniform(key, (images, patches))
    shuffled = jnp.argsort(noise, axis=1)
    restore = jnp.argsort(shuffled, axis=1)
    return Masking(shuffled[:, :kept], restore, restore >= kept)


def take_patches(patches: jax.Array, numbers: jax.Array) -> jax.Array:
    """Takes the patches [B, n, P] of [B, N, P] that have these numbers [B, n]."""
    return jnp.take_along_axis(patches, numbers[..., None], axis=1)


def unshuffle(seen: jax.Array, mask_token: jax.Array, restore: jax.Array) -> jax.Array:
    """Puts tokens back to where their patches were, and the mask token to all other places.

    Args:
      seen: [B, n, D] tokens of the patches that were kept.
      mask_token: [D].
      restore: [B, N] as in `Masking`.

    Returns:
      Tokens [B, N, D] in the order of the patches.
    """
    batch, count, width = seen.shape
    gaps = jnp.broadcast_to(mask_token, (batch, restore.shape[1] - count, width))
    return take_patches(jnp.concatenate([seen, gaps], axis=1), restore)
