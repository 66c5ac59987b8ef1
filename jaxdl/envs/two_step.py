"""The two-step task of Daw et al. 2011, as an agent of Wang et al. 2016 plays it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Discrete
from jaxdl.envs.trials import ROUNDS

FIRST = 0  # the number of the first stage


class State(NamedTuple):
    """Where an episode stands.

    Attributes:
      place: int32, 0 at the first stage, 1 or 2 at the second.
      good: int32, 1 or 2, the place that pays more now.
      time: int32 choices made since the episode began.
    """

    place: jax.Array
    good: jax.Array
    time: jax.Array


def two_step(
    *, trials: int = ROUNDS, common: float = 0.8, good: float = 0.9, swap: float = 0.025
) -> Env:
    """Chooses at a first stage which of two second stages is likely to follow, and pay.

    A round is two steps. At the first stage (observation 0) action 0 leads to place 1 with the
    probability `common` and else to place 2, action 1 the other way. At the second (observation 1
    or 2) any action is paid 1 with the probability `good` in the good place and 1 - good in the
    other, else 0; then the places swap with the probability `swap`, and the next round begins. As
    in restless bandits an episode is a whole trial of many rounds, so that which place is good
    lasts from one to the next.

    Daw et al. 2011 have choices at the second stage too, and rewards that drift; that Wang et al.
    2016 have these constants, and 100 rounds, is said by public re-implementations. The task is (),
    the state `State`. `info["expected_reward"]` is the mean of what a choice at the first stage
    brings, told with the choice, and `info["best_reward"]` that of the better one; both are 0 at
    the second stage.

    Args:
      trials: rounds in an episode.
      common: probability of the transition that an action is for.
      good: probability that the good place pays.
      swap: probability that the places swap after a round.

    Raises:
      BadInput: no round, or what should be a probability is none.
    """
    if trials < 1:
        raise BadInput(f"two_step needs at least 1 trial, got trials={trials}")
    for name, share in {"common": common, "good": good, "swap": swap}.items():
        if not 0 <= share <= 1:
            raise BadInput(f"two_step: {name}={share:g} should be a probability")
    best = max(_mean(common, good), _mean(1 - common, good))

    def reset(key, task):
        place = 1 + jax.random.bernoulli(key).astype(jnp.int32)
        return State(jnp.int32(FIRST), place, jnp.int32(0)), jnp.int32(FIRST)

    def choose(key, state, action):
        """Leaves the first stage."""
        is_common = jax.random.bernoulli(key, common)
        place = 1 + jnp.where(is_common, action, 1 - action)
        is_right = action == state.good - 1
        mean = jnp.where(is_right, _mean(common, good), _mean(1 - common, good))
        return state._replace(place=place, time=state.time + 1), mean

    def step(key, state, action, task):
        place_key, pay_key, swap_key = jax.random.split(key, 3)
        is_choice = state.place == FIRST
        chosen, mean = choose(place_key, state, action)
        share = jnp.where(state.place == state.good, good, 1 - good)
        reward = (jax.random.uniform(pay_key) < share) & ~is_choice
        swaps = jax.random.bernoulli(swap_key, swap)
        next_good = jnp.where(swaps, 3 - state.good, state.good)
        paid = State(jnp.int32(FIRST), next_good, state.time)
        after = jax.tree.map(lambda x, y: jnp.where(is_choice, x, y), chosen, paid)
        info = {
            "expected_reward": jnp.where(is_choice, mean, 0.0),
            "best_reward": jnp.where(is_choice, best, 0.0),
        }
        is_over = ~is_choice & (after.time >= trials)
        out = Step(after.place, reward.astype(jnp.float32), is_over, jnp.bool_(False), info)
        return after, out

    return Env(lambda key: (), reset, step, Discrete(3), Discrete(2))


def _mean(to_good: float, good: float) -> float:
    """Returns what a choice brings that leads to the good place with that probability."""
    return to_good * good + (1 - to_good) * (1 - good)
