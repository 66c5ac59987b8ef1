"""Scores of policies in fresh worlds."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.envs import Env
from jaxdl.nn import ActorCritic
from jaxdl.rl.experience import NormalizeObs
from jaxdl.rl.rollout import Policy, fold, likeliest_policy, sampled_policy, start_rollout


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


def evaluate_net(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    params: Any,
    normalize_obs: NormalizeObs,
    *,
    episodes: int,
    max_steps: int,
    sampled_episodes: int = 0,
) -> Metrics:
    """Scores a net by its likeliest actions and, where asked for, by sampled ones too.

    Args:
      key: of all chance in the worlds.
      env: the family of worlds.
      net: the policy.
      params: its parameters.
      normalize_obs: of observations, before the net reads them.
      episodes: N, fresh worlds of one episode each.
      max_steps: the longest episode; what would be earned later does not count.
      sampled_episodes: fresh worlds that are scored with sampled actions; 0 leaves this out.

    Returns:
      The means `episode_return` and `episode_length` of the likeliest actions, and
      `episode_return_sampled`.
    """
    metrics = evaluate_policy(
        key,
        env,
        likeliest_policy(net, params, normalize_obs),
        episodes=episodes,
        max_steps=max_steps,
        initial_carry=net.initial_carry(episodes),
    )
    if sampled_episodes:
        sampled = evaluate_policy(
            jax.random.fold_in(key, 1),
            env,
            sampled_policy(net, params, normalize_obs),
            episodes=sampled_episodes,
            max_steps=max_steps,
            initial_carry=net.initial_carry(sampled_episodes),
        )
        metrics["episode_return_sampled"] = sampled["episode_return"]
    return metrics
