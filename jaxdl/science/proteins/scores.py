"""How near a predicted structure is to the true one.

All take one chain of N points, as a rule the CA atoms, [N, 3] in Angstrom, with a mask [N] of those
that are to be compared; for many chains, map over them. `rmsd`, `tm_score` and `gdt_ts` lay the
prediction upon the truth first, `lddt`, `drmsd` and `distogram_precision` need no superposition.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.science.geometry import Rigid, apply, identity_rigid, norm, superpose

RANGES = {"short": (6, 11), "medium": (12, 23), "long": (24, None)}  # residues apart, as in CASP
SHORTEST = 4  # points of a fragment by which chains are superposed (Zhang & Skolnick 2004)
STARTS = 4  # fragments that begin within one fragment's length
ROUNDS = 12  # of a superposition by the points that are near after the one before
POLISH = 12  # rounds by weights, after which the best score does not rise any more


def lddt(
    predicted: jax.Array,
    true: jax.Array,
    mask: jax.Array,
    *,
    cutoff: float = 15.0,
    per_residue: bool = False,
) -> jax.Array:
    """Computes the share of true distances that are kept, averaged over 0.5, 1, 2 and 4 Angstrom.

    Args:
      predicted: [N, 3].
      true: [N, 3].
      mask: [N].
      cutoff: true distances below it count.
      per_residue: return a score for each point.

    Returns:
      A scalar in 0 to 1, or [N]; 0 where no distance counts. It has no gradient, being a count.

    Reference: Mariani et al. 2013.
    """
    found, asked, pairs = _distances(predicted, true, mask)
    counts = pairs * (asked < cutoff)
    missed = jnp.abs(found - asked)
    kept = sum((missed < within).astype(counts.dtype) for within in (0.5, 1.0, 2.0, 4.0)) / 4
    axes = -1 if per_residue else (-2, -1)
    return jnp.sum(counts * kept, axes) / jnp.maximum(jnp.sum(counts, axes), 1)


def drmsd(predicted: jax.Array, true: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the root mean square difference of all distances, a scalar in Angstrom.

    A mirror image has a drmsd of 0.

    Args:
      predicted: [N, 3].
      true: [N, 3].
      mask: [N].
    """
    found, asked, pairs = _distances(predicted, true, mask)
    square = jnp.sum(pairs * (found - asked) ** 2) / jnp.maximum(jnp.sum(pairs), 1)
    return jnp.sqrt(jnp.maximum(square, 1e-12))


