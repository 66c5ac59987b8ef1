"""How wrong a structure is, seen from each of its frames; and torsions, and names of atoms.

Algorithms 26 to 28 of Jumper et al. 2021, supplement. Lengths are in Angstrom.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.alphafold.chi import GROUP_MASK, KnownGroups, KnownTorsions
from jaxdl.science.alphafold.masks import masked_mean
from jaxdl.science.geometry import Rigid, norm
from jaxdl.science.proteins import constants

CLAMP = 10.0  # d_clamp, Angstrom
LENGTH_SCALE = 10.0  # Z, Angstrom
EPSILON = 1e-4


def fape(
    frames: Rigid,
    true_frames: Rigid,
    frame_mask: jax.Array,
    points: jax.Array,
    true_points: jax.Array,
    point_mask: jax.Array,
    *,
    clamp: jax.Array | float | None = CLAMP,
    length_scale: float = LENGTH_SCALE,
    epsilon: float = EPSILON,
) -> jax.Array:
    """Computes the frame-aligned point error (algorithm 28, computeFAPE).

    Args:
      frames: [F] of the structure.
      true_frames: [F].
      frame_mask: [F], 1 for frames that look.
      points: [P, 3] of the structure.
      true_points: [P, 3].
      point_mask: [P], 1 for points that are looked at.
      clamp: d_clamp, an error that counts as much as any larger one; None for no such.
      length_scale: Z, of which errors are counted.
      epsilon: added to squares of distances, in square Angstrom, and to the weight.

    Returns:
      A scalar without unit.
    """
    chex.assert_rank([points, true_points, frame_mask, point_mask], [2, 2, 1, 1])
    chex.assert_equal_shape([points, true_points])
    chex.assert_equal_shape([frames.translation, true_frames.translation])
    seen = frames, true_frames, frame_mask, points, true_points, point_mask
    weight = jnp.sum(frame_mask) * jnp.sum(point_mask)
    total = sum_errors(*seen, clamp=clamp, epsilon=epsilon)
    return total / length_scale / (weight + epsilon)  # 4


def sum_errors(
    frames: Rigid,
    true_frames: Rigid,
    frame_mask: jax.Array,
    points: jax.Array,
    true_points: jax.Array,
    point_mask: jax.Array,
    *,
    clamp: jax.Array | float | None,
    epsilon: float,
) -> jax.Array:
    """Sums the errors in Angstrom; arguments are those of `fape`.

    What all frames see of all points is one product of matrices, both for the structure and for the
    truth; it is taken about the middle of the points, for float32's sake.
    """
    points, frames = center(points, frames, point_mask)
    true_points, true_frames = center(true_points, true_frames, point_mask)
    turn = jnp.concatenate([frames.rotation, -true_frames.rotation], -2)  # [F, 6, 3]
    origin = jnp.concatenate([frames.translation, true_frames.translation], -1)  # [F, 6]
    here = jnp.einsum("fji,fj->fi", turn, origin, precision="highest")
    there = jnp.concatenate([points, true_points], -1)  # [P, 6]
    apart = jnp.einsum("fji,pj->ifp", turn, there, precision="highest") - here.T[..., None]  # 1, 2
    error = jnp.sqrt(jnp.sum(apart**2, 0) + epsilon)  # [F, P]  # 3
    if clamp is not None:
        error = jnp.minimum(error, clamp)
    return jnp.einsum("f,p,fp->", frame_mask, point_mask, error, precision="highest")


def center(points: jax.Array, frames: Rigid, mask: jax.Array) -> tuple[jax.Array, Rigid]:
    """Moves points [P, 3] and frames so that the points that the mask [P] keeps lie around 0."""
    middle = jnp.einsum("p,pi->i", mask, points) / jnp.maximum(jnp.sum(mask), 1)
    middle = jax.lax.stop_gradient(middle)
    return points - middle, frames._replace(translation=frames.translation - middle)


def backbone_fape(
    frames: Rigid, true_frames: Rigid, mask: jax.Array, *, clamp: jax.Array | float | None = CLAMP
) -> jax.Array:
    """Computes what all layers are told: the error of CA atoms (algorithm 20, line 17).

    Args:
      frames: of the backbone [L, N], after each of L layers.
      true_frames: [N].
      mask: [N], 1 where the frame is known.
      clamp: as in `fape`; 10 in nine of ten batches, else infinite (supplement 1.11.5).

    Returns:
      [L].
    """

    def of_layer(frames):
        points, true_points = frames.translation, true_frames.translation
        return fape(frames, true_frames, mask, points, true_points, mask, clamp=clamp)

    return jax.vmap(of_layer)(frames)


def side_chain_fape(
    groups: Rigid,
    positions14: jax.Array,
    true_groups: Rigid,
    group_mask: jax.Array,
    true_positions14: jax.Array,
    atom_mask: jax.Array,
) -> jax.Array:
    """Computes the error of all atoms as all rigid groups see them (algorithm 20, line 27).

    One kind of group is taken after the other, and once more in the backward pass, so that only
    14 N x N errors are held at a time.

    Args:
      groups: [N, 8] of the structure.
      positions14: [N, 14, 3] of the structure.
      true_groups: [N, 8], of the names of atoms that `rename_symmetric_ground_truth_atoms` chose.
      group_mask: [N, 8].
      true_positions14: [N, 14, 3], of these names.
      atom_mask: [N, 14].
    """
    chex.assert_equal_shape([positions14, true_positions14])
    points, true_points = positions14.reshape(-1, 3), true_positions14.reshape(-1, 3)
    point_mask = atom_mask.ravel()

    @jax.checkpoint
    def of_kind(seen):
        return sum_errors(*seen, points, true_points, point_mask, clamp=CLAMP, epsilon=EPSILON)

    group_mask = group_mask[:, KINDS]
    by_kind = jax.tree.map(lambda x: jnp.swapaxes(x[:, KINDS], 0, 1), (groups, true_groups))
    total = jnp.sum(jax.lax.map(of_kind, (*by_kind, group_mask.T)))
    weight = jnp.sum(group_mask) * jnp.sum(point_mask)
    return total / LENGTH_SCALE / (weight + EPSILON)


# Kinds of groups that have atoms: all but those of omega and phi.
KINDS = np.flatnonzero(GROUP_MASK.any(0))


def rename_symmetric_ground_truth_atoms(
    aatype: jax.Array,
    positions14: jax.Array,
    true_positions14: jax.Array,
    atom_mask: jax.Array,
    groups: KnownGroups,
) -> tuple[jax.Array, jax.Array, Rigid]:
    """Gives atoms that could swap names the names that suit a structure (algorithm 26).

    A residue is renamed if its distances to atoms whose names are certain come closer so.

    Args:
      aatype: [N] int32.
      positions14: [N, 14, 3] of the structure.
      true_positions14: [N, 14, 3].
      atom_mask: [N, 14], 1 where a true atom is known.
      groups: true frames [N, 8] under both names.

    Returns:
      True positions [N, 14, 3], their mask [N, 14], and true frames [N, 8].
    """
    other = jnp.asarray(constants.SWAPPED_ATOM14)[aatype]  # [N, 14]
    other_positions = jnp.take_along_axis(true_positions14, other[..., None], 1)
    other_mask = jnp.take_along_axis(atom_mask, other, 1)
    ambiguous = jnp.asarray(constants.AMBIGUOUS_ATOM14)[aatype]
    certain = (atom_mask * (1 - ambiguous)).ravel()  # [14 N]
    rows = (atom_mask * ambiguous)[:, AMBIGUOUS]  # [N, A]

    def distances(positions):  # from atoms with two names to all: [N, A, 14 N]
        return norm(positions[:, AMBIGUOUS, None] - positions.reshape(-1, 3))

    here = distances(jax.lax.stop_gradient(positions14))  # 1

    def misfit(true_positions):  # [N]
        apart = jnp.abs(here - distances(true_positions))
        return jnp.einsum("nap,na,p->n", apart, rows, certain, precision="highest")

    rename = misfit(other_positions) < misfit(true_positions14)  # 2-4

    def choose(other, given):
        return jnp.where(rename.reshape(-1, *(1,) * (given.ndim - 1)), other, given)

    frames = jax.tree.map(choose, groups.alternative, groups.frames)  # 5-7
    return choose(other_positions, true_positions14), choose(other_mask, atom_mask), frames


# Places of atom14 in which some residue has an atom with two names.
AMBIGUOUS = np.flatnonzero(constants.AMBIGUOUS_ATOM14.any(0))


def torsion_angle_loss(
    raw_angles: jax.Array, known: KnownTorsions, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the error of torsions, under the better of two names (algorithm 27).

    Algorithm 27 returns the first plus 0.02 times the second. The published code judges chi1 to
    chi4 alone, since frames judge the backbone: it takes `known.mask` with 0 in the first three.

    Args:
      raw_angles: [..., N, 7, 2], before they are scaled to unit length.
      known: the truth, [N, 7].
      mask: [N], 1 where there is a residue.

    Returns:
      The mean square distance of points on the circle, and the mean distance of the raw points from
      it; scalars.
    """
    chex.assert_equal_shape_suffix([raw_angles, known.angles, known.alternative], 3)
    angles = raw_angles / norm(raw_angles, tiny=1e-12)[..., None]  # 1, 2
    errors = [jnp.sum((angles - x) ** 2, -1) for x in (known.angles, known.alternative)]
    torsion = masked_mean(jnp.minimum(*errors), known.mask)  # 3
    length = jnp.sqrt(jnp.sum(raw_angles**2, -1) + 1e-6)
    return torsion, masked_mean(jnp.abs(length - 1), mask[:, None])  # 4
