"""Atoms of residues: where frames and torsions put them.

Algorithms 24 and 25 of Jumper et al. 2021, supplement. Angles are pairs of sine and cosine, in the
order of the published parameters (the supplement's alpha is cosine, sine). Lengths are in Angstrom.
"""

import jax
import jax.numpy as jnp

from jaxdl.science.geometry import Rigid, apply, compose
from jaxdl.science.proteins import constants, rigid_groups


def compute_all_atom_coordinates(
    frames: Rigid, angles: jax.Array, aatype: jax.Array
) -> tuple[Rigid, jax.Array]:
    """Builds residues of their frames and torsions (algorithm 24).

    Args:
      frames: of the backbone [N].
      angles: [N, 7, 2], sines and cosines of omega, phi, psi and chi1 to chi4, of unit length.
      aatype: [N] int32.

    Returns:
      Frames of the rigid groups [N, 8]: backbone, omega, phi, psi, chi1 to chi4; and the positions
      of atoms [N, 14, 3], 0 where a residue has fewer.
    """
    default = jnp.asarray(rigid_groups.GROUP_FRAMES, angles.dtype)[aatype]  # [N, 8, 4, 4]
    turned = turn_groups(Rigid(default[..., :3, :3], default[..., :3, 3]), angles)  # [N, 8]
    chain = [take_group(turned, group) for group in range(5)]
    for group in range(5, 8):  # chi2 to chi4 begin where the one before them ends
        chain.append(compose(chain[-1], take_group(turned, group)))  # 8-10
    local = jax.tree.map(lambda *x: jnp.stack(x, 1), *chain)
    groups = compose(jax.tree.map(lambda x: x[:, None], frames), local)

    group = jnp.asarray(rigid_groups.GROUP_OF_ATOM14)[aatype]  # [N, 14]
    of_atoms = jax.tree.map(lambda x: jax.vmap(lambda a, i: a[i])(x, group), groups)
    ideal = jnp.asarray(rigid_groups.ATOM14_IN_GROUP, angles.dtype)[aatype]
    positions = apply(of_atoms, ideal)  # [N, 14, 3]  # 11
    return groups, positions * atom14_exists(aatype)[..., None]


def turn_groups(default: Rigid, angles: jax.Array) -> Rigid:
    """Turns the groups [N, 8] of residues about their first axes by their torsions [N, 7, 2].

    The backbone, group 0, stays.
    """
    turn = Rigid(make_rot_x(angles), jnp.zeros((*angles.shape[:2], 3), angles.dtype))
    moved = compose(jax.tree.map(lambda x: x[:, 1:], default), turn)  # 2-7
    return jax.tree.map(lambda x, y: jnp.concatenate([x[:, :1], y], 1), default, moved)


def make_rot_x(angle: jax.Array) -> jax.Array:
    """Returns rotations [..., 3, 3] about the first axis by angles [..., 2] (algorithm 25)."""
    sine, cosine = angle[..., 0], angle[..., 1]
    zero, one = jnp.zeros_like(sine), jnp.ones_like(sine)
    rows = (one, zero, zero), (zero, cosine, -sine), (zero, sine, cosine)
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def take_group(rigid: Rigid, group: int) -> Rigid:
    """Returns the frames [N] of one of the groups [N, 8]."""
    return jax.tree.map(lambda x: x[:, group], rigid)


def atom14_exists(aatype: jax.Array) -> jax.Array:
    """Returns which of 14 atoms residues [N] have, as [N, 14] of 0 and 1."""
    return jnp.asarray(constants.ATOM14_MASK)[aatype]


def atom37_exists(aatype: jax.Array) -> jax.Array:
    """Returns which of 37 atoms residues [N] have, as [N, 37] of 0 and 1."""
    return jnp.asarray(constants.ATOM37_MASK)[aatype]
