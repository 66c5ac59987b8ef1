"""Angles of chains of atoms, and atoms that are placed by them."""

import jax
import jax.numpy as jnp

from jaxdl.science.geometry.rotations import rotation_from_two_vectors
from jaxdl.science.geometry.vectors import normalize


def dihedral(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """Returns the angles [...] in radians by which d is turned from a about the bond b to c.

    All points are [..., 3]. The sign is IUPAC's: seen along the bond, clockwise is positive. Where
    three of the points lie on a line the angle is 0, and so is its gradient.
    """
    bond = normalize(c - b)
    before, after = jnp.cross(a - b, bond), jnp.cross(d - c, bond)
    sine = jnp.sum(jnp.cross(before, after) * bond, -1)
    cosine = jnp.sum(before * after, -1)
    straight = sine * sine + cosine * cosine < 1e-12
    return jnp.where(straight, 0, jnp.arctan2(sine, jnp.where(straight, 1, cosine)))


def place_atom(
    a: jax.Array,
    b: jax.Array,
    c: jax.Array,
    *,
    length: jax.Array | float,
    angle: jax.Array | float,
    torsion: jax.Array | float,
) -> jax.Array:
    """Returns the atom d [..., 3] that follows a, b and c [..., 3] in a chain.

    Args:
      a: the atom from which the torsion is measured.
      b: where the turned bond begins.
      c: where it ends.
      length: of the bond from c to d, in the unit of the points.
      angle: of b, c and d, in radians.
      torsion: of a, b, c and d, in radians.

    Reference: Parsons et al. 2005 (NeRF).
    """
    axes = rotation_from_two_vectors(c - b, a - b)
    sine = jnp.sin(angle)
    local = jnp.stack(
        jnp.broadcast_arrays(-jnp.cos(angle), sine * jnp.cos(torsion), sine * jnp.sin(torsion)),
        -1,
    )
    step = jnp.einsum("...ij,...j->...i", axes, local, precision="highest")
    return c + jnp.asarray(length)[..., None] * step
