"""The loss of masked autoencoders (He et al. 2021, arXiv 2111.06377, section 3)."""

import chex
import jax
import jax.numpy as jnp

EPSILON = 1e-6  # of the variance of a patch of one color


def masked_patch_loss(
    predictions: jax.Array, patches: jax.Array, is_masked: jax.Array, *, normalize: bool = True
) -> jax.Array:
    """Computes the mean squared error of the pixels of masked patches.

    Args:
      predictions: [B, N, D] what the decoder makes of each patch.
      patches: [B, N, D] their pixels.
      is_masked: [B, N] bool; the others count for nothing.
      normalize: pixels are compared after each patch is normalized by its own mean and deviation.

    Returns:
      A float32 scalar; 0 where nothing is masked.
    """
    chex.assert_rank([predictions, patches, is_masked], [3, 3, 2])
    chex.assert_equal_shape([predictions, patches])
    target = normalize_patches(patches) if normalize else patches
    error = jnp.mean((predictions - target) ** 2, axis=-1)  # [B, N]
    count = jnp.maximum(jnp.sum(is_masked), 1)
    return jnp.sum(jnp.where(is_masked, error, 0.0)) / count


def normalize_patches(patches: jax.Array) -> jax.Array:
    """Brings each patch to mean 0 and variance 1.

    Args:
      patches: [..., D] their pixels.

    Returns:
      [..., D].
    """
    mean, deviation = patch_statistics(patches)
    return (patches - mean) / deviation


def patch_statistics(patches: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the means and the deviations [..., 1] of patches [..., D]."""
    mean = jnp.mean(patches, axis=-1, keepdims=True)
    variance = jnp.var(patches, axis=-1, keepdims=True)
    return mean, jnp.sqrt(variance + EPSILON)