def rmsd(predicted: jax.Array, true: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes the root mean square distance after the best superposition, a scalar in Angstrom.

    Args:
      predicted: [N, 3].
      true: [N, 3].
      mask: [N].
    """
    return superpose(predicted, true, mask)[1]


def tm_score(
    predicted: jax.Array, true: jax.Array, mask: jax.Array, *, length: jax.Array | int | None = None
) -> jax.Array:
    """Computes the TM-score: 1 is the same structure, below 0.2 are chance's, 0.5 the same fold.

    It is the largest over superpositions that a search finds, and has a gradient: at the best
    superposition it does not depend on the superposition to first order.

    Args:
      predicted: [N, 3], of the same residues as the true ones.
      true: [N, 3].
      mask: [N].
      length: of the chain whose residues count, missing ones too; those of the mask by default.

    Returns:
      A scalar in 0 to 1.

    Reference: Zhang & Skolnick 2004, eq. 1.
    """
    count = jnp.sum(mask) if length is None else jnp.asarray(length)
    best = best_superposition(predicted, true, mask, length=count)
    distance = norm(apply(best.motion, predicted) - true)
    return jnp.sum(mask * _closeness(distance, tm_scale(count))) / jnp.maximum(count, 1)


def gdt_ts(
    predicted: jax.Array,
    true: jax.Array,
    mask: jax.Array,
    *,
    cutoffs: Sequence[float] = (1.0, 2.0, 4.0, 8.0),
) -> jax.Array:
    """Computes the share of points within 1, 2, 4 and 8 Angstrom of the true ones, averaged.

    For each distance it is the largest share over the superpositions that a search finds. It has no
    gradient, being a count.

    Args:
      predicted: [N, 3].
      true: [N, 3].
      mask: [N].
      cutoffs: in Angstrom; those of GDT_HA are 0.5, 1, 2 and 4.

    Returns:
      A scalar in 0 to 1; CASP prints 100 times that.

    Reference: Zemla 2003.
    """
    best = best_superposition(predicted, true, mask, cutoffs=cutoffs)
    return jnp.mean(best.within) / jnp.maximum(jnp.sum(mask), 1)


def distogram_precision(
    contacts: jax.Array,
    true: jax.Array,
    mask: jax.Array,
    *,
    separation: tuple[int, int | None] = RANGES["long"],
    share: float = 0.2,
    cutoff: float = 8.0,
) -> jax.Array:
    """Computes how many of the likeliest contacts of a range are true ones.

    Args:
      contacts: [N, N] probabilities that two residues are in contact, or any score that orders
        pairs alike; of the two entries of a pair the mean counts.
      true: [N, 3], the CB atoms (CA of glycine).
      mask: [N].
      separation: residues apart at least and at most; `RANGES` holds those of CASP.
      share: L times it pairs are looked at, the chain being of L residues; 0.2 is "top L/5".
      cutoff: true distances below it are contacts.

    Returns:
      A scalar in 0 to 1, over the pairs looked at: at least one, and fewer than L times the share
      where the range has fewer.
    """
    chex.assert_rank([contacts, true, mask], [2, 2, 1])
    _, asked, pairs = _distances(true, true, mask)
    rows, columns = jnp.triu_indices(len(true), separation[0])
    apart = columns - rows
    allowed = pairs[rows, columns] * (apart <= (separation[1] or len(true)))
    scores = ((contacts + contacts.T) / 2)[rows, columns]
    order = jnp.argsort(jnp.where(allowed > 0, -scores, jnp.inf))
    taken = jnp.arange(len(order)) < jnp.maximum(jnp.floor(share * jnp.sum(mask)), 1)
    looked_at = taken * allowed[order]
    hits = looked_at * (asked[rows, columns] < cutoff)[order]
    return jnp.sum(hits) / jnp.maximum(jnp.sum(looked_at), 1)


class Superposition(NamedTuple):
    """What a search over superpositions has found.

    Attributes:
      motion: of the highest TM-score; no gradient flows through it.
      within: [K] the most points that came within each cutoff.
    """

    motion: Rigid
    within: jax.Array


def tm_scale(length: jax.Array) -> jax.Array:
    """Returns d0 in Angstrom for chains of that length (Zhang & Skolnick 2004, eq. 5)."""
    scale = 1.24 * jnp.cbrt(jnp.maximum(length, 16) - 15.0) - 1.8
    return jnp.where(length > 21, jnp.maximum(scale, 0.5), 0.5)


def best_superposition(
    predicted: jax.Array,
    true: jax.Array,
    mask: jax.Array,
    *,
    length: jax.Array | None = None,
    cutoffs: Sequence[float] = (),
) -> Superposition:
    """Searches the superposition of the highest TM-score, and of the most points within cutoffs.

    Fragments of the whole chain, of half of it, of a quarter, ... are superposed, then again and
    again whichever points are near to each other after the superposition before. The best of all is
    polished by weighted superpositions, none of which can lower the score: the weights are those of
    a quadratic bound that touches it (Lange, Hunter & Yang 2000).

    Args:
      predicted: [N, 3].
      true: [N, 3].
      mask: [N].
      length: as in `tm_score`.
      cutoffs: K distances in Angstrom.

    Reference: Zhang & Skolnick 2004, "TM-score search engine".
    """
    chex.assert_rank([predicted, true, mask], [2, 2, 1])
    chex.assert_equal_shape([predicted, true])
    predicted, true = jax.lax.stop_gradient((predicted, true))
    scale = tm_scale(jnp.sum(mask) if length is None else length)
    near = jnp.clip(scale, 4.5, 8.0)
    limits = jnp.asarray(cutoffs, predicted.dtype)

    def superpose_near(search, extra):
        motion, distance = jax.vmap(partial(_move, predicted, true))(search.weights)
        score = jnp.sum(mask * _closeness(distance, scale), -1)
        within = jnp.sum(mask * (distance[:, None] <= limits[:, None]), -1)
        weights = jax.vmap(lambda d: _nearest(d, mask, near + extra))(distance)
        better = score > search.score
        motion = jax.tree.map(partial(_choose, better), motion, search.motion)
        score, most = jnp.maximum(score, search.score), jnp.maximum(within, search.within)
        return _Search(weights, score, motion, most), None

    def polish(motion, _):
        distance = norm(apply(motion, predicted) - true)
        return superpose(predicted, true, mask * _closeness(distance, scale) ** 2)[0], None

    weights = _fragments(mask)
    lowest = jnp.full(len(weights), -1.0, predicted.dtype)
    nothing = jnp.zeros((len(weights), len(cutoffs)), predicted.dtype)
    first = _Search(weights, lowest, identity_rigid(lowest.shape, predicted.dtype), nothing)
    extra = jnp.where(jnp.arange(ROUNDS) == 0, -1.0, 1.0)
    search, _ = jax.lax.scan(superpose_near, first, extra)
    best = jax.tree.map(lambda x: x[jnp.argmax(search.score)], search.motion)
    best, _ = jax.lax.scan(polish, best, length=POLISH)
    return Superposition(best, jnp.max(search.within, 0))


class _Search(NamedTuple):
    """Where F searches for a superposition stand: leaves [F, ...]."""

    weights: jax.Array
    score: jax.Array
    motion: Rigid
    within: jax.Array


def _move(predicted: jax.Array, true: jax.Array, weights: jax.Array) -> tuple[Rigid, jax.Array]:
    """Superposes by weights [N]; returns the motion, and all distances [N] after it."""
    motion, _ = superpose(predicted, true, weights)
    return motion, norm(apply(motion, predicted) - true)


def _choose(which: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """Takes rows of one or the other, by which [F]."""
    return jnp.where(which.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _distances(
    predicted: jax.Array, true: jax.Array, mask: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns distances of both, and which pairs of different points count, all [N, N]."""
    chex.assert_rank([predicted, true, mask], [2, 2, 1])
    chex.assert_equal_shape([predicted, true])
    pairs = mask[:, None] * mask[None] * (1 - jnp.eye(len(true), dtype=predicted.dtype))
    found, asked = (norm(x[:, None] - x[None]) for x in (predicted, true))
    return found, asked, pairs


def _closeness(distance: jax.Array, scale: jax.Array) -> jax.Array:
    """What a point adds to the TM-score."""
    return 1 / (1 + (distance / scale) ** 2)


def _fragments(mask: jax.Array) -> jax.Array:
    """Lists fragments of neighbors among the points that count, as weights [F, N].

    Each level's are half as long as those of the level before, and begin half as far apart. Which
    there are does not depend on padding: more of it makes some of them occur twice.
    """
    place, count = jnp.cumsum(mask > 0) - 1, jnp.sum(mask > 0)
    found = []
    for level in range(max(len(mask) // SHORTEST, 1).bit_length() + 1):
        length = jnp.maximum(count // 2**level, SHORTEST)
        starts = min(2 * STARTS * 2**level, len(mask)) if level else 1
        first = jnp.arange(starts) * jnp.maximum(length // STARTS, 1)
        first = jnp.minimum(first, jnp.maximum(count - length, 0))[:, None]
        found.append((place >= first) & (place < first + length))
    return jnp.concatenate(found) * mask


def _nearest(distance: jax.Array, mask: jax.Array, cutoff: jax.Array) -> jax.Array:
    """Weighs the points within the cutoff by 1, of which there are at least three."""
    distance = jnp.where(mask > 0, distance, jnp.inf)
    third = -jax.lax.top_k(-distance, 3)[0][-1]
    return mask * (distance <= jnp.maximum(cutoff, third))
