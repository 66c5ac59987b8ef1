"""Molecular dynamics on the device: Newton's equations by velocity Verlet (Swope et al. 1982)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.ani.units import ACCELERATION, BOLTZMANN, FS_PER_PS

# coordinates [A, 3], Angstrom -> energy, eV, and forces [A, 3], eV/Angstrom
ForceField = Callable[[jax.Array], tuple[jax.Array, jax.Array]]


class Trajectory(NamedTuple):
    """T moments of a molecule that moves, evenly spaced in time.

    Attributes:
      time: [T], fs.
      coordinates: [T, A, 3], Angstrom.
      potential: [T], eV.
      kinetic: [T], eV.
    """

    time: jax.Array
    coordinates: jax.Array
    potential: jax.Array
    kinetic: jax.Array

    @property
    def total(self) -> jax.Array:
        """The energy [T], eV, that is to be conserved."""
        return self.potential + self.kinetic


def thermal_speeds(masses: jax.Array, kelvin: float) -> jax.Array:
    """Returns how far Maxwell's velocities are spread, Angstrom/fs [A, 1], of masses [A], u."""
    return jnp.sqrt(BOLTZMANN * kelvin * ACCELERATION / masses)[:, None]


def thermal_velocities(
    key: jax.Array, masses: jax.Array, kelvin: float, batch: tuple[int, ...] = ()
) -> jax.Array:
    """Draws Maxwell's velocities [..., A, 3], Angstrom/fs, of a molecule that stays where it is.

    Args:
      key: of the draw.
      masses: [A], u.
      kelvin: temperature.
      batch: leading axes.
    """
    v = thermal_speeds(masses, kelvin) * jax.random.normal(key, (*batch, len(masses), 3))
    drift = jnp.einsum("a,...ax->...x", masses / jnp.sum(masses), v)
    return v - drift[..., None, :]


def velocity_verlet(
    field: ForceField,
    coordinates: jax.Array,
    velocities: jax.Array,
    masses: jax.Array,
    *,
    step: float = 0.5,
    moments: int = 200,
    every: int = 5,
) -> Trajectory:
    """Lets a molecule move at constant energy (NVE).

    Args:
      field: its energy and forces.
      coordinates: [A, 3], Angstrom.
      velocities: [A, 3], Angstrom/fs.
      masses: [A], u.
      step: of time, fs.
      moments: T that are kept.
      every: steps between two of them.
    """
    push = ACCELERATION / masses[:, None] * step / 2

    def advance(moving, _):
        x, v, _, forces = moving
        v = v + push * forces
        x = x + step * v
        energy, forces = field(x)
        return (x, v + push * forces, energy, forces), ()

    def keep(moving, _):
        moving, _ = jax.lax.scan(advance, moving, None, length=every)
        x, v, energy, _ = moving
        return moving, (x, energy, kinetic_energy(v, masses))

    first = (coordinates, velocities, *field(coordinates))
    _, (x, potential, kinetic) = jax.lax.scan(keep, first, None, length=moments)
    time = step * every * (1 + jnp.arange(moments, dtype=jnp.float32))
    return Trajectory(time, x, potential, kinetic)


def kinetic_energy(velocities: jax.Array, masses: jax.Array) -> jax.Array:
    """Returns the kinetic energy, eV, of velocities [A, 3], Angstrom/fs, and masses [A], u."""
    return jnp.sum(masses[:, None] * velocities**2) / (2 * ACCELERATION)


def energy_drift(path: Trajectory) -> jax.Array:
    """Returns the slope of a straight line through the total energy, eV/ps."""
    time = (path.time - jnp.mean(path.time)) / FS_PER_PS
    return jnp.sum(time * (path.total - jnp.mean(path.total))) / jnp.sum(time**2)
