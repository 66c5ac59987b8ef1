"""Distograms: for each pair of residues, how likely its distance is in each of 64 bins.

Distances are those of CB atoms (CA of glycine). Senior et al. 2020: 64 equal bins of 2 to 22
Angstrom; here the first and the last hold what is nearer and farther, too.
"""

import chex
import jax
import jax.numpy as jnp
import optax

from jaxdl.science.geometry import norm

BINS = 64
NEAREST, FARTHEST = 2.0, 22.0  # Angstrom
WIDTH = (FARTHEST - NEAREST) / BINS
CONTACT = 8.0  # Angstrom, as CASP has it


def bin_centers() -> jax.Array:
    """Returns the middles of the bins [64], in Angstrom."""
    return NEAREST + WIDTH * (jnp.arange(BINS) + 0.5)


def bin_edges() -> jax.Array:
    """Returns the edges between bins [63], in Angstrom."""
    return NEAREST + WIDTH * jnp.arange(1, BINS)


def distances(points: jax.Array) -> jax.Array:
    """Returns all distances [N, N] of points [N, 3]; 1e-4 of a point to itself."""
    return norm(points[:, None] - points[None])


def find_bins(distance: jax.Array) -> jax.Array:
    """Returns the bin of each distance [...], int32 in 0 to 63."""
    return jnp.clip((distance - NEAREST) / WIDTH, 0, BINS - 1).astype(jnp.int32)


def distogram_loss(logits: jax.Array, distance: jax.Array, pair_mask: jax.Array) -> jax.Array:
    """Computes the mean cross entropy of true distances, in nats.

    Args:
      logits: [N, M, 64].
      distance: [N, M] in Angstrom.
      pair_mask: [N, M].

    Reference: Senior et al. 2020, Methods, "Distogram prediction".
    """
    chex.assert_rank([logits, distance, pair_mask], [3, 2, 2])
    chex.assert_equal_shape([distance, pair_mask])
    missed = optax.softmax_cross_entropy_with_integer_labels(logits, find_bins(distance))
    return jnp.sum(missed * pair_mask) / jnp.maximum(jnp.sum(pair_mask), 1)


def contact_probability(logits: jax.Array) -> jax.Array:
    """Returns how likely each pair is nearer than 8 Angstrom [...], of logits [..., 64].

    The bin that 8 Angstrom lie in counts by its part below.
    """
    below = jnp.clip((CONTACT - NEAREST) / WIDTH - jnp.arange(BINS), 0, 1)
    return jax.nn.softmax(logits) @ below


def noisy_distogram(
    key: jax.Array,
    distance: jax.Array,
    reference: jax.Array,
    *,
    noise: jax.Array | float,
    blur: float = 0.3,
    floor: float = 1e-3,
) -> jax.Array:
    """Makes the distogram of one who knows all distances with an error, and how large it is.

    By Bayes' rule it is the normal likelihood of what is told, at the middles of the bins, times
    what distances are at large: a potential relative to the same reference is the likelihood alone.

    Args:
      key: of the errors, which are independent but for the two entries of a pair.
      distance: [N, N] true ones, in Angstrom.
      reference: [S, 64] log probabilities by separation; separations beyond count as the last.
      noise: standard deviation of the errors, in Angstrom.
      blur: that is known to be added to it, so that exact distances have a width.
      floor: the likelihood that is spread over all bins alike.

    Returns:
      log probabilities [N, N, 64].
    """
    errors = jax.random.normal(key, distance.shape, distance.dtype)
    upper = jnp.triu(errors, 1)
    told = distance + noise * (upper + upper.T)
    centers = bin_centers()
    told = jnp.minimum(told, centers[-1])  # farther ones are told by the last bin as well as may be
    off = (told[..., None] - centers) ** 2 / (2 * (noise**2 + blur**2))
    likelihood = jnp.log((1 - floor) * jax.nn.softmax(-off) + floor / BINS)
    return jax.nn.log_softmax(likelihood + by_separation(reference, len(distance)))


def by_separation(reference: jax.Array, size: int) -> jax.Array:
    """Returns log probabilities [N, N, 64] of all pairs, of those by separation [S, 64]."""
    place = jnp.arange(size)
    return reference[jnp.minimum(jnp.abs(place[:, None] - place), len(reference) - 1)]


def reference_distogram(
    distance: jax.Array, pair_mask: jax.Array, *, largest: int = 128, prior: float = 1.0
) -> jax.Array:
    """Counts how likely distances are between residues so far apart in any chain.

    It stands for the paper's reference distribution, which a net learns that sees no sequence.

    Args:
      distance: [B, N, N] of training chains, in Angstrom.
      pair_mask: [B, N, N].
      largest: separations beyond it count as it.
      prior: pairs that are added to each separation, spread as those of all separations are.

    Returns:
      log probabilities [largest + 1, 64] by separation.
    """
    place = jnp.arange(distance.shape[-1])
    apart = jnp.minimum(jnp.abs(place[:, None] - place), largest)
    counts = jnp.zeros((largest + 1, BINS))
    apart = jnp.broadcast_to(apart, distance.shape)
    counts = counts.at[apart, find_bins(distance)].add(pair_mask)
    whole = jnp.sum(counts, 0) + 1
    counts = counts + prior * BINS * whole / jnp.sum(whole)
    return jnp.log(counts / jnp.sum(counts, -1, keepdims=True))
