"""A molecule of our own: ethanol's shape by an analytic potential, where no file is at hand.

It is no quantum chemistry. Bonds are Morse curves (Morse 1929), angles harmonic in their cosine,
the turn of the hydroxyl group a cosine, and atoms further apart repel each other softly. Its
energies and forces are exact, so that what a net makes of them can be judged.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.ani.dynamics import thermal_speeds, thermal_velocities
from jaxdl.science.ani.extended_xyz import Frame
from jaxdl.science.ani.units import ACCELERATION, MASSES

SYMBOLS = ("C", "C", "O", "H", "H", "H", "H", "H", "H")
BONDS = ((0, 1), (1, 2), (0, 3), (0, 4), (0, 5), (1, 6), (1, 7), (2, 8))
DEPTHS = {"CC": 3.6, "CO": 3.7, "CH": 4.3, "HO": 4.8}  # eV, bond energies of textbooks, rounded
LENGTHS = {"CC": 1.53, "CO": 1.43, "CH": 1.09, "HO": 0.96}  # Angstrom
STIFFNESS = {"CC": 1.9, "CO": 2.0, "CH": 1.8, "HO": 2.2}  # 1/Angstrom
BEND, COSINE = 2.5, -1 / 3  # eV, and the cosine of a tetrahedron's angle
TURN = 0.06  # eV, of the hydroxyl group about C-O
REPULSION, SOFTNESS = 6.0, 0.45  # eV and Angstrom, between atoms three bonds apart or more
STEP, FRICTION, APART = 0.5, 0.02, 40  # fs, 1/fs, and steps between geometries that are kept


class Terms(NamedTuple):
    """The parts of the potential, all static.

    Attributes:
      bonds: [B, 2] atoms.
      morse: [B, 3] depth (eV), length (Angstrom) and stiffness (1/Angstrom).
      angles: [C, 3] atoms, the middle one in the middle.
      apart: [D, 2] atoms that are three bonds or more from each other.
    """

    bonds: np.ndarray
    morse: np.ndarray
    angles: np.ndarray
    apart: np.ndarray


def make_terms() -> Terms:
    """Lists bonds, angles and pairs of the molecule."""
    beside: dict[int, list[int]] = {i: [] for i in range(len(SYMBOLS))}
    for a, b in BONDS:
        beside[a].append(b)
        beside[b].append(a)
    names = ["".join(sorted((SYMBOLS[a], SYMBOLS[b]))) for a, b in BONDS]
    morse = [(DEPTHS[n], LENGTHS[n], STIFFNESS[n]) for n in names]
    angles = [
        (ends[i], middle, ends[j])
        for middle, ends in beside.items()
        for i in range(len(ends))
        for j in range(i)
    ]
    near = {frozenset(pair) for pair in BONDS} | {frozenset((a, c)) for a, _, c in angles}
    apart = [pair for pair in zip(*np.triu_indices(len(SYMBOLS), 1), strict=True)
             if frozenset(pair) not in near]  # fmt: skip
    return Terms(np.array(BONDS), np.array(morse), np.array(angles), np.array(apart))


def spring_energy(coordinates: jax.Array) -> jax.Array:
    """Returns the potential energy, eV, of the molecule at coordinates [9, 3], Angstrom."""
    terms, x = make_terms(), coordinates
    depth, length, stiffness = (jnp.asarray(c, x.dtype) for c in terms.morse.T)
    stretch = _length(x[terms.bonds[:, 0]] - x[terms.bonds[:, 1]]) - length
    bonds = depth * (jnp.square(1 - jnp.exp(-stiffness * stretch)) - 1)
    a, b, c = (x[terms.angles[:, i]] for i in range(3))
    cosine = jnp.sum((a - b) * (c - b), -1) / (_length(a - b) * _length(c - b))
    gap = _length(x[terms.apart[:, 0]] - x[terms.apart[:, 1]])
    repulsion = REPULSION * jnp.exp(-gap / SOFTNESS)
    turn = TURN * (1 - _cosine_of_turn(x[0], x[1], x[2], x[8]))
    return jnp.sum(bonds) + BEND * jnp.sum(jnp.square(cosine - COSINE)) + jnp.sum(repulsion) + turn


def sample_springs(
    key: jax.Array, walkers: int, keep: int, kelvin: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draws geometries by Langevin dynamics (splitting of Leimkuhler & Matthews 2013, BAOAB).

    Args:
      key: of velocities and noise.
      walkers: W molecules side by side.
      keep: T geometries of each, 20 fs apart, after 0.4 ps without any.
      kelvin: temperature.

    Returns:
      Coordinates [T, W, 9, 3], Angstrom, energies [T, W], eV, and forces [T, W, 9, 3].
    """
    masses = jnp.array([MASSES[s] for s in SYMBOLS])
    judge = jax.vmap(jax.value_and_grad(spring_energy))
    pull = lambda x: -judge(x)[1] * ACCELERATION / masses[:, None]  # noqa: E731
    velocity_key, noise_key = jax.random.split(key)
    x = jnp.broadcast_to(jnp.asarray(first_geometry(), jnp.float32), (walkers, len(SYMBOLS), 3))
    v = thermal_velocities(velocity_key, masses, kelvin, (walkers,))
    keeps = jnp.exp(-FRICTION * STEP)
    spread = thermal_speeds(masses, kelvin)

    def step(moving, key):
        x, v, a = moving
        v = v + a * STEP / 2
        x = x + v * STEP / 2
        v = keeps * v + jnp.sqrt(1 - keeps**2) * spread * jax.random.normal(key, v.shape)
        x = x + v * STEP / 2
        a = pull(x)
        return (x, v + a * STEP / 2, a), ()

    def stretch(moving, key):
        moving, _ = jax.lax.scan(step, moving, jax.random.split(key, APART))
        return moving, moving[0]

    keys = jax.random.split(noise_key, keep + 20)
    _, kept = jax.lax.scan(stretch, (x, v, pull(x)), keys)
    energy, slope = jax.vmap(judge)(kept[20:])
    return kept[20:], energy, -slope


def spring_frames(coordinates: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> list[Frame]:
    """Makes frames, as of a file, of arrays [T, W, 9, 3], [T, W] and [T, W, 9, 3]."""
    x, f = (np.asarray(y, np.float64).reshape(-1, len(SYMBOLS), 3) for y in (coordinates, forces))
    energy = np.asarray(energies, np.float64).ravel()
    return [Frame(SYMBOLS, *row, {}) for row in zip(x, energy, f, strict=True)]


def first_geometry() -> np.ndarray:
    """Returns a geometry [9, 3] near the minimum, Angstrom: tetrahedra along a zigzag."""
    up, out = LENGTHS["CH"] / np.sqrt(3), np.sqrt(2 / 3) * LENGTHS["CH"]
    heavy = [(0, 0, 0), (1.25, 0.88, 0), (2.42, 0.06, 0)]
    methyl = [(-0.89, 0.63, 0), (0, -up, out), (0, -up, -out)]
    middle = [(1.25, 0.88 + up, out), (1.25, 0.88 + up, -out)]
    return np.array([*heavy, *methyl, *middle, (3.2, 0.6, 0.05)])


def _length(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(x * x, axis=-1))


def _cosine_of_turn(a, b, c, d) -> jax.Array:
    """Returns the cosine of three times the dihedral angle of four points."""
    first, second = jnp.cross(b - a, c - b), jnp.cross(c - b, d - c)
    cosine = jnp.dot(first, second) / (_length(first) * _length(second))
    return 4 * cosine**3 - 3 * cosine
