"""ANI: energies and forces of molecules from nets of elements (Smith et al. 2017, 1610.08935).

A committee of nets learns from the same molecules and differs by its beginnings alone. Energies and
forces that are evaluated are those of its mean.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Learner, TrainState, update
from jaxdl.science.ani.aev import ANI1X, AEVParameters
from jaxdl.science.ani.dynamics import (
    Trajectory,
    energy_drift,
    thermal_velocities,
    velocity_verlet,
)
from jaxdl.science.ani.molecules import Molecules
from jaxdl.science.ani.network import (
    WIDTHS,
    Params,
    committee_energy_and_forces,
    init_networks,
    mean_energy_and_forces,
)
from jaxdl.science.ani.units import KCAL_PER_MOL, MASSES

AT_ONCE = 32  # molecules that an evaluation looks at together; what fits a CPU's cache is fastest


class Motion(NamedTuple):
    """The molecular dynamics that an evaluation ends with.

    Attributes:
      kelvin: temperature of the first velocities.
      step: of time, fs.
      moments: that are kept.
      every: steps between two of them.
    """

    kelvin: float = 300.0
    step: float = 0.5
    moments: int = 200
    every: int = 10


MOTION = Motion()


def ani(
    species: np.ndarray,
    tx: optax.GradientTransformation,
    *,
    held_out: Callable[[], Mapping[str, Molecules]],
    parameters: AEVParameters = ANI1X,
    widths: Mapping[str, Sequence[int]] = WIDTHS,
    members: int = 1,
    energy_weight: float = 1.0,
    force_weight: float = 1.0,
    motion: Motion = MOTION,
) -> Learner:
    """Learns energies and forces of molecules.

    Args:
      species: [A], of the places of all molecules.
      tx: the optimizer.
      held_out: () -> name -> molecules that are evaluated; the first of them stands for all.
      parameters: of the features.
      widths: element -> hidden layers.
      members: M nets of each element.
      energy_weight: of squared errors of energies per atom.
      force_weight: of squared errors of forces; 0 learns from energies alone.
      motion: the dynamics that an evaluation ends with.

    Returns:
      A learner of batches `Molecules` [B, ...]. Its parameters are {element: layers [M, ...]}; its
      metrics are the `loss` and mean absolute errors in kcal/mol and kcal/mol/Angstrom. Its
      evaluation has the same errors of the committee's mean for the held-out molecules,
      `energy_drift` in kcal/mol/ps, and arrays.
    """

    def init(key):
        params = init_networks(key, parameters, widths=widths, members=members)
        return TrainState(params, tx.init(params))

    def step(key, state, batch):
        del key
        batch = Molecules(*batch)

        def loss_of(params):
            energies, forces = predict(params, batch)
            weights = {"energy_weight": energy_weight, "force_weight": force_weight}
            return ani_loss(energies, forces, batch, **weights)

        def predict(params, batch):
            judge = lambda x, mask: committee_energy_and_forces(  # noqa: E731
                params, species, x, mask, parameters
            )
            return jax.vmap(judge)(batch.coordinates, batch.mask)

        (loss, errors), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": loss} | errors | norms

    def evaluate(key, state):
        sets = held_out()
        found = {}
        for number, (name, molecules) in enumerate(sets.items()):
            metrics, arrays = score(state.params, species, molecules, parameters)
            found |= {f"{name}/{key}": x for key, x in metrics.items()}
            if not number:
                found |= metrics | arrays
        start = jax.tree.map(lambda x: x[0], next(iter(sets.values())))
        path = move(key, state.params, species, start, parameters, motion)
        return found | motion_metrics(path) | {"species": jnp.asarray(species)}

    return Learner(init, step, evaluate)


def ani_loss(
    energies: jax.Array,
    forces: jax.Array,
    batch: Molecules,
    *,
    energy_weight: float,
    force_weight: float,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Weighs squared errors of energies per root of atoms (Smith et al. 2018) and of forces.

    Args:
      energies: [B, M], eV.
      forces: [B, M, A, 3], eV/Angstrom.
      batch: B molecules.
      energy_weight: of the energies.
      force_weight: of the forces.

    Returns:
      The loss, the mean over members, and mean absolute errors in kcal/mol and kcal/mol/Angstrom.
    """
    chex.assert_shape(forces, (*energies.shape, *batch.mask.shape[1:], 3))
    chex.assert_equal_shape([energies[:, 0], batch.energy])
    atoms = jnp.sum(batch.mask, axis=1)  # [B]
    off = energies - batch.energy[:, None]
    push = (forces - batch.forces[:, None]) * batch.mask[:, None, :, None]
    parts = 3 * energies.shape[1] * jnp.sum(atoms)  # components of all forces
    energy_loss = jnp.mean(off**2 / atoms[:, None])
    force_loss = jnp.sum(push**2) / parts
    errors = {
        "energy_mae": KCAL_PER_MOL * jnp.mean(jnp.abs(off)),
        "force_mae": KCAL_PER_MOL * jnp.sum(jnp.abs(push)) / parts,
    }
    return energy_weight * energy_loss + force_weight * force_loss, errors


