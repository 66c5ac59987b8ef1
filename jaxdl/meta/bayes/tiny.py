"""The Bayes-optimal value of `tiny_bamdp`, exactly, by dynamic programming over beliefs.

With priors from U[0, 1] the belief about one of the four pairs of state and action is four counts:
rewards of 1 and of 0, moves to state 1 and to state 0. A node is a state and these sixteen counts.
The nodes of each step are found on the host, since no formula numbers those that can be reached;
then one program backs their values up. The two actions of a state are alike before they are tried,
so nodes that differ by their names alone are one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput

MOST_STEPS = 12  # of all episodes: 13^16 codes of a belief fit in 63 bits
PAIRS = ((0, 1), (2, 3))  # of actions, by state


class Level(NamedTuple):
    """Holds the M nodes of one step.

    Attributes:
      reward: [M, 2] posterior mean of each action's reward.
      to_one: [M, 2] posterior mean of the probability that it leads to state 1.
      after: [M, 2, 2, 2] int32, the node that follows each action, reward and state.
    """

    reward: jax.Array
    to_one: jax.Array
    after: jax.Array


def tiny_bamdp_value(*, episodes: int, horizon: int) -> float:
    """Computes the Bayes-optimal expected reward of a trial in `tiny_bamdp`.

    Where an episode's last step leads is not seen, as in `jaxdl.meta.trial`.

    Args:
      episodes: n, of one task.
      horizon: H, steps of an episode.

    Raises:
      BadInput: a number is less than 1, or there are more than 12 steps in all.
    """
    steps = episodes * horizon
    if episodes < 1 or horizon < 1 or steps > MOST_STEPS:
        raise BadInput(
            f"tiny_bamdp_value needs 1 to {MOST_STEPS} steps in all, "
            f"got episodes={episodes} and horizon={horizon}"
        )
    return float(jax.jit(_first_value)(_find_levels(episodes, horizon)))


def _first_value(levels: Sequence[Level]) -> jax.Array:
    """Returns the value of the only node of the first step."""
    nothing = max(int(level.after.shape[0]) for level in levels)
    values = jnp.zeros(8 * nothing)  # after the last step nothing is earned
    for reward, to_one, after in reversed(levels):
        following = values[after]  # [M, 2, 2, 2]
        by_reward = (1 - to_one)[..., None] * following[..., 0] + to_one[..., None] * (
            following[..., 1]
        )
        action_values = reward + (1 - reward) * by_reward[..., 0] + reward * by_reward[..., 1]
        values = jnp.max(action_values, axis=1)
    return values[0]


def _find_levels(episodes: int, horizon: int) -> list[Level]:
    """Finds the nodes that can be reached, step by step."""
    place = np.zeros(1, np.int64)
    counts = np.zeros((1, 4, 4), np.int64)  # [M, pair, count]
    levels = []
    for time in range(episodes * horizon):
        is_seen = (time + 1) % horizon > 0
        rows = np.arange(place.size)[:, None]
        known = counts[rows, 2 * place[:, None] + np.arange(2)]  # [M, 2, 4]
        paid, unpaid, ones, zeros = np.moveaxis(known, -1, 0)
        places, beliefs = _follow(place, counts, is_seen)
        codes = _number(places, beliefs)
        _, first, after = np.unique(codes, return_index=True, return_inverse=True)
        levels.append(
            Level(
                jnp.asarray((paid + 1) / (paid + unpaid + 2), jnp.float32),
                jnp.asarray((ones + 1) / (ones + zeros + 2), jnp.float32),
                jnp.asarray(after.reshape(-1, 2, 2, 2), jnp.int32),
            )
        )
        place, counts = places[first], beliefs[first]
    return levels


def _follow(place: np.ndarray, counts: np.ndarray, is_seen: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns places [8 M] and counts [8 M, 4, 4] after each action, reward and state."""
    nodes = np.repeat(np.arange(place.size), 8)
    action, reward, state = np.tile(np.indices((2, 2, 2)).reshape(3, 8), place.size)
    after = counts[nodes]
    pair = 2 * place[nodes] + action
    rows = np.arange(nodes.size)
    after[rows, pair, 1 - reward] += 1
    if not is_seen:  # the next episode begins in state 0, whatever followed
        return np.zeros_like(state), after
    after[rows, pair, 3 - state] += 1
    return state, after


def _number(place: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns a number [M] for each node that is the same for nodes with the same value."""
    base = MOST_STEPS + 1
    codes = counts @ base ** np.arange(4)  # [M, 4]
    for pair in PAIRS:
        codes[:, pair] = np.sort(codes[:, pair], axis=1)
    return place * base**16 + codes @ base ** (4 * np.arange(4))
