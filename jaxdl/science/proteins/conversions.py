"""Atoms of residues in other orders: atom37 and atom14, and one atom for each residue."""

import jax
import jax.numpy as jnp

from jaxdl.science.proteins import constants


def atom14_from_atom37(values: jax.Array, aatype: jax.Array) -> jax.Array:
    """Packs what belongs to atoms, such as positions or a mask, without gaps.

    Args:
      values: [..., N, 37] or [..., N, 37, D].
      aatype: [..., N] int32.

    Returns:
      [..., N, 14] or [..., N, 14, D], 0 where the residue has no such atom.
    """
    return _gather(values, constants.ATOM37_OF_ATOM14, constants.ATOM14_MASK, aatype)


def atom37_from_atom14(values: jax.Array, aatype: jax.Array) -> jax.Array:
    """Unpacks what belongs to atoms into the order that all residues share.

    Args:
      values: [..., N, 14] or [..., N, 14, D].
      aatype: [..., N] int32.

    Returns:
      [..., N, 37] or [..., N, 37, D], 0 where the residue has no such atom.
    """
    return _gather(values, constants.ATOM14_OF_ATOM37, constants.ATOM37_MASK, aatype)


def _gather(values, places, mask, aatype) -> jax.Array:
    index = jnp.asarray(places)[aatype]  # [..., N, A]
    exists = jnp.asarray(mask, values.dtype)[aatype]
    if values.ndim > index.ndim:
        index, exists = index[..., None], exists[..., None]
    return jnp.take_along_axis(values, index, axis=aatype.ndim) * exists


def pseudo_beta(
    aatype: jax.Array, positions: jax.Array, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns one atom for each residue: CB, or CA of glycine.

    Args:
      aatype: [..., N] int32.
      positions: [..., N, A, 3] in Angstrom, A atoms of which the first are N, CA, C and CB.
      mask: [..., N, A].

    Returns:
      Positions [..., N, 3] and mask [..., N].
    """
    is_glycine = aatype == constants.RESIDUES.index("G")
    alpha, beta = constants.ATOMS.index("CA"), constants.ATOMS.index("CB")
    places = jnp.where(is_glycine[..., None], positions[..., alpha, :], positions[..., beta, :])
    return places, jnp.where(is_glycine, mask[..., alpha], mask[..., beta])