def score(
    params: Params, species: np.ndarray, molecules: Molecules, parameters: AEVParameters
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Compares a committee's mean with N molecules.

    Returns:
      Errors `energy_mae`, `energy_rmse` (kcal/mol), `force_mae`, `force_rmse` (kcal/mol/Angstrom);
      and arrays of energies [N], kcal/mol, and forces [N, A, 3], kcal/mol/Angstrom.
    """
    judge = lambda x: mean_energy_and_forces(params, species, *x, parameters)  # noqa: E731
    inputs = jnp.asarray(molecules.coordinates), jnp.asarray(molecules.mask)
    energies, forces = jax.lax.map(judge, inputs, batch_size=min(AT_ONCE, len(inputs[0])))
    energies, forces, energy, force = (
        KCAL_PER_MOL * jnp.asarray(x)
        for x in (energies, forces, molecules.energy, molecules.forces)
    )
    parts = 3 * jnp.sum(inputs[1])
    off, push = energies - energy, (forces - force) * inputs[1][..., None]
    metrics = {
        "energy_mae": jnp.mean(jnp.abs(off)),
        "energy_rmse": jnp.sqrt(jnp.mean(off**2)),
        "force_mae": jnp.sum(jnp.abs(push)) / parts,
        "force_rmse": jnp.sqrt(jnp.sum(push**2) / parts),
        "energy_spread": jnp.std(energy),
    }
    arrays = {"energy_true": energy, "energy_told": energies, "force_true": force}
    return metrics, arrays | {"force_told": forces, "is_atom": inputs[1]}


def move(
    key: jax.Array,
    params: Params,
    species: np.ndarray,
    start: Molecules,
    parameters: AEVParameters,
    motion: Motion,
) -> Trajectory:
    """Lets a molecule [A, ...] move at constant energy by a committee's mean."""
    masses = jnp.array([MASSES[parameters.elements[kind]] for kind in species])
    mask, x = jnp.asarray(start.mask), jnp.asarray(start.coordinates)
    field = lambda x: mean_energy_and_forces(params, species, x, mask, parameters)  # noqa: E731
    v = thermal_velocities(key, masses * mask + 1e-6, motion.kelvin) * mask[:, None]
    times = {"step": motion.step, "moments": motion.moments, "every": motion.every}
    return velocity_verlet(field, x, v, masses, **times)


def motion_metrics(path: Trajectory) -> dict[str, jax.Array]:
    """Returns how well energy was conserved, kcal/mol and ps, and the path as arrays."""
    total = path.total - path.total[0]
    return {
        "energy_drift": KCAL_PER_MOL * jnp.abs(energy_drift(path)),
        "energy_ripple": KCAL_PER_MOL * jnp.std(total),
        "path_time": path.time,
        "path": path.coordinates,
        "path_potential": KCAL_PER_MOL * (path.potential - path.potential[0]),
        "path_kinetic": KCAL_PER_MOL * path.kinetic,
    }
