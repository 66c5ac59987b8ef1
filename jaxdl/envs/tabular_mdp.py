"""Decision processes whose tables are the task: Duan et al. 2016, section 3.2, and a tiny one.

A policy sees the number of the state alone; what the actions pay and where they lead, it has to
find out.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Discrete

REWARD_MEAN = 1.0  # of the law that the mean rewards are drawn from


class Task(NamedTuple):
    """Holds the tables of a decision process.

    Attributes:
      reward: [S, A] mean of what an action pays in a state.
      transition: [S, A, S] probability of the state that follows.
    """

    reward: jax.Array
    transition: jax.Array


class State(NamedTuple):
    """Holds where an episode stands.

    Attributes:
      place: int32, the number of the state.
      time: int32 steps since the episode began.
    """

    place: jax.Array
    time: jax.Array


def tabular_mdp(*, states: int = 10, actions: int = 5, horizon: int = 10) -> Env:
    """Acts in a random Markov decision process of few states for a fixed number of steps.

    The law of Duan et al. 2016, section 3.2: mean rewards are N(1, 1), a reward is its mean plus
    N(0, 1), transitions are from a flat Dirichlet, and an episode begins in state 0 and terminates
    after H steps. The observation is the state's number, int32. `info["expected_reward"]` is the
    mean of the reward, which a learner must not see: a yardstick with less noise.

    Args:
      states: S.
      actions: A.
      horizon: H.

    Raises:
      BadInput: a number is less than 1.
    """
    _check_sizes("tabular_mdp", states=states, actions=actions, horizon=horizon)

    def sample_task(key):
        return sample_tables(key, states=states, actions=actions)

    def pay(key, mean):
        return mean + jax.random.normal(key)

    return _make(sample_task, pay, states=states, actions=actions, horizon=horizon)


def tiny_bamdp(*, horizon: int = 4) -> Env:
    """Acts in a decision process so small that the Bayes-optimal value is known exactly.

    Two states, two actions, Bernoulli rewards; every mean reward and every probability of going to
    state 1 is from U[0, 1]. Episodes, observation and `info` are those of `tabular_mdp`.

    Args:
      horizon: H.

    Raises:
      BadInput: a horizon of less than 1.
    """
    _check_sizes("tiny_bamdp", horizon=horizon)

    def sample_task(key):
        reward_key, transition_key = jax.random.split(key)
        to_one = jax.random.uniform(transition_key, (2, 2))
        return Task(jax.random.uniform(reward_key, (2, 2)), jnp.stack([1 - to_one, to_one], -1))

    def pay(key, mean):
        return jnp.float32(jax.random.uniform(key) < mean)

    return _make(sample_task, pay, states=2, actions=2, horizon=horizon)


def sample_tables(key: jax.Array, *, states: int, actions: int) -> Task:
    """Draws the tables of `tabular_mdp`.

    Args:
      key: of the draw.
      states: S.
      actions: A.
    """
    reward_key, transition_key = jax.random.split(key)
    reward = REWARD_MEAN + jax.random.normal(reward_key, (states, actions))
    # A flat Dirichlet is a row of exponential variables over their sum.
    weights = jax.random.exponential(transition_key, (states, actions, states))
    return Task(reward, weights / jnp.sum(weights, axis=-1, keepdims=True))


def follow(task: Task, place: jax.Array, action: jax.Array, lot: jax.Array) -> jax.Array:
    """Returns the state that follows, int32 scalar.

    Args:
      task: the tables.
      place: int32 scalar, the state that is left.
      action: int32 scalar.
      lot: float32 scalar from U[0, 1), which decides.
    """
    ends = jnp.cumsum(task.transition[place, action])
    # The last end may fall short of 1 by rounding, and is not asked.
    return jnp.sum(lot >= ends[:-1], dtype=jnp.int32)


def _make(sample_task, pay, *, states: int, actions: int, horizon: int) -> Env:
    """Makes the world of a law of tables, and of rewards: key, mean -> reward."""

    def reset(key, task):
        return State(jnp.int32(0), jnp.int32(0)), jnp.int32(0)

    def step(key, state, action, task):
        reward_key, place_key = jax.random.split(key)
        mean = task.reward[state.place, action]
        place = follow(task, state.place, action, jax.random.uniform(place_key))
        after = State(place, state.time + 1)
        is_over = after.time >= horizon
        info = {"expected_reward": mean}
        return after, Step(place, pay(reward_key, mean), is_over, jnp.bool_(False), info)

    return Env(sample_task, reset, step, Discrete(states), Discrete(actions))


def _check_sizes(world: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise BadInput(f"{world} needs {name} of at least 1, got {name}={size}")
