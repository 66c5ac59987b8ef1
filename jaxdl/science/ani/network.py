"""The nets of ANI-1x, one for each element, and the energy of a molecule (Smith et al. 2018).

Within a batch atom a is of the same element in all molecules, or is missing. So which rows go
through which net is known before anything is computed, and each net is one product a layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.nn.mlp import Dense, dense, initial, layers, mlp
from jaxdl.science.ani.aev import ANI1X, AEVParameters, aev

ALPHA = 0.1  # of CELU
WIDTHS = {  # hidden layers (Smith et al. 2018, supplement)
    "H": (160, 128, 96),
    "C": (144, 112, 96),
    "N": (128, 112, 96),
    "O": (128, 112, 96),
}
Params = dict[str, list[Dense]]  # element -> layers; of a committee, leaves [M, ...]


def init_networks(
    key: jax.Array,
    parameters: AEVParameters = ANI1X,
    *,
    widths: Mapping[str, Sequence[int]] = WIDTHS,
    members: int = 0,
) -> Params:
    """Draws parameters of one net an element, or with a leading axis [M] of a committee.

    Args:
      key: of the draw.
      parameters: of the features, whose elements get nets.
      widths: of the hidden layers.
      members: M; 0 for one set of nets without that axis.
    """
    plan = {e: layers(parameters.size, (*widths[e], 1)) for e in parameters.elements}
    if not members:
        return initial(key, plan)
    return jax.vmap(lambda key: initial(key, plan))(jax.random.split(key, members))


def atomic_energies(
    params: Params, features: jax.Array, species: np.ndarray, elements: Sequence[str]
) -> jax.Array:
    """Returns what each atom adds to the energy, [..., A] eV.

    Args:
      params: of one set of nets.
      features: [..., A, F].
      species: [A] of the atoms, a NumPy array: the order of the rows is worked out beforehand.
      elements: their symbols.
    """
    rows, parts = [], []
    for number, element in enumerate(elements):
        chosen = np.flatnonzero(np.asarray(species) == number)
        if len(chosen):
            rows.append(chosen)
            parts.append(_net(params[element], _rows(features, chosen)))
    order = np.argsort(np.concatenate(rows))
    return _rows(jnp.concatenate(parts, axis=-2), order)[..., 0]


def energy(
    params: Params,
    species: np.ndarray,
    coordinates: jax.Array,
    mask: jax.Array,
    parameters: AEVParameters = ANI1X,
) -> jax.Array:
    """Returns the energy of a molecule, eV, without the self energies of its atoms.

    Args:
      params: of one set of nets.
      species: [A], a NumPy array.
      coordinates: [A, 3], Angstrom.
      mask: [A] whether an atom is there.
      parameters: of the features.
    """
    features = aev(species, coordinates, parameters, mask=mask)
    return _total(params, features, species, mask, parameters)


def energy_and_forces(
    params: Params,
    species: np.ndarray,
    coordinates: jax.Array,
    mask: jax.Array,
    parameters: AEVParameters = ANI1X,
) -> tuple[jax.Array, jax.Array]:
    """Returns the energy, eV, and the forces [A, 3], eV/Angstrom; the arguments are those above."""
    value, slope = jax.value_and_grad(energy, 2)(params, species, coordinates, mask, parameters)
    return value, -slope


def committee_energy_and_forces(
    params: Params,
    species: np.ndarray,
    coordinates: jax.Array,
    mask: jax.Array,
    parameters: AEVParameters = ANI1X,
) -> tuple[jax.Array, jax.Array]:
    """Returns energies [M], eV, and forces [M, A, 3], eV/Angstrom, of a committee's members.

    The features and what of their derivative all members share are computed once.
    """
    see = lambda x: aev(species, x, parameters, mask=mask)  # noqa: E731
    features, pull_back = jax.vjp(see, coordinates)
    judge = jax.value_and_grad(lambda p, x: _total(p, x, species, mask, parameters), 1)
    energies, slopes = jax.vmap(judge, (0, None))(params, features)
    (gradients,) = jax.vmap(pull_back)(slopes)
    return energies, -gradients


def mean_energy_and_forces(
    params: Params,
    species: np.ndarray,
    coordinates: jax.Array,
    mask: jax.Array,
    parameters: AEVParameters = ANI1X,
) -> tuple[jax.Array, jax.Array]:
    """Returns energy, eV, and forces [A, 3], eV/Angstrom, of a committee's mean, by a gradient."""

    def mean_energy(x):
        features = aev(species, x, parameters, mask=mask)
        of_member = lambda p: _total(p, features, species, mask, parameters)  # noqa: E731
        return jnp.mean(jax.vmap(of_member)(params))

    value, slope = jax.value_and_grad(mean_energy)(coordinates)
    return value, -slope


def _total(params, features, species, mask, parameters: AEVParameters) -> jax.Array:
    atomic = atomic_energies(params, features, species, parameters.elements)
    return jnp.sum(atomic * mask.astype(atomic.dtype))


def _net(stack: Sequence[Dense], x: jax.Array) -> jax.Array:
    """Applies one element's net, [..., F] -> [..., 1]."""
    hidden = mlp(stack[:-1], x, activation=lambda x: jax.nn.celu(x, ALPHA))
    return dense(stack[-1], hidden)


def _rows(x: jax.Array, index: np.ndarray) -> Any:
    """Takes rows of the last axis but one, as a slice where they follow each other."""
    if np.array_equal(index, np.arange(index[0], index[0] + len(index))):
        return x[..., index[0] : index[0] + len(index), :]
    return x[..., index, :]
