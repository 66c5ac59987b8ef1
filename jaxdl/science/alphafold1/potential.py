"""The potential of a chain: smooth in its torsions, lowest where distances are as predicted.

Senior et al. 2020, Methods, "Realization of the potential":

    V(phi, psi) = V_distance + V_torsion + V_clash
    V_distance  = - sum over i != j of log P(d_ij | sequence, i, j) - log P(d_ij | i, j)
    V_torsion   = - sum over i of log von Mises(phi_i, psi_i)

V_distance goes through the middles of the bins as a cubic spline. V_clash stands for Rosetta's
van der Waals term: its quadratic form, of CA and CB atoms alone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.alphafold1.backbone import Backbone, build_backbone
from jaxdl.science.alphafold1.distogram import BINS, NEAREST, WIDTH, by_separation, distances

# Of pairs of atoms at least three residues apart in Docking Benchmark 5, 0.1 % are nearer.
CLASH_CA, CLASH_CB = 3.8, 3.45  # Angstrom
APART = 3  # residues, for atoms that may clash


class VonMises(NamedTuple):
    """Distributions of torsions, each alone.

    Attributes:
      mean: [..., 2] of phi and psi, in radians.
      concentration: [..., 2] kappa.
    """

    mean: jax.Array
    concentration: jax.Array


class Potential(NamedTuple):
    """What is needed to compute the energy of a chain, in nats.

    Attributes:
      spline: [N, N, 66] coefficients of the distances' splines; 0 where a pair does not count.
      torsions: leaves [N, 2].
      mask: [N] residues that there are; they stand first.
      glycine: [N] 1 where CA stands for CB.
    """

    spline: jax.Array
    torsions: VonMises
    mask: jax.Array
    glycine: jax.Array


def make_potential(
    log_probability: jax.Array,
    reference: jax.Array,
    torsions: VonMises,
    mask: jax.Array,
    glycine: jax.Array,
) -> Potential:
    """Makes the potential of a chain.

    Args:
      log_probability: [N, N, 64] of distances; the mean over both entries of a pair counts.
      reference: [S, 64] log probabilities by separation; separations beyond count as the last.
      torsions: leaves [N, 2].
      mask: [N].
      glycine: [N].
    """
    place = jnp.arange(len(mask))
    apart = jnp.abs(place[:, None] - place)
    log_ratio = log_probability - by_separation(reference, len(mask))
    energy = -(log_ratio + log_ratio.swapaxes(0, 1)) / 2
    pairs = mask[:, None] * mask * (apart > 0)
    return Potential(fit_spline(energy) * pairs[..., None], torsions, mask, glycine)


def energy(potential: Potential, torsions: jax.Array) -> jax.Array:
    """Computes the energy of a chain, a scalar in nats, by its torsions [N, 2]."""
    chain = build_backbone(torsions)
    cb = representative(chain, potential.glycine)
    apart = distances(cb)
    place = jnp.arange(len(cb))
    far = jnp.abs(place[:, None] - place) >= APART
    pairs = potential.mask[:, None] * potential.mask * far
    distance_energy = jnp.sum(evaluate_spline(potential.spline, apart))
    clashes = pairs * (clash(distances(chain.ca), CLASH_CA) + clash(apart, CLASH_CB))
    mean, concentration = potential.torsions
    # Up to a constant: the logarithm of the density's norm.
    torsion_energy = -concentration * jnp.cos(torsions - mean) * potential.mask[:, None]
    return distance_energy + jnp.sum(clashes) + jnp.sum(torsion_energy)


def representative(chain: Backbone, glycine: jax.Array) -> jax.Array:
    """Returns the atoms [N, 3] between which distances are told: CB, or CA of glycine."""
    return jnp.where(glycine[..., None] > 0, chain.ca, chain.cb)


def clash(distance: jax.Array, least: float) -> jax.Array:
    """Computes how much atoms overlap: (least^2 - d^2)^2 / least^2 where d is below least."""
    overlap = jax.nn.relu(least**2 - distance**2)
    return overlap**2 / least**2


def fit_spline(values: jax.Array) -> jax.Array:
    """Fits cubic splines through values at the middles of the bins, level at both ends.

    Args:
      values: [..., 64].

    Returns:
      Coefficients [..., 66] of uniform cubic B-splines: (c_k-1 + 4 c_k + c_k+1) / 6 = value k.

    Reference: de Boor 1978, chapter 9.
    """
    matrix = (4 * np.eye(BINS) + np.eye(BINS, k=1) + np.eye(BINS, k=-1)) / 6
    matrix[0, 1] = matrix[-1, -2] = 2 / 6  # the outermost coefficients mirror those within
    inverse = jnp.asarray(np.linalg.inv(matrix).T, values.dtype)
    inner = jnp.matmul(values, inverse, precision="highest")
    return jnp.concatenate([inner[..., 1:2], inner, inner[..., -2:-1]], -1)


def evaluate_spline(coefficients: jax.Array, distance: jax.Array) -> jax.Array:
    """Evaluates splines [..., 66] at distances [...] in Angstrom, constant beyond the ends.

    Value and slope are continuous everywhere, and the curvature within.
    """
    place = jnp.clip((distance - NEAREST) / WIDTH - 0.5, 0, BINS - 1)
    knot = jnp.minimum(jax.lax.stop_gradient(place).astype(jnp.int32), BINS - 2)
    t = place - knot
    near = [jnp.take_along_axis(coefficients, knot[..., None] + k, -1)[..., 0] for k in range(4)]
    weights = (
        (1 - t) ** 3,
        3 * t**3 - 6 * t**2 + 4,
        -3 * t**3 + 3 * t**2 + 3 * t + 1,
        t**3,
    )
    return sum(c * w for c, w in zip(near, weights, strict=True)) / 6
