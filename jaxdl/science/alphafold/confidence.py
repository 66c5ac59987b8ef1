"""How right the net takes itself to be: pLDDT, aligned errors, TM-score, resolved atoms.

Algorithm 29 and sections 1.9.6, 1.9.7 and 1.9.10 of Jumper et al. 2021, supplement. Heads return
logits. Their targets have no gradient, so that a structure does not learn to please its judge.
"""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.science.alphafold.layers import flax_norm
from jaxdl.science.alphafold.masks import masked_mean
from jaxdl.science.geometry import Rigid, invert_apply
from jaxdl.science.proteins import lddt

MAX_ERROR, ERROR_BINS = (
    31.0,
    64,
)  # Angstrom, where the last bin of aligned errors begins; section 1.9.7
ZEROS = nn.initializers.zeros
HE = nn.initializers.he_normal()


class PredictPerResidueLDDT(nn.Module):
    """Algorithm 29: predictPerResidueLDDT_Ca.

    Attributes:
      channels: c.
      bins: of lDDT, from 0 to 1.
    """

    channels: int = 128
    bins: int = 50

    @nn.compact
    def __call__(self, s: jax.Array) -> jax.Array:
        """Returns logits [N, bins] of s [N, c_s], which comes from the structure module."""
        a = flax_norm("norm")(s)
        a = nn.relu(nn.Dense(self.channels, kernel_init=HE, name="hidden_1")(a))
        a = nn.relu(nn.Dense(self.channels, kernel_init=HE, name="hidden_2")(a))  # 1
        return nn.Dense(self.bins, kernel_init=ZEROS, name="logits")(a)  # 2


class PredictAlignedError(nn.Module):
    """Tells how far residues are off when another residue's frame is laid upon the truth.

    Section 1.9.7.
    """

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Returns logits [N, N, 64] of z [N, N, c_z]; the first N is the frame's."""
        return nn.Dense(ERROR_BINS, kernel_init=ZEROS, name="logits")(z)


class PredictResolved(nn.Module):
    """Tells which atoms an experiment of high resolution sees (section 1.9.10)."""

    @nn.compact
    def __call__(self, s: jax.Array) -> jax.Array:
        """Returns logits [N, 37] of s [N, c_s]."""
        return nn.Dense(37, kernel_init=ZEROS, name="logits")(s)


def plddt(logits: jax.Array) -> jax.Array:
    """Returns the expected lDDT of residues [N], 0 to 100, of logits [N, bins]."""
    bins = logits.shape[-1]
    middles = (jnp.arange(bins) + 0.5) / bins  # v_bins
    return 100 * jnp.sum(jax.nn.softmax(logits) * middles, -1)  # 3


def plddt_loss(
    logits: jax.Array, positions: jax.Array, true_positions: jax.Array, mask: jax.Array
) -> jax.Array:
    """Computes the cross entropy of lDDT (section 1.9.6).

    Args:
      logits: [N, bins].
      positions: [N, 3] of CA atoms, as predicted, in Angstrom.
      true_positions: [N, 3].
      mask: [N], 1 where the true atom is known.
    """
    chex.assert_rank([logits, positions, true_positions, mask], [2, 2, 2, 1])
    bins = logits.shape[-1]
    positions = jax.lax.stop_gradient(positions)
    true = lddt(positions, true_positions, mask, per_residue=True)
    true = jnp.minimum(jnp.floor(true * bins).astype(jnp.int32), bins - 1)
    return masked_mean(optax.softmax_cross_entropy_with_integer_labels(logits, true), mask)


def aligned_error_loss(
    logits: jax.Array, frames: Rigid, true_frames: Rigid, mask: jax.Array
) -> jax.Array:
    """Computes the cross entropy of aligned errors (section 1.9.7).

    Args:
      logits: [N, N, 64].
      frames: of the backbone [N], as predicted.
      true_frames: [N].
      mask: [N], 1 where the true frame is known.
    """
    chex.assert_rank([logits, frames.translation, true_frames.translation, mask], [3, 2, 2, 1])

    def see(frames):  # all origins, from all frames: [N, N, 3]
        return invert_apply(jax.tree.map(lambda x: x[:, None], frames), frames.translation)

    error = jax.lax.stop_gradient(jnp.sum((see(frames) - see(true_frames)) ** 2, -1))
    true = jnp.sum(error[..., None] > error_breaks() ** 2, -1)
    errors = optax.softmax_cross_entropy_with_integer_labels(logits, true)
    return masked_mean(errors, mask[:, None] * mask)


def predicted_aligned_error(logits: jax.Array) -> jax.Array:
    """Returns the expected error [N, N] in Angstrom of logits [N, N, 64]."""
    return jnp.sum(jax.nn.softmax(logits) * error_middles(), -1)


def predicted_tm_score(logits: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the TM-score that is to be expected, by the best of the residues' frames.

    Args:
      logits: [N, N, 64].
      mask: [N], 1 for residues that count.

    Returns:
      A scalar in 0 to 1.

    Reference: section 1.9.7; Zhang & Skolnick 2004, eq. 5 for d_0.
    """
    d_0 = 1.24 * jnp.cbrt(jnp.maximum(jnp.sum(mask), 19) - 15) - 1.8
    of_bins = 1 / (1 + (error_middles() / d_0) ** 2)
    expected = jnp.sum(jax.nn.softmax(logits) * of_bins, -1)  # [N, N]
    by_frame = jnp.sum(mask * expected, -1) / jnp.maximum(jnp.sum(mask), 1)
    return jnp.max(mask * by_frame)


def resolved_loss(
    logits: jax.Array, resolved: jax.Array, exists: jax.Array, mask: jax.Array
) -> jax.Array:
    """Computes the cross entropy of atoms that are seen (section 1.9.10).

    Args:
      logits: [N, 37].
      resolved: [N, 37], 1 where the experiment saw the atom.
      exists: [N, 37], 1 where the residue has it.
      mask: [N], 1 where there is a residue.
    """
    chex.assert_equal_shape([logits, resolved, exists])
    errors = optax.sigmoid_binary_cross_entropy(logits, resolved)
    return masked_mean(errors, exists * mask[:, None])


def error_breaks() -> jax.Array:
    """Returns [63] in Angstrom, between the bins of aligned errors."""
    return jnp.linspace(0, MAX_ERROR, ERROR_BINS - 1)


def error_middles() -> jax.Array:
    """Returns [64] in Angstrom; the last bin has no end and counts as wide as the others."""
    width = MAX_ERROR / (ERROR_BINS - 2)
    return (jnp.arange(ERROR_BINS) + 0.5) * width
