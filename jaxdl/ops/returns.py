"""Advantages and returns from time-major unrolls of worlds that reset themselves."""

import chex
import jax
import jax.numpy as jnp


def gae(
    rewards: jax.Array,
    values: jax.Array,
    next_values: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    *,
    discount: float | jax.Array,
    gae_lambda: float,
) -> tuple[jax.Array, jax.Array]:
    """Estimates generalized advantages: Schulman et al. 2016, eq. 16.

    With delta_t = r_t + gamma V(s_{t+1}) - V(s_t), the advantage is
    A_t = delta_t + gamma lambda A_{t+1}, summed up to the end of the episode. At a termination the
    state that follows is worth zero; at a truncation it is worth V of the final observation, since
    the episode could have gone on.

    Args:
      rewards: [T, E].
      values: [T, E] V(observation that was acted upon).
      next_values: [T, E] V(observation that the action led to); at an episode's end that is its
        final observation, never the first one of the next episode.
      terminated: [T, E] bool.
      truncated: [T, E] bool.
      discount: gamma; a number, or [T, E] where it differs by step.
      gae_lambda: lambda; 0 is the one-step TD error, 1 the Monte-Carlo return less the value.

    Returns:
      advantages [T, E], and value_targets [T, E] = advantages + values.
    """
    chex.assert_rank([rewards, values, next_values, terminated, truncated], 2)
    chex.assert_equal_shape([rewards, values, next_values, terminated, truncated])
    bootstrap = jnp.where(terminated, 0.0, next_values)
    td_errors = rewards + discount * bootstrap - values
    decay = jnp.where(terminated | truncated, 0.0, discount * gae_lambda)

    def step(advantage, xs):
        td_error, decay = xs
        advantage = td_error + decay * advantage
        return advantage, advantage

    _, advantages = jax.lax.scan(step, jnp.zeros_like(values[0]), (td_errors, decay), reverse=True)
    return advantages, advantages + values
