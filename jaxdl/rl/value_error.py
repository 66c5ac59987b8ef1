"""How far a learner's values lie from the returns that its policy then earns."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.envs import Env
from jaxdl.rl.rollout import Policy, fold, start_rollout

TAIL = 1e-3  # what is left of the weight of rewards after the last step that counts


class Sum(NamedTuple):
    """The discounted return of N episodes so far.

    Attributes:
      total: [N].
      factor: [N] the weight of the next reward.
    """

    total: jax.Array
    factor: jax.Array


def value_error(
    key: jax.Array,
    env: Env,
    policy: Policy,
    value: Callable[[Any], jax.Array],
    *,
    episodes: int,
    discount: float,
) -> Metrics:
    """Compares values of first states with the discounted returns that follow.

    It is the comparison of Fujimoto et al. 2018, figure 1, from an episode's first states. What
    would be truncated goes on, until the weight of rewards is below `TAIL`.

    Args:
      key: of all chance in the worlds.
      env: the family of worlds.
      policy: without memory.
      value: obs [N, ...] -> [N], what is expected of the policy there.
      episodes: N.
      discount: gamma, below 1.

    Returns:
      The means `value_estimate` and `value_measured`, and `value_error`, the first less the second.
    """
    steps = math.ceil(math.log(TAIL) / math.log(discount))
    endless = without_truncation(env)
    rollout = start_rollout(key, endless, (), episodes=episodes)
    estimate = value(rollout.obs)

    def update(summary, moment):
        total = summary.total + summary.factor * moment.step.reward
        return Sum(total, summary.factor * discount * moment.step.discount)

    nothing = Sum(jnp.zeros(episodes), jnp.ones(episodes))
    _, summary = fold(rollout, endless, policy, update, nothing, max_steps=steps)
    return {
        "value_estimate": jnp.mean(estimate),
        "value_measured": jnp.mean(summary.total),
        "value_error": jnp.mean(estimate - summary.total),
    }


def without_truncation(env: Env) -> Env:
    """Returns worlds whose episodes end by termination alone."""

    def step(key, state, action, task):
        state, out = env.step(key, state, action, task)
        return state, out._replace(truncated=jnp.bool_(False))

    return env._replace(step=step)
