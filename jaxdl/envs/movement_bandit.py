"""A point among marks of which one pays: the 2D moving bandits of Frans et al. 2018 (MLSH)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete

# The paper gives no sizes. These are said to be those of its code (units are its pixels).
DISTANCE = 175.0  # of the marks from the start
STRIDE = 20.0  # of a move
RADIUS = 50.0  # of the disc about the paying mark
HORIZON = 50  # steps of an episode, the paper's
MOVES = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))  # of the actions, in strides

# The lattice of places, as far as a disc reaches, in strides, and the moves to each of them.
LINE = np.arange(-12, 13)
SUMS = np.abs(LINE)[:, None] + np.abs(LINE)
ANGLES = 3600  # that means are taken over


class State(NamedTuple):
    """Holds where an episode stands.

    Attributes:
      strides: [2] int32, the point's place in strides from the start.
      marks: [k, 2] float32, their places from the start.
      time: int32 steps since the episode began.
    """

    strides: jax.Array
    marks: jax.Array
    time: jax.Array


def movement_bandit(*, marks: int = 2, horizon: int = HORIZON) -> Env:
    """Moves a point by small strides among marks, of which one pays to be near.

    The task is the number of the paying mark, int32, which the policy does not see. Every episode
    puts the marks anew on a circle about the start. The reward of a step is 1 if it ends within the
    disc about the paying mark, else 0. The observation [2 + 2 k] is the point's place and those of
    the marks, over the circle's radius. Actions stay, and go right, left, up and down. Episodes
    are truncated after some steps.

    Args:
      marks: k, 2 in the paper.
      horizon: steps of an episode.

    Raises:
      BadInput: a number is less than 1.
    """
    for name, number in {"marks": marks, "horizon": horizon}.items():
        if number < 1:
            raise BadInput(f"movement_bandit needs {name} of at least 1, got {name}={number}")
    moves = jnp.array(MOVES, jnp.int32)

    def sample_task(key):
        return jnp.int32(marks * jax.random.uniform(key))

    def reset(key, task):
        angle = jax.random.uniform(key, (marks,), maxval=2 * jnp.pi)
        places = DISTANCE * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
        state = State(jnp.zeros(2, jnp.int32), places, jnp.int32(0))
        return state, _observe(state)

    def step(key, state, action, task):
        state = state._replace(strides=state.strides + moves[action], time=state.time + 1)
        away = STRIDE * state.strides - state.marks[task]
        reward = jnp.float32(jnp.sum(away**2) < RADIUS**2)
        is_late = state.time >= horizon
        return state, Step(_observe(state), reward, jnp.bool_(False), is_late, {})

    return Env(sample_task, reset, step, Box((2 + 2 * marks,)), Discrete(len(MOVES)))


def fewest_steps(state: State, task: jax.Array) -> jax.Array:
    """Returns after how many moves from the start the paying disc can be reached at the earliest.

    The points that moves lead to are a lattice, and n moves reach those whose coordinates sum to at
    most n strides in absolute value: so it is the least such sum within the disc.

    Args:
      state: of an episode's beginning.
      task: number of the paying mark.

    Returns:
      int32 scalar.
    """
    away_x, away_y = (STRIDE * LINE - state.marks[task, i] for i in (0, 1))
    is_inside = away_x[:, None] ** 2 + away_y[None, :] ** 2 < RADIUS**2
    return jnp.min(jnp.where(is_inside, SUMS, SUMS.max()))


def mean_best_return(*, horizon: int = HORIZON) -> float:
    """Returns the mean return of one who knows the task, over marks all around, evenly spaced.

    The paying disc is entered after as few moves as `fewest_steps` says, and not left again.
    """
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    away_x, away_y = (STRIDE * LINE - DISTANCE * f(angle)[:, None] for f in (np.cos, np.sin))
    is_inside = away_x[:, :, None] ** 2 + away_y[:, None, :] ** 2 < RADIUS**2  # [angles, x, y]
    fewest = np.where(is_inside, SUMS, SUMS.max()).min(axis=(1, 2))
    return float(np.maximum(horizon - fewest + 1, 0).mean())


def _observe(state: State) -> jax.Array:
    places = jnp.concatenate([STRIDE * state.strides[None], state.marks]) / DISTANCE
    return places.reshape(-1)
