"""Backbones by their torsions: chains of ideal bonds and angles, folded in O(log N) steps."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.geometry import (
    Rigid,
    apply,
    compose,
    dihedral,
    identity_rigid,
    place_atom,
    rigid_from_points,
)

# Engh & Huber 2001, table 18.3.2.3: means over amino acids, in Angstrom and degrees.
N_CA, CA_C, C_N, C_O, CA_CB = 1.459, 1.525, 1.336, 1.229, 1.530
N_CA_C, CA_C_N, C_N_CA, CA_C_O, N_CA_CB = (
    math.radians(degrees) for degrees in (111.0, 117.2, 121.7, 120.1, 110.5)
)
# The torsion C, N, CA, CB of an L-amino acid; the median of Docking Benchmark 5 is -122.0 degrees.
HANDEDNESS = math.radians(-122.0)


class Backbone(NamedTuple):
    """Atoms of a chain, each [..., N, 3] in Angstrom; glycine's CB stands where others have one."""

    n: jax.Array
    ca: jax.Array
    c: jax.Array
    cb: jax.Array
    o: jax.Array


def build_backbone(torsions: jax.Array) -> Backbone:
    """Builds the atoms of a chain from its torsions; bonds and angles are ideal, omega is pi.

    The motion from each residue's frame to the next is a function of two torsions. Their products
    along the chain are a prefix scan, so that a chain of 256 takes 8 steps and not 256.

    Args:
      torsions: [N, 2] phi and psi, in radians. The first phi and the last psi turn no CA or CB.

    Returns:
      The chain, whose first CA is the origin.
    """
    phi, psi = torsions[:, 0], torsions[:, 1]
    links = _links(psi[:-1], phi[1:])
    first = identity_rigid((1,), torsions.dtype)
    steps = jax.tree.map(lambda *x: jnp.concatenate(x), first, links)
    frames = jax.lax.associative_scan(compose, steps)
    n, ca, c, cb = (apply(frames, jnp.asarray(x, torsions.dtype)) for x in _ideal_residue())
    o = place_atom(n, ca, c, length=C_O, angle=CA_C_O, torsion=psi + math.pi)
    return Backbone(n, ca, c, cb, o)


def backbone_torsions(n: jax.Array, ca: jax.Array, c: jax.Array) -> jax.Array:
    """Measures phi and psi.

    Args:
      n: [N, 3].
      ca: [N, 3].
      c: [N, 3].

    Returns:
      [N, 2] in radians; the first phi and the last psi, which there are not, are 0.
    """
    phi = dihedral(c[:-1], n[1:], ca[1:], c[1:])
    psi = dihedral(n[:-1], ca[:-1], c[:-1], n[1:])
    return jnp.stack([jnp.pad(phi, (1, 0)), jnp.pad(psi, (0, 1))], -1)


def _ideal_residue() -> tuple[jax.Array, ...]:
    """Returns N, CA, C and CB in the residue's frame (Jumper et al. 2021, algorithm 21)."""
    n = jnp.array([N_CA * math.cos(N_CA_C), N_CA * math.sin(N_CA_C), 0.0])
    ca = jnp.zeros(3)
    c = jnp.array([CA_C, 0.0, 0.0])
    return n, ca, c, place_atom(c, n, ca, length=CA_CB, angle=N_CA_CB, torsion=HANDEDNESS)


def _links(psi: jax.Array, phi: jax.Array) -> Rigid:
    """Returns the motions [N - 1] from frames to the next, by their psi and the next ones' phi."""
    n, ca, c, _ = _ideal_residue()
    next_n = place_atom(n, ca, c, length=C_N, angle=CA_C_N, torsion=psi)
    next_ca = place_atom(ca, c, next_n, length=N_CA, angle=C_N_CA, torsion=math.pi)
    next_c = place_atom(c, next_n, next_ca, length=CA_C, angle=N_CA_C, torsion=phi)
    return rigid_from_points(next_n, next_ca, next_c)
