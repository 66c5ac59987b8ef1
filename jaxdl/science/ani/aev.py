"""Atomic environment vectors: what an atom's net sees of its neighbors (Smith et al. 2017).

ANI-1, arXiv 1610.08935, equations 2 to 4, with the constants of ANI-1x (Smith et al. 2018, arXiv
1801.09319). Two details are those of the authors' program rather than of the paper, as all that is
trained with it has them: a factor 0.25 on radial features, and 0.95 on cosines of angles.
"""

from typing import Any, NamedTuple

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
      vector: [A, 3, K] from an atom to the other, Angstrom.
      species: [A, K] int32 of the others, or [K] where they are the same for all. A NumPy array is
        known beforehand, and sums over a species are then sums over rows that are known.
      is_there: [A, K] bool; the rest of the places are empty.
    """

    vector: jax.Array
    species: np.ndarray | jax.Array
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
      species: [A] int32, numbers of `parameters.elements`; a NumPy array is twice as fast.
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
    if neighbors is None:
        near = far = see_all(species, coordinates, there)
    else:
        kinds = jnp.asarray(species, jnp.int32)
        far = see_listed(kinds, coordinates, there, neighbors.radial)
        near = see_listed(kinds, coordinates, there, neighbors.angular)
    features = [radial_features(far, parameters), angular_features(near, parameters)]
    return jnp.where(there[:, None], jnp.concatenate(features, axis=1), 0)


def see_all(species: np.ndarray | jax.Array, coordinates: jax.Array, there: jax.Array) -> Sight:
    """Lets each atom see all others, K = A; `species` and `there` are [A]."""
    vector = coordinates.T[None] - coordinates[:, :, None]
    is_there = there[None] & there[:, None] & ~np.eye(len(species), dtype=bool)
    return Sight(vector, species, is_there)


def see_listed(
    species: jax.Array, coordinates: jax.Array, there: jax.Array, index: jax.Array
) -> Sight:
    """Lets each atom see those of its row in a list [A, K], where A stands for none."""
    atoms = len(species)
    chosen = jnp.minimum(index, atoms - 1)
    vector = jnp.swapaxes(coordinates[chosen] - coordinates[:, None], 1, 2)
    is_there = (index < atoms) & there[chosen] & there[:, None]
    return Sight(vector, species[chosen], is_there)


def radial_features(sight: Sight, parameters: AEVParameters) -> jax.Array:
    """Sums bells over distances (equation 3), [A, S R] of S species and R shifts."""
    distance, _, weight = _polar(sight, parameters.radial_cutoff)
    bells = _bells(distance, parameters.radial_shifts, parameters.radial_eta)  # [A, R, K]
    terms = 0.25 * weight[:, None] * bells
    kinds = _one_hot(sight.species, len(parameters.elements), terms.dtype)
    return jnp.swapaxes(terms @ kinds, 1, 2).reshape(len(distance), -1)


def angular_features(sight: Sight, parameters: AEVParameters) -> jax.Array:
    """Sums over pairs of neighbors (equation 4), [A, P R Z] of P pairs of species.

    The cosine of an angle less a center is written without the angle itself, whose derivative is
    infinite at 0 and pi.
    """
    distance, direction, weight = _polar(sight, parameters.angular_cutoff)
    first, second, kinds = _pairs(sight.species, len(parameters.elements))
    left, right = (_picker(x, distance) for x in (first, second))  # [K, T], 1 where picked
    mean = (distance @ left + distance @ right) / 2  # [A, T]
    both = (weight @ left) * (weight @ right)
    cosine = DAMPED * jnp.sum((direction @ left) * (direction @ right), axis=1)
    sine = jnp.sqrt(1 - cosine**2)
    centers = np.asarray(parameters.angles)[:, None]
    cosines, sines = (jnp.asarray(f(centers), mean.dtype) for f in (np.cos, np.sin))
    near = (1 + cosine[:, None] * cosines + sine[:, None] * sines) / 2  # [A, Z, T]
    bends = jax.lax.integer_pow(near, parameters.zeta)
    bells = _bells(mean, parameters.angular_shifts, parameters.angular_eta)  # [A, R, T]
    return _sum_pairs(2 * both[:, None] * bells, bends, kinds, len(parameters.elements))


def cutoff_weight(distance: jax.Array, cutoff: float) -> jax.Array:
    """Falls from 1 to 0 at the cutoff along half a cosine (equation 2); distances in Angstrom."""
    inside = jnp.minimum(distance, cutoff)
    return jnp.where(distance < cutoff, (jnp.cos(np.pi / cutoff * inside) + 1) / 2, 0)


def _polar(sight: Sight, cutoff: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns distances [A, K], directions [A, 3, K] and cutoff weights [A, K], 0 for no atom."""
    square = jnp.sum(sight.vector**2, axis=1)
    apart = sight.is_there & (square > CLOSE**2)
    distance = jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1)), 0)
    direction = sight.vector / jnp.where(apart, distance, 1)[:, None] * apart[:, None]
    return distance, direction, cutoff_weight(distance, cutoff) * sight.is_there


def _bells(distance: jax.Array, shifts: tuple[float, ...], eta: float) -> jax.Array:
    """Returns bells about R shifts [A, R, K] of distances [A, K]."""
    centers = jnp.asarray(shifts, distance.dtype)[:, None]
    return jnp.exp(-eta * (distance[:, None] - centers) ** 2)


def _pairs(species: np.ndarray | jax.Array, count: int) -> tuple[np.ndarray, np.ndarray, Any]:
    """Returns the first and the second of T pairs of neighbors, and their kinds [A, T] or [T].

    Where the species are known beforehand the pairs are sorted by their kinds.
    """
    table = np.zeros((count, count), np.int32)
    table[np.triu_indices(count)] = np.arange(count * (count + 1) // 2)
    table = np.maximum(table, table.T)
    first, second = np.triu_indices(species.shape[-1], 1)
    if not isinstance(species, np.ndarray):
        return first, second, jnp.asarray(table)[species[..., first], species[..., second]]
    kinds = table[species[first], species[second]]
    order = np.argsort(kinds, kind="stable")
    return first[order], second[order], kinds[order]


def _sum_pairs(bells: jax.Array, bends: jax.Array, kinds: Any, count: int) -> jax.Array:
    """Sums products of bells [A, R, T] and bends [A, Z, T] over pairs of each kind, [A, P R Z]."""
    atoms, radial, pairs = bells.shape
    all_kinds = count * (count + 1) // 2
    if isinstance(kinds, np.ndarray):
        bounds = np.searchsorted(kinds, np.arange(all_kinds + 1))
        parts = [slice(*bounds[i : i + 2]) for i in range(all_kinds)]
        sums = [jnp.einsum("art,azt->arz", bells[..., p], bends[..., p]) for p in parts]
        return jnp.stack(sums, axis=1).reshape(atoms, -1)
    terms = (bells[:, :, None] * bends[:, None]).reshape(atoms, -1, pairs)  # [A, R Z, T]
    return jnp.swapaxes(terms @ _one_hot(kinds, all_kinds, terms.dtype), 1, 2).reshape(atoms, -1)


def _one_hot(kinds: Any, count: int, dtype: Any) -> jax.Array:
    """Marks the kind of each, [..., T] -> [..., T, count]."""
    return jax.nn.one_hot(kinds, count, dtype=dtype)


def _picker(index: np.ndarray, like: jax.Array) -> jax.Array:
    """Returns [K, T] whose product picks columns: its gradient is a product too, no scattering."""
    return jnp.asarray(np.eye(like.shape[1])[:, index], like.dtype)
