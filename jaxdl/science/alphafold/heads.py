"""What else the net tells of a chain, to learn from it: distances, and letters that were hidden.

Sections 1.9.8 and 1.9.9 of Jumper et al. 2021, supplement. Heads return logits.
"""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.science.alphafold.masks import masked_mean

FIRST_BREAK, LAST_BREAK, DISTANCE_BINS = 2.3125, 21.6875, 64  # Angstrom; section 1.9.8
LETTERS = 23  # 20 amino acids, unknown, gap, mask
ZEROS = nn.initializers.zeros


class DistogramHead(nn.Module):
    """Tells the distances of residues (section 1.9.8)."""

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Returns logits [N, N, 64], the same both ways, of z [N, N, c_z]."""
        half = nn.Dense(DISTANCE_BINS, kernel_init=ZEROS, name="half_logits")(z)
        return half + jnp.swapaxes(half, 0, 1)


class MaskedMSAHead(nn.Module):
    """Tells the letters of the alignment (section 1.9.9)."""

    @nn.compact
    def __call__(self, m: jax.Array) -> jax.Array:
        """Returns logits [S, N, 23] of m [S, N, c_m]."""
        return nn.Dense(LETTERS, kernel_init=ZEROS, name="logits")(m)


def distogram_loss(logits: jax.Array, beta: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the cross entropy of distances, of pairs both of whose atoms are known (eq. 41).

    Args:
      logits: [N, N, 64].
      beta: [N, 3], true C-beta (C-alpha of glycine), in Angstrom.
      mask: [N], 1 where it is known.
    """
    chex.assert_rank([logits, beta, mask], [3, 2, 1])
    squared = jnp.sum((beta[:, None] - beta) ** 2, -1)
    true = jnp.sum(squared[..., None] > distance_breaks() ** 2, -1)
    errors = optax.softmax_cross_entropy_with_integer_labels(logits, true)
    return masked_mean(errors, mask[:, None] * mask)


def masked_msa_loss(logits: jax.Array, true_msa: jax.Array, asked: jax.Array) -> jax.Array:
    """Computes the cross entropy of letters that were hidden (eq. 42).

    Args:
      logits: [S, N, 23].
      true_msa: [S, N] int32.
      asked: [S, N], 1 where the letter is asked for.
    """
    chex.assert_rank([logits, true_msa, asked], [3, 2, 2])
    errors = optax.softmax_cross_entropy_with_integer_labels(logits, true_msa)
    return masked_mean(errors, asked)


def distance_breaks() -> jax.Array:
    """Returns [63] in Angstrom, between the bins of distances."""
    return jnp.linspace(FIRST_BREAK, LAST_BREAK, DISTANCE_BINS - 1)


def distance_middles() -> jax.Array:
    """Returns [64] in Angstrom; the first and last bin count as wide as the others."""
    width = (LAST_BREAK - FIRST_BREAK) / (DISTANCE_BINS - 2)
    return FIRST_BREAK + (jnp.arange(DISTANCE_BINS) - 0.5) * width
