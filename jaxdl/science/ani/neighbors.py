"""Who is near whom among many atoms, by cells, at a cost that grows as their number."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

AROUND = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)  # [27, 3]


class Neighbors(NamedTuple):
    """Lists of neighbors of A atoms; an entry A stands for none.

    Attributes:
      radial: [A, K] int32, those within the radial cutoff, the nearest first.
      angular: [A, J] int32, those within the angular cutoff.
      is_full: bool scalar, whether a list or a cell was too short, so that some are missing.
    """

    radial: jax.Array
    angular: jax.Array
    is_full: jax.Array


class CellPlan(NamedTuple):
    """How large the arrays of a search are, all static.

    Attributes:
      grid: cells along x, y and z, each as wide as the radial cutoff.
      in_cell: most atoms in a cell.
      radial: K.
      angular: J.
    """

    grid: tuple[int, int, int]
    in_cell: int
    radial: int
    angular: int


def plan_cells(
    coordinates: np.ndarray, cutoffs: tuple[float, float], *, slack: float = 1.25
) -> CellPlan:
    """Chooses sizes for atoms about where they are now, on the host.

    Args:
      coordinates: [A, 3], Angstrom.
      cutoffs: radial and angular, Angstrom.
      slack: factor on what is needed now.
    """
    x = np.asarray(coordinates)
    span = (x.max(0) - x.min(0)) / cutoffs[0]
    cells = np.floor((x - x.min(0)) / cutoffs[0]).astype(int)
    _, occupied = np.unique(cells, axis=0, return_counts=True)
    most = [_most_within(x, cutoff) for cutoff in cutoffs]
    radial, angular = (min(int(np.ceil(slack * n)) + 1, len(x) - 1) for n in most)
    grid_x, grid_y, grid_z = (int(n) + 1 for n in np.floor(1.1 * span))
    in_cell = int(np.ceil(slack * occupied.max())) + 1
    return CellPlan((grid_x, grid_y, grid_z), in_cell, radial, angular)


def list_neighbors(
    coordinates: jax.Array, cutoffs: tuple[float, float], plan: CellPlan
) -> Neighbors:
    """Lists neighbors by looking at 27 cells about each atom.

    Args:
      coordinates: [A, 3], Angstrom; no gradient passes.
      cutoffs: radial and angular, Angstrom.
      plan: of `plan_cells`; what leaves its grid is put into the cells at the edge.
    """
    x = jax.lax.stop_gradient(jnp.asarray(coordinates))
    atoms, grid = len(x), jnp.asarray(plan.grid)
    cell = jnp.clip(jnp.floor((x - x.min(0)) / cutoffs[0]).astype(jnp.int32), 0, grid - 1)  # [A, 3]
    table, overflow = _fill_cells(_number(cell, plan.grid), plan)
    beside = cell[:, None] + AROUND  # [A, 27, 3]
    inside = jnp.all((beside >= 0) & (beside < grid), axis=-1)
    number = jnp.where(inside, _number(beside, plan.grid), len(table) - 1)  # the last one is empty
    candidates = table[number].reshape(atoms, -1)  # [A, 27 C]
    off = x[jnp.minimum(candidates, atoms - 1)] - x[:, None]
    is_other = (candidates < atoms) & (candidates != jnp.arange(atoms)[:, None])
    distance = jnp.where(is_other, jnp.sqrt(jnp.sum(off**2, axis=-1)), jnp.inf)
    nearest, place = jax.lax.top_k(-distance, plan.radial)
    chosen = jnp.take_along_axis(candidates, place, axis=1)
    within = [-nearest < cutoff for cutoff in cutoffs]
    radial, angular = (jnp.where(is_in, chosen, atoms) for is_in in within)
    counts = [jnp.max(jnp.sum(distance < cutoff, axis=1)) for cutoff in cutoffs]
    too_many = (counts[0] > plan.radial) | (counts[1] > plan.angular)
    return Neighbors(radial, angular[:, : plan.angular], overflow | too_many)


def _number(cell: jax.Array, grid: tuple[int, int, int]) -> jax.Array:
    """Numbers cells [..., 3] row by row."""
    return (cell[..., 0] * grid[1] + cell[..., 1]) * grid[2] + cell[..., 2]


def _fill_cells(number: jax.Array, plan: CellPlan) -> tuple[jax.Array, jax.Array]:
    """Puts atoms into cells by their numbers [A]: a table [cells + 1, C], and whether one is full.

    Entries A stand for none.
    """
    atoms, cells = len(number), int(np.prod(plan.grid))
    order = jnp.argsort(number)
    ranked = number[order]
    rank = jnp.arange(atoms) - jnp.searchsorted(ranked, ranked)  # place within the cell
    place = jnp.where(rank < plan.in_cell, ranked * plan.in_cell + rank, cells * plan.in_cell)
    empty = jnp.full((cells + 1) * plan.in_cell, atoms, jnp.int32)
    table = empty.at[place].set(order.astype(jnp.int32)).reshape(cells + 1, plan.in_cell)
    return table.at[-1].set(atoms), jnp.any(rank >= plan.in_cell)


def _most_within(x: np.ndarray, cutoff: float) -> int:
    """Counts the most neighbors that an atom of [A, 3] has within a cutoff,."""
    return max(int((np.sum((x - one) ** 2, axis=-1) < cutoff**2).sum()) - 1 for one in x)
