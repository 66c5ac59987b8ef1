"""Atomic environment vectors: what an atom's net sees of its neighbors (Smith et al. 2017).

ANI-1, arXiv 1610.08935, equations 2 to 4, with the constants of ANI-1x (Smith et al. 2018, arXiv
1801.09319). Two details are those of the authors' program rather than of the paper, as all that is
trained with it has them: a factor 0.25 on radial features, and 0.95 on cosines of angles.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.ani.neighbors import Neighbors

DAMPED = 0.95  # factor on cosines
CLOSE = 1e-5  # Angstrom below which two atoms have no direction from one another


class AEVParameters(NamedTuple):
    """The constants of the features; all lengths are Angstrom.

    Attributes:
      elements: symbols in the order of the species' numbers.
      radial_cutoff: beyond which an atom is not seen.
      radial_eta: 1/Angstrom^2.
      radial_shifts: centers of radial features.
      angular_cutoff: beyond which an atom is in no angle.
      angular_eta: 1/Angstrom^2.
      angular_shifts: centers of angular features, as mean distances.
      zeta: sharpness of angles, a power of two.
      angles: centers of angular features, radians.
    """

    elements: tuple[str, ...]
    radial_cutoff: float
    radial_eta: float
    radial_shifts: tuple[float, ...]
    angular_cutoff: float
    angular_eta: float
    angular_shifts: tuple[float, ...]
    zeta: int
    angles: tuple[float, ...]

    @property
    def size(self) -> int:
        """The number of features F."""
        species = len(self.elements)
        pairs = species * (species + 1) // 2
        angular = len(self.angular_shifts) * len(self.angles)
        return species * len(self.radial_shifts) + pairs * angular


ANI1X = AEVParameters(  # Smith et al. 2018, supplement; 384 features
    elements=("H", "C", "N", "O"),
    radial_cutoff=5.2,
    radial_eta=16.0,
    radial_shifts=tuple(0.9 + 4.3 / 16 * i for i in range(16)),
    angular_cutoff=3.5,
    angular_eta=8.0,
    angular_shifts=tuple(0.9 + 0.65 * i for i in range(4)),
    zeta=32,
    angles=tuple(np.pi / 16 * (2 * i + 1) for i in range(8)),
)


class Sight(NamedTuple):
    """What A atoms see of K others each.

    Attributes:
      vector: [A, K, 3] from an atom to the other, Angstrom.
      species: [A, K] int32 of the others.
      is_there: [A, K] bool; the rest of the places are empty.
    """

    vector: jax.Array
    species: jax.Array
    is_there: jax.Array


def aev(
    species: jax.Array,
    coordinates: jax.Array,
    parameters: AEVParameters = ANI1X,
    *,
    mask: jax.Array | None = None,
    neighbors: Neighbors | None = None,
) -> jax.Array:
    """Describes the surroundings of each atom.

    Args:
      species: [A] int32, numbers of `parameters.elements`.
      coordinates: [A, 3], Angstrom.
      parameters: the constants.
      mask: [A] whether there is an atom; None for all.
      neighbors: who is near whom, of `list_neighbors`; None looks at all pairs, which is faster up
        to about 200 atoms.

    Returns:
      [A, F]: radial features by species, then angular ones by pairs of species in the order (0, 0),
      (0, 1), ..., (1, 1), ... Rows of atoms that are not there are 0. Features and their gradients
      are continuous at the cutoffs, and finite where atoms coincide.
    """
    chex.assert_shape(coordinates, (len(species), 3))
    there = jnp.ones(len(species), bool) if mask is None else mask.astype(bool)
    kinds = jnp.asarray(species, jnp.int32)
    if neighbors is None:
        near = far = see_all(kinds, coordinates, there)
    else:
        far = see_listed(kinds, coordinates, there, neighbors.radial)
        near = see_listed(kinds, coordinates, there, neighbors.angular)
    features = [radial_features(far, parameters), angular_features(near, parameters)]
    return jnp.where(there[:, None], jnp.concatenate(features, axis=1), 0)


def see_all(species: jax.Array, coordinates: jax.Array, there: jax.Array) -> Sight:
    """Lets each atom see all others, K = A; `species` and `there` are [A]."""
    atoms = len(species)
    vector = coordinates[None] - coordinates[:, None]
    is_there = there[None] & there[:, None] & ~np.eye(atoms, dtype=bool)
    return Sight(vector, jnp.broadcast_to(species, (atoms, atoms)), is_there)


def see_listed(
    species: jax.Array, coordinates: jax.Array, there: jax.Array, index: jax.Array
) -> Sight:
    """Lets each atom see those of its row in a list [A, K], where A stands for none."""
    atoms = len(species)
    chosen = jnp.minimum(index, atoms - 1)
    vector = coordinates[chosen] - coordinates[:, None]
    is_there = (index < atoms) & there[chosen] & there[:, None]
    return Sight(vector, species[chosen], is_there)


def radial_features(sight: Sight, parameters: AEVParameters) -> jax.Array:
    """Sums bells over distances (equation 3), [A, S R] of S species and R shifts."""
    distance, _, weight = _polar(sight, parameters.radial_cutoff)
    shifts = jnp.asarray(parameters.radial_shifts, distance.dtype)
    bells = jnp.exp(-parameters.radial_eta * (distance[..., None] - shifts) ** 2)  # [A, K, R]
    kinds = jax.nn.one_hot(sight.species, len(parameters.elements), dtype=distance.dtype)
    summed = jnp.einsum("akr,aks->asr", 0.25 * weight[..., None] * bells, kinds)
    return summed.reshape(len(distance), -1)


def angular_features(sight: Sight, parameters: AEVParameters) -> jax.Array:
    """Sums over pairs of neighbors (equation 4), [A, P R Z] of P pairs of species.

    The cosine of an angle less a center is written without the angle itself, whose derivative is
    infinite at 0 and pi.
    """
    distance, direction, weight = _polar(sight, parameters.angular_cutoff)
    first, second = np.triu_indices(distance.shape[1], 1)
    left, right = (_picker(x, distance) for x in (first, second))  # [K, T], 1 where picked
    mean = (distance @ left + distance @ right) / 2  # [A, T]
    both = (weight @ left) * (weight @ right)
    toward = jnp.moveaxis(direction, 1, 2)  # [A, 3, K]
    cosine = DAMPED * jnp.sum((toward @ left) * (toward @ right), axis=1)
    sine = jnp.sqrt(1 - cosine**2)
    centers = np.asarray(parameters.angles)
    cosines, sines = (jnp.asarray(f(centers), mean.dtype) for f in (np.cos, np.sin))
    bends = (1 + cosine[..., None] * cosines + sine[..., None] * sines) / 2  # [A, T, Z]
    bends = _power(bends, parameters.zeta)
    shifts = jnp.asarray(parameters.angular_shifts, mean.dtype)
    bells = jnp.exp(-parameters.angular_eta * (mean[..., None] - shifts) ** 2)  # [A, T, R]
    kinds = _pair_kinds(sight.species, first, second, len(parameters.elements), mean.dtype)
    weighed = (2 * both[..., None] * bells)[:, :, None] * kinds[..., None]  # [A, T, P, R]
    summed = jnp.einsum("atpr,atz->aprz", weighed, bends)
    return summed.reshape(len(distance), -1)


def cutoff_weight(distance: jax.Array, cutoff: float) -> jax.Array:
    """Falls from 1 to 0 at the cutoff along half a cosine (equation 2); distances in Angstrom."""
    inside = jnp.minimum(distance, cutoff)
    return jnp.where(distance < cutoff, (jnp.cos(np.pi / cutoff * inside) + 1) / 2, 0)


def _polar(sight: Sight, cutoff: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns distances [A, K], directions [A, K, 3] and cutoff weights [A, K], 0 for no atom."""
    square = jnp.sum(sight.vector**2, axis=-1)
    apart = sight.is_there & (square > CLOSE**2)
    distance = jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1)), 0)
    direction = sight.vector / jnp.where(apart, distance, 1)[..., None] * apart[..., None]
    return distance, direction, cutoff_weight(distance, cutoff) * sight.is_there


def _picker(index: np.ndarray, like: jax.Array) -> jax.Array:
    """Returns [K, T] whose product picks columns: its gradient is a product too, no scattering."""
    return jnp.asarray(np.eye(like.shape[1])[:, index], like.dtype)


def _power(x: jax.Array, exponent: int) -> jax.Array:
    """Raises to a power of two by squaring."""
    for _ in range(exponent.bit_length() - 1):
        x = x * x
    return x


def _pair_kinds(species, first, second, count, dtype) -> jax.Array:
    """Marks the pair of species of each pair of neighbors, [A, T, P]."""
    table = np.zeros((count, count), np.int32)
    table[np.triu_indices(count)] = np.arange(count * (count + 1) // 2)
    table = np.maximum(table, table.T)
    kind = jnp.asarray(table)[species[:, first], species[:, second]]
    return jax.nn.one_hot(kind, count * (count + 1) // 2, dtype=dtype)
