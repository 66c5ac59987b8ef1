"""Geometry of atoms: rotations, rigid motions, torsions, superposition. All of it float32 safe."""

from jaxdl.science.geometry.rigid import (
    Rigid,
    apply,
    compose,
    identity_rigid,
    invert,
    invert_apply,
    rigid_from_points,
    update_by_quaternion,
)
from jaxdl.science.geometry.rotations import (
    quaternion_from_rotation,
    rotation_from_quaternion,
    rotation_from_two_vectors,
)
from jaxdl.science.geometry.superposition import superpose
from jaxdl.science.geometry.torsions import dihedral, place_atom
from jaxdl.science.geometry.vectors import norm, normalize

__all__ = [
    "Rigid",
    "apply",
    "compose",
    "dihedral",
    "identity_rigid",
    "invert",
    "invert_apply",
    "norm",
    "normalize",
    "place_atom",
    "quaternion_from_rotation",
    "rigid_from_points",
    "rotation_from_quaternion",
    "rotation_from_two_vectors",
    "superpose",
    "update_by_quaternion",
]
