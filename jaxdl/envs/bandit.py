"""Bernoulli bandits, the task family of Duan et al. 2016 (RL^2), section 3.1."""

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete


def bandit(*, arms: int = 5) -> Env:
    """Pulls one of k arms, each of which pays 1 with an unknown probability, else 0.

    An episode is one pull. The task is the arms' means [k], drawn from U[0, 1]. The observation [1]
    is always 0, and the state is (). `info["expected_reward"]` is the pulled arm's mean, which a
    learner must not see: a yardstick with less noise than the reward.

    Raises:
      BadInput: fewer than one arm.
    """
    if arms < 1:
        raise BadInput(f"bandit needs at least 1 arm, got arms={arms}")

    def sample_task(key):
        return jax.random.uniform(key, (arms,))

    def reset(key, task):
        return (), jnp.zeros(1)

    def step(key, state, action, task):
        mean = task[action]
        reward = (jax.random.uniform(key) < mean).astype(jnp.float32)
        info = {"expected_reward": mean}
        return state, Step(jnp.zeros(1), reward, jnp.bool_(True), jnp.bool_(False), info)

    return Env(sample_task, reset, step, Box((1,), 0.0, 0.0), Discrete(arms))
