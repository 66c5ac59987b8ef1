"""Where a structure breaks what chemistry allows: bonds between residues, angles, clashes.

Section 1.9.11 of Jumper et al. 2021, supplement. Lengths are in Angstrom.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.alphafold.masks import masked_mean
from jaxdl.science.geometry import norm
from jaxdl.science.proteins import constants, stereochemistry

TOLERANCE = 12.0  # tau of eq. 44 and 45, in standard deviations
OVERLAP = 1.5  # tau of eq. 46, Angstrom that atoms which are not bonded may overlap
N, CA, C = 0, 1, 2  # of atom14
BLOCK = 16  # residues that are compared with all others at a time
PROLINE = constants.RESIDUES.index("P")

# [21, 14], 1 where two atoms of the kind, of different residues, may be bonded. The published code
# takes the sixth atom of any residue.
DISULFIDE = np.asarray(constants.ATOM37_OF_ATOM14 == constants.ATOMS.index("SG"), np.float32)


class Violations(NamedTuple):
    """What is broken, and how much.

    Attributes:
      bond: mean over peptide bonds of what their lengths exceed, in Angstrom (eq. 44).
      angle_ca_c_n: mean of what the cosine of the angle CA-C-N exceeds (eq. 45).
      angle_c_n_ca: mean of what the cosine of the angle C-N-CA exceeds (eq. 45).
      clash: what distances of atoms in different residues fall short of (eq. 46), and distances
        within residues are off, summed over the pairs of each atom, mean over atoms, in Angstrom.
      residues: [N], 1 where a residue takes part in any.
    """

    bond: jax.Array
    angle_ca_c_n: jax.Array
    angle_c_n_ca: jax.Array
    clash: jax.Array
    residues: jax.Array


def structural_violations(
    aatype: jax.Array, residue_index: jax.Array, positions14: jax.Array, mask: jax.Array
) -> Violations:
    """Measures violations.

    Args:
      aatype: [N] int32.
      residue_index: [N] int32; residues whose numbers follow each other are bonded.
      positions14: [N, 14, 3].
      mask: [N, 14], 1 where there is an atom.
    """
    chex.assert_rank([aatype, residue_index, positions14, mask], [1, 1, 3, 2])
    bonds = peptide_violations(aatype, residue_index, positions14, mask)
    between, apart = between_residues(aatype, residue_index, positions14, mask)
    within, inside = within_residues(aatype, positions14, mask)
    broken = jnp.max(jnp.stack([wrong for _, wrong in bonds]), 0)
    joined = jnp.maximum(jnp.pad(broken, (0, 1)), jnp.pad(broken, (1, 0)))
    clash = (between + within) / (1e-6 + jnp.sum(mask))
    residues = jnp.maximum(joined, jnp.maximum(apart, inside))
    return Violations(*(loss for loss, _ in bonds), clash, residues)


def violation_loss(violations: Violations) -> jax.Array:
    """Computes the sum of what is broken (eq. 47)."""
    return sum(violations[:4])


def peptide_violations(
    aatype: jax.Array, residue_index: jax.Array, positions14: jax.Array, mask: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """Judges the bonds from one residue to the next (eq. 44 and 45).

    Returns:
      For the length of C-N and the cosines of CA-C-N and C-N-CA: the mean of what exceeds the
      tolerance, a scalar, and where something does, [N - 1].
    """
    before, after = positions14[:-1], positions14[1:]
    bonded = jnp.asarray(residue_index[1:] - residue_index[:-1] == 1, mask.dtype)
    bonded = bonded * mask[:-1, C] * mask[1:, N]
    ca, c, n, next_ca = before[:, CA], before[:, C], after[:, N], after[:, CA]
    length, to_n = measure(n - c)
    _, to_ca = measure(ca - c)
    _, onward = measure(next_ca - n)

    plain, proline = stereochemistry.PEPTIDE_LENGTH, stereochemistry.PEPTIDE_LENGTH_PROLINE
    is_proline = aatype[1:] == PROLINE
    mean, deviation = (jnp.where(is_proline, x, y) for x, y in zip(proline, plain, strict=True))
    return [
        exceed(length, mean, deviation, bonded),
        exceed(
            jnp.sum(to_ca * to_n, -1),
            *stereochemistry.PEPTIDE_COSINE_CA_C_N,
            bonded * mask[:-1, CA],
        ),
        exceed(
            jnp.sum(-to_n * onward, -1),
            *stereochemistry.PEPTIDE_COSINE_C_N_CA,
            bonded * mask[1:, CA],
        ),
    ]


def measure(vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns lengths [...] and directions of vectors [..., 3], smooth where they are zero."""
    length = jnp.sqrt(jnp.sum(vector**2, -1) + 1e-6)
    return length, vector / length[..., None]


