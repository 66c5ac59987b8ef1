"""The Bayes-optimal value of `grid_goal`, exactly, by dynamic programming over visited sets.

Until the goal is found nothing is left to chance, and the belief is uniform over the cells not yet
seen: a node is where the player is, this set, and the time. Once the goal is found the rest of the
trial is known. Values are kept as sums over the goals of the set, in tenths of a reward, so that
they are integers and nothing is rounded.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.grid_goal import ELSEWHERE, FOUND, START, cells_after, possible_goals

MOST_GOALS = 21  # as many as 5 x 5 cells have: sets of them are 2^21
TENTHS = 10  # of a reward, the unit
PAYS, COSTS = round(TENTHS * FOUND), round(TENTHS * ELSEWHERE)


class Grid(NamedTuple):
    """Holds the tables of a trial, C cells with G possible goals, T steps in all.

    Attributes:
      bit: [C] int32, 2^i for the i-th possible goal, 0 for a cell that cannot be it.
      after: [C, 5] int32, the cell that each action leads to.
      begins: [T] bool; the step is the last one of its episode, and the next begins at the start.
      rest: [T, C] int32, tenths of the reward of all steps after the one that finds the goal there.
    """

    bit: jax.Array
    after: jax.Array
    begins: jax.Array
    rest: jax.Array


@cache
def grid_goal_value(*, size: int = 5, episodes: int = 4, horizon: int = 15) -> float:
    """Computes the Bayes-optimal expected reward of a trial in `grid_goal`.

    With 5 x 5 cells it takes seconds and less than 1 GB.

    Args:
      size: cells along each side, 3 to 5.
      episodes: n, of one task.
      horizon: H, steps of an episode.

    Raises:
      BadInput: another size; or fewer than one episode or step, or more than 2^31 / 210 in all.
    """
    steps = episodes * horizon
    if not 3 <= size or (size**2 - 4) > MOST_GOALS:
        raise BadInput(f"grid_goal_value is exact for 3 to 5 cells along a side, got size={size}")
    most = (2**31 - 1) // (PAYS * MOST_GOALS)
    if episodes < 1 or horizon < 1 or steps > most:
        raise BadInput(
            f"grid_goal_value needs 1 to {most} steps in all, "
            f"got episodes={episodes} and horizon={horizon}"
        )
    number = size**2 - 4
    small = PAYS * number * steps < 2**15
    sums = _solve(_tables(size, episodes, horizon), number, jnp.int16 if small else jnp.int32)
    return int(sums) / (TENTHS * number)


def _tables(size: int, episodes: int, horizon: int) -> Grid:
    """Lays out what a trial is made of."""
    goals = possible_goals(size)
    bit = np.zeros(size**2, np.int32)
    bit[goals] = 2 ** np.arange(goals.size)
    y, x = np.divmod(np.arange(size**2), size)
    far = x + y  # steps from the start
    known = np.where(far > horizon, COSTS * horizon, COSTS * (far - 1) + PAYS * (horizon - far + 1))
    time = np.arange(episodes * horizon)
    stays = PAYS * (horizon - 1 - time % horizon)
    later = episodes - 1 - time // horizon
    rest = stays[:, None] + later[:, None] * known
    return Grid(
        jnp.asarray(bit),
        jnp.asarray(cells_after(size)),
        jnp.asarray(time % horizon == horizon - 1),
        jnp.asarray(rest, jnp.int32),
    )


def _solve(grid: Grid, goals: int, dtype: jnp.dtype) -> jax.Array:
    """Returns the sum over all goals of what is earned at best, int scalar in tenths."""
    sets = jnp.arange(2**goals, dtype=jnp.int32)  # bit i: the i-th goal is still possible
    left = jax.lax.population_count(sets).astype(dtype)

    def back_up(values, layer):
        begins, rest = layer

        def arrive(cell):  # what a step to the cell brings, and all that follows
            bit, pays = grid.bit[cell], (PAYS - COSTS + rest[cell]).astype(dtype)
            follows = values[jnp.where(begins, START, cell), sets & ~bit]
            return COSTS * left + jnp.where((sets & bit) > 0, pays, 0).astype(dtype) + follows

        arrived = jax.lax.map(arrive, jnp.arange(grid.bit.size))  # [C, sets]
        best = arrived[grid.after[:, 0]]
        for action in range(1, grid.after.shape[1]):
            best = jnp.maximum(best, arrived[grid.after[:, action]])
        return best, None

    nothing = jnp.zeros((grid.bit.size, sets.size), dtype)  # after the last step
    layers = (grid.begins, grid.rest)
    values, _ = jax.jit(lambda v: jax.lax.scan(back_up, v, layers, reverse=True))(nothing)
    return values[START, -1]
