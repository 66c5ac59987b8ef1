"""The inner learner of reward search: one life of tabular Q-learning, with a reward of its own.

Singh, Lewis & Barto 2009: the animal learns from a reward that need not be its fitness; what counts
is the fitness that it gathers in a life, all of its exploration included.
"""

from collections.abc import Sequence
from functools import reduce
from math import gcd
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs import Env


class QLearning(NamedTuple):
    """How an animal learns (Watkins 1989).

    Attributes:
      rate: alpha, how far a value moves to its target.
      discount: gamma.
      exploration: epsilon, the share of random actions.
    """

    rate: float = 0.1
    discount: float = 0.99
    exploration: float = 0.1


class Life(NamedTuple):
    """Where a life stands.

    Attributes:
      env: the state of the world.
      obs: int32, the number of that state.
      values: [S, A], Q.
    """

    env: Any
    obs: jax.Array
    values: jax.Array


def live(
    key: jax.Array,
    task: Any,
    reward: jax.Array,
    *,
    env: Env,
    learning: QLearning,
    periods: int,
    length: int,
) -> jax.Array:
    """Lives a life of C periods, beginning with values of 0.

    Args:
      key: of the birth, the world's chance and the animal's.
      task: of the world.
      reward: [S] that a state pays on arrival, which the animal learns from.
      env: a world whose observation is the number of its state, and whose reward is the fitness.
      learning: how the animal learns.
      periods: C.
      length: steps of a period.

    Returns:
      [C] the fitness that each period adds. A shorter life is the beginning of a longer one: the
      animal does not know when it ends.
    """
    shape = (env.obs_space.n, env.action_space.n)
    birth_key, life_key = jax.random.split(key)
    state, obs = env.reset(birth_key, task)

    def step(life, key):
        action_key, world_key = jax.random.split(key)
        action = choose(action_key, life.values[life.obs], learning.exploration)
        state, out = env.step(world_key, life.env, action, task)
        target = reward[out.obs] + learning.discount * jnp.max(life.values[out.obs])
        error = target - life.values[life.obs, action]
        values = life.values.at[life.obs, action].add(learning.rate * error)
        return Life(state, out.obs, values), out.reward

    def period(life, keys):
        life, fitness = jax.lax.scan(step, life, keys)
        return life, jnp.sum(fitness)

    begun = Life(state, obs, jnp.zeros(shape))
    return jax.lax.scan(period, begun, jax.random.split(life_key, (periods, length)))[1]


def choose(key: jax.Array, values: jax.Array, exploration: float) -> jax.Array:
    """Returns the best action, or with probability epsilon a random one; ties are drawn.

    Args:
      key: of the draws.
      values: [A] of the actions.
      exploration: epsilon.
    """
    actions = values.shape[0]
    lots = jax.random.uniform(key, (actions + 2,))
    is_best = values == jnp.max(values)
    best = jnp.argmax(jnp.where(is_best, lots[:actions], -1.0))
    anything = jnp.int32(actions * lots[actions])
    return jnp.where(lots[actions + 1] < exploration, anything, best)


def period_of(lifetimes: Sequence[int]) -> int:
    """Returns the steps of a period, of which each lifetime has a whole number.

    The longest life has at least 16 periods, so that curves over it can be drawn.
    """
    return reduce(gcd, lifetimes, max(lifetimes[-1] // 16, 1))


def fitness_until(added: jax.Array, lifetimes: Sequence[int], length: int) -> jax.Array:
    """Returns the fitness by the end of each lifetime.

    Args:
      added: [..., C] fitness that each period adds.
      lifetimes: L numbers of steps, multiples of the period's.
      length: steps of a period.

    Returns:
      [..., L] share of the steps of a life in which the animal was not hungry.
    """
    steps = np.asarray(lifetimes)
    places = steps // length - 1
    return jnp.cumsum(added, axis=-1)[..., places] / steps.astype(np.float32)
