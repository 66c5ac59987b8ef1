"""Scores of policies in fresh worlds."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Evaluate, Metrics
from jaxdl.envs import Env
from jaxdl.nn import ActorCritic
from jaxdl.ops.statistics import observation_normalizer
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


def policy_evaluation(
    env: Env, net: ActorCritic, episodes: int, max_steps: int, sampled_episodes: int = 0
) -> Evaluate:
    """Makes the evaluation of learners whose `extra.obs_statistics` normalize observations.

    Args:
      env: the family of worlds.
      net: the policy.
      episodes: N, fresh worlds of one episode each.
      max_steps: the longest episode; what would be earned later does not count.
      sampled_episodes: fresh worlds that are scored with sampled actions; 0 leaves this out.

    Returns:
      A function key, state -> the means `episode_return` and `episode_length` of the likeliest
      actions, and `episode_return_sampled`.
    """

    def evaluate(key, state):
        normalize_obs = observation_normalizer(state.extra.obs_statistics)

        def score(key, make_policy, episodes):
            return evaluate_policy(
                key,
                env,
                make_policy(net, state.params, normalize_obs),
                episodes=episodes,
                max_steps=max_steps,
                initial_carry=net.initial_carry(episodes),
            )

        metrics = score(key, likeliest_policy, episodes)
        if sampled_episodes:
            sampled = score(jax.random.fold_in(key, 1), sampled_policy, sampled_episodes)
            metrics["episode_return_sampled"] = sampled["episode_return"]
        return metrics

    return evaluate
