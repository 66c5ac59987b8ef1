"""Torsions and frames of rigid groups in known structures, under both names of their atoms.

Half a turn of the last torsion of ASP, GLU, PHE and TYR exchanges atoms that chemistry does not
tell apart, so that each has an alternative. Jumper et al. 2021, supplement, tables 2 and 3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.geometry import Rigid, compose, invert_apply, normalize, rigid_from_points
from jaxdl.science.proteins import constants

N, CA, C, O = (constants.ATOMS.index(name) for name in ("N", "CA", "C", "O"))  # noqa: E741


class KnownTorsions(NamedTuple):
    """Torsions of a known structure: omega, phi, psi and chi1 to chi4.

    Attributes:
      angles: [N, 7, 2], sines and cosines.
      alternative: [N, 7, 2], under the other names of atoms.
      mask: [N, 7], 1 where the four atoms are known.
    """

    angles: jax.Array
    alternative: jax.Array
    mask: jax.Array


class KnownGroups(NamedTuple):
    """Frames of the rigid groups of a known structure: backbone, omega, phi, psi, chi1 to chi4.

    Attributes:
      frames: [N, 8].
      alternative: [N, 8], under the other names of atoms.
      mask: [N, 8], 1 where the group has atoms and the three that span it are known.
    """

    frames: Rigid
    alternative: Rigid
    mask: jax.Array


def torsion_angles(aatype: jax.Array, positions: jax.Array, mask: jax.Array) -> KnownTorsions:
    """Measures torsions.

    Omega and phi belong to the bond with the residue before; the first residue has none.

    Args:
      aatype: [N] int32.
      positions: [N, 37, 3] in Angstrom.
      mask: [N, 37], 1 where an atom is known.
    """
    before = jnp.roll(positions, 1, 0).at[0].set(0)
    mask_before = jnp.roll(mask, 1, 0).at[0].set(0)
    chi = jnp.asarray(constants.CHI_INDEX)[aatype]  # [N, 4, 4]
    chi_mask = jnp.asarray(constants.CHI_MASK)[aatype]

    def follow(atoms, atoms_before):  # four atoms of omega, phi, psi and chi: [N, 7, 4, ...]
        omega = [atoms_before[:, CA], atoms_before[:, C], atoms[:, N], atoms[:, CA]]
        phi = [atoms_before[:, C], atoms[:, N], atoms[:, CA], atoms[:, C]]
        psi = [atoms[:, N], atoms[:, CA], atoms[:, C], atoms[:, O]]
        backbone = jnp.stack([jnp.stack(four, 1) for four in (omega, phi, psi)], 1)
        return jnp.concatenate([backbone, jax.vmap(lambda x, i: x[i])(atoms, chi)], 1)

    known = jnp.prod(follow(mask, mask_before), -1)
    known = known * jnp.concatenate([jnp.ones_like(known[:, :3]), chi_mask], 1)
    angles = sine_and_cosine(*jnp.moveaxis(follow(positions, before), 2, 0))
    angles = angles.at[:, 2].multiply(-1)  # O stands across from the next N, which defines psi
    half_turn = jnp.asarray(constants.CHI_PERIODIC)[aatype]
    alternative = angles.at[:, 3:].multiply(1 - 2 * half_turn[..., None])
    return KnownTorsions(angles, alternative, known)


def sine_and_cosine(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """Returns sines and cosines [..., 2] of the torsions of a, b, c and d [..., 3]."""
    last = invert_apply(rigid_from_points(a, c, 2 * c - b), d)
    return normalize(jnp.stack([last[..., 2], last[..., 1]], -1))


def rigid_groups(aatype: jax.Array, positions: jax.Array, mask: jax.Array) -> KnownGroups:
    """Finds the frames of rigid groups by algorithm 21.

    The backbone's has its first axis from CA to C; the others lie on the bond that turns them.

    Args:
      aatype: [N] int32.
      positions: [N, 37, 3] in Angstrom.
      mask: [N, 37], 1 where an atom is known.
    """
    places = jnp.asarray(GROUP_ATOMS)[aatype]  # [N, 8, 3]
    from_, origin, plane = jnp.moveaxis(jax.vmap(lambda x, i: x[i])(positions, places), 2, 0)
    is_backbone = jnp.arange(8)[:, None] == 0
    along = jnp.where(is_backbone, from_, 2 * origin - from_)
    frames = rigid_from_points(plane, origin, along)
    known = jnp.prod(jax.vmap(lambda x, i: x[i])(mask, places), -1)
    half_turn = jnp.asarray(HALF_TURNS, positions.dtype)[aatype]
    turn = Rigid(half_turn, jnp.zeros_like(frames.translation))
    return KnownGroups(frames, compose(frames, turn), known * jnp.asarray(GROUP_MASK)[aatype])


def _tabulate_groups() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the three tables below."""
    atoms, mask = np.zeros((21, 8, 3), np.int32), np.zeros((21, 8), np.float32)
    turns = np.tile(np.eye(3, dtype=np.float32), (21, 8, 1, 1))
    atoms[:, 0], atoms[:, 3] = (C, CA, N), (CA, C, O)
    mask[:, [0, 3]] = 1
    atoms[:, 4:] = constants.CHI_INDEX[..., 1:]
    mask[:, 4:] = constants.CHI_MASK
    turns[:, 4:, [1, 2], [1, 2]] -= 2 * constants.CHI_PERIODIC[..., None]
    return atoms, mask, turns


# GROUP_ATOMS [21, 8, 3]: where in atom37 the atoms stand that span a group: one on the first axis,
# the origin, one in the plane of the first two axes. GROUP_MASK [21, 8]: 1 where a residue has the
# group. HALF_TURNS [21, 8, 3, 3]: from the names of a group's atoms to their alternative.
GROUP_ATOMS, GROUP_MASK, HALF_TURNS = _tabulate_groups()