def exceed(
    x: jax.Array, mean: jax.Array | float, deviation: jax.Array | float, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns the mean of what x [M] exceeds its tolerance, and where it does."""
    error = jnp.sqrt((x - mean) ** 2 + 1e-6)
    beyond = jnp.maximum(error - TOLERANCE * deviation, 0)
    return masked_mean(beyond, mask), mask * (beyond > 0)


def between_residues(
    aatype: jax.Array, residue_index: jax.Array, positions14: jax.Array, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Judges distances of atoms of different residues (eq. 46).

    Returns:
      What they fall short of, summed over both atoms of all pairs, a scalar; and where, [N].
    """
    radius = jnp.asarray(constants.RADII)

    @jax.checkpoint
    def of_residue(residue):
        kind, number, positions, there = residue
        distance = norm(positions[:, None, None] - positions14, tiny=1e-10)  # [14, N, 14]
        bound = radius[kind][:, None, None] + radius[aatype] - OVERLAP
        counts = may_clash(kind, number, aatype, residue_index) * there[:, None, None] * mask
        short = counts * jnp.maximum(bound - distance, 0)
        return jnp.sum(short), jnp.any(short > 0, (0, 2))

    residues = aatype, residue_index, positions14, mask
    short, wrong = jax.lax.map(of_residue, residues, batch_size=BLOCK)  # [N], [N, N]
    return 2 * jnp.sum(short), jnp.any(wrong | wrong.T, 0).astype(mask.dtype)


def may_clash(
    kind: jax.Array, number: jax.Array, aatype: jax.Array, residue_index: jax.Array
) -> jax.Array:
    """Returns which atoms of a residue and of those behind it are not bonded, [14, N, 14] bool.

    Args:
      kind: int32 scalar, of the residue.
      number: int32 scalar.
      aatype: [N] int32 of all residues.
      residue_index: [N] int32.
    """
    place = jnp.arange(14)
    is_next = (number + 1 == residue_index)[:, None]
    peptide = is_next & (place[:, None, None] == C) & (place == N)
    sulfur = jnp.asarray(DISULFIDE) > 0
    disulfide = sulfur[kind][:, None, None] & sulfur[aatype]
    return (number < residue_index)[:, None] & ~(peptide | disulfide)


def within_residues(
    aatype: jax.Array, positions14: jax.Array, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Judges distances within residues: of bonds and angles, and of atoms that are not bonded.

    Returns:
      What they are off, summed over both atoms of both orders of all pairs, a scalar; and where,
      [N].
    """
    mean = jnp.asarray(stereochemistry.RESTRAINED_DISTANCE)[aatype]  # [N, 14, 14]
    slack = TOLERANCE * jnp.asarray(stereochemistry.RESTRAINT_DEVIATION)[aatype]
    radius = jnp.asarray(constants.RADII)[aatype]
    is_free = mean == 0
    lower = jnp.where(is_free, radius[..., None] + radius[:, None] - OVERLAP, mean - slack)
    upper = jnp.where(is_free, jnp.inf, mean + slack)
    distance = norm(positions14[:, :, None] - positions14[:, None], tiny=1e-10)
    off = jnp.maximum(lower - distance, 0) + jnp.maximum(distance - upper, 0)
    off = off * mask[..., None] * mask[:, None] * (1 - jnp.eye(14, dtype=mask.dtype))
    return 2 * jnp.sum(off), jnp.max(off > 0, (1, 2)).astype(mask.dtype)
