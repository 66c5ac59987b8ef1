"""Rigid motions of space: a rotation, then a translation.

A frame of a residue is such a motion: it takes its own coordinates to those of the world.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.geometry.rotations import rotation_from_quaternion, rotation_from_two_vectors


class Rigid(NamedTuple):
    """A rigid motion x -> rotation x + translation.

    Attributes:
      rotation: [..., 3, 3].
      translation: [..., 3], in Angstrom.
    """

    rotation: jax.Array
    translation: jax.Array


def identity_rigid(shape: tuple[int, ...] = (), dtype: jnp.dtype = jnp.float32) -> Rigid:
    """Returns motions that leave everything where it is, with leaves [*shape, ...]."""
    rotation = jnp.broadcast_to(jnp.eye(3, dtype=dtype), (*shape, 3, 3))
    return Rigid(rotation, jnp.zeros((*shape, 3), dtype))


def apply(rigid: Rigid, points: jax.Array) -> jax.Array:
    """Takes points [..., 3] of the frame to the world; leading axes broadcast with the frame's."""
    turned = jnp.einsum("...ij,...j->...i", rigid.rotation, points, precision="highest")
    return turned + rigid.translation


def invert_apply(rigid: Rigid, points: jax.Array) -> jax.Array:
    """Takes points [..., 3] of the world to the frame; leading axes broadcast with the frame's."""
    offset = points - rigid.translation
    return jnp.einsum("...ji,...j->...i", rigid.rotation, offset, precision="highest")


def compose(outer: Rigid, inner: Rigid) -> Rigid:
    """Returns the motion that applies the inner one first, then the outer one."""
    rotation = jnp.einsum("...ij,...jk->...ik", outer.rotation, inner.rotation, precision="highest")
    return Rigid(rotation, apply(outer, inner.translation))


def invert(rigid: Rigid) -> Rigid:
    """Returns the motion that undoes another."""
    rotation = jnp.swapaxes(rigid.rotation, -1, -2)
    moved = jnp.einsum("...ij,...j->...i", rotation, rigid.translation, precision="highest")
    return Rigid(rotation, -moved)


def rigid_from_points(x1: jax.Array, x2: jax.Array, x3: jax.Array) -> Rigid:
    """Returns frames with x2 [..., 3] as origin, x3 on the first axis, x1 in the plane of two axes.

    For the backbone x1, x2, x3 are N, CA and C.

    Reference: Jumper et al. 2021, supplement, algorithm 21.
    """
    return Rigid(rotation_from_two_vectors(x3 - x2, x1 - x2), x2)


def update_by_quaternion(rigid: Rigid, vector: jax.Array, translation: jax.Array) -> Rigid:
    """Moves frames by a small motion that is given in the frames themselves.

    Args:
      rigid: frames [...].
      vector: [..., 3], the imaginary part (b, c, d) of a quaternion whose real part is 1.
      translation: [..., 3], in Angstrom.

    Returns:
      The frames, composed with the motion.

    Reference: Jumper et al. 2021, supplement, algorithm 23.
    """
    quaternion = jnp.concatenate([jnp.ones_like(vector[..., :1]), vector], -1)
    return compose(rigid, Rigid(rotation_from_quaternion(quaternion), translation))
