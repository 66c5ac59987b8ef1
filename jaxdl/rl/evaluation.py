"""Scores of policies in fresh worlds."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.envs import Env
from jaxdl.rl.rollout import Policy, fold, start_rollout


class Score(NamedTuple):
    """What N episodes have come to.

    Attributes:
      episode_return: [N] sum of the rewards.
      episode_length: [N] int32 steps.
    """

    episode_return: jax.Array
    episode_length: jax.Array


def evaluate_policy(
    key: jax.Array,
    env: Env,
    policy: Policy,
    *,
    episodes: int,
    max_steps: int,
    initial_carry: Any = (),
) -> Metrics:
    """Plays one episode in each of N fresh worlds.

    Args:
      key: of all chance in them.
      env: the family of worlds.
      policy: that acts.
      episodes: N.
      max_steps: the longest episode; what would be earned later does not count.
      initial_carry: leaves [N, ...], the policy's memory; () without one.

    Returns:
      The means `episode_return` and `episode_length`.
    """

    def update(score, moment):
        return Score(
            score.episode_return + moment.step.reward, score.episode_length + moment.is_alive
        )

    rollout = start_rollout(key, env, initial_carry, episodes=episodes)
    nothing = Score(jnp.zeros(episodes), jnp.zeros(episodes, jnp.int32))
    _, score = fold(rollout, env, policy, update, nothing, max_steps=max_steps)
    return {
        "episode_return": jnp.mean(score.episode_return),
        "episode_length": jnp.mean(score.episode_length),
    }
