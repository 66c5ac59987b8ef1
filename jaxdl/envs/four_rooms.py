"""Four rooms with a hidden goal: the grid of Sutton, Precup & Singh 1999, figure 2."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Discrete

LAYOUT = """
#############
#.....#.....#
#.....#.....#
#...........#
#.....#.....#
#.....#.....#
##.####.....#
#.....###.###
#.....#.....#
#.....#.....#
#...........#
#.....#.....#
#############
""".split()
HORIZON = 100  # steps of an episode
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # of the actions, in rows and columns
FREE = np.array([[cell == "." for cell in row] for row in LAYOUT])  # [13, 13]
CELLS = np.argwhere(FREE)  # [104, 2] row and column of the cells, by their numbers


class State(NamedTuple):
    """Holds where an episode stands.

    Attributes:
      cell: int32, its number.
      time: int32 steps since the episode began.
    """

    cell: jax.Array
    time: jax.Array


def four_rooms(*, slip: float = 0.0, horizon: int = HORIZON) -> Env:
    """Walks through four rooms to a cell that the policy does not see.

    The task is the goal's number, int32, one of 104 cells. An episode begins in any other cell.
    To step upon the goal pays 1 and terminates, all else pays 0; after some steps an episode is
    truncated. The observation is the number of the cell, int32. Actions go up, down, left and
    right; a move into a wall stays.

    Args:
      slip: probability that a move goes in one of the other three directions; Sutton et al. 1999
        have 1/3.
      horizon: the longest episode.

    Raises:
      BadInput: a probability outside of 0 to 1, or a horizon of less than 1.
    """
    if not 0 <= slip <= 1:
        raise BadInput(f"four_rooms needs slip within 0 and 1, got slip={slip:g}")
    if horizon < 1:
        raise BadInput(f"four_rooms needs horizon of at least 1, got horizon={horizon}")
    follow = jnp.asarray(neighbors())

    def sample_task(key):
        return jnp.int32(len(CELLS) * jax.random.uniform(key))

    def reset(key, task):
        others = jnp.int32((len(CELLS) - 1) * jax.random.uniform(key))
        cell = others + (others >= task)
        return State(cell, jnp.int32(0)), cell

    def step(key, state, action, task):
        if slip:
            lot = jax.random.uniform(key)  # below `slip` it also says which other direction
            turn = 1 + jnp.int32(3 * lot / slip)
            action = jnp.where(lot < slip, (action + turn) % len(MOVES), action)
        state = State(follow[state.cell, action], state.time + 1)
        is_there = state.cell == task
        is_late = (state.time >= horizon) & ~is_there
        return state, Step(state.cell, is_there.astype(jnp.float32), is_there, is_late, {})

    return Env(sample_task, reset, step, Discrete(len(CELLS)), Discrete(len(MOVES)))


@cache
def neighbors() -> np.ndarray:
    """Returns the number of the cell that each move leads to, [104, 4] int32."""
    numbers = np.full(FREE.shape, -1)
    numbers[FREE] = np.arange(len(CELLS))
    ends = CELLS[:, None] + np.array(MOVES)  # [104, 4, 2]
    reached = numbers[ends[..., 0], ends[..., 1]]
    stays = np.arange(len(CELLS))[:, None]
    return np.where(reached < 0, stays, reached).astype(np.int32)


@cache
def shortest_paths() -> np.ndarray:
    """Returns the fewest moves from each cell to each other, [104, 104] int32.

    A cell is one move farther from the goal than the nearest of its neighbors (Bellman, without
    discount); as many rounds as there are cells settle all of them.
    """
    moves = np.where(np.eye(len(CELLS), dtype=bool), 0, len(CELLS))
    for _ in range(len(CELLS)):
        moves = np.minimum(moves, 1 + moves[neighbors()].min(axis=1))
    return moves.astype(np.int32)


def fewest_steps(state: State, task: jax.Array) -> jax.Array:
    """Returns how many moves lead from a state to the goal where none slips, int32 scalar."""
    return jnp.asarray(shortest_paths())[state.cell, task]


def mean_best_return(*, horizon: int = HORIZON) -> float:
    """Returns the mean return of one who knows the task, over all goals and starts; no slips."""
    paths = shortest_paths()
    return float(np.mean(paths[paths > 0] <= horizon))
