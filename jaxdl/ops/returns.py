"""Advantages and returns from time-major unrolls of worlds that reset themselves."""

import jax
import jax.numpy as jnp


def gae(
    rewards: jax.Array,
    values: jax.Array,
    next_values: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    *,
    discount: float,
    gae_lambda: float,
) -> tuple[jax.Array, jax.Array]:
    """Generalized advantage estimates: Schulman et al. 2016, eq. 16.

    A sum ends where an episode ends. At a termination the state that follows is worth zero; at a
    truncation it is worth V of the final observation, for the episode could have gone on.

    Args:
      rewards: [T, E].
      values: [T, E] V(observation that was acted upon).
      next_values: [T, E] V(observation that the action led to); at an episode's end that is its
        final observation, never the first one of the next episode.
      terminated: [T, E] bool.
      truncated: [T, E] bool.
      discount: gamma.
      gae_lambda: lambda; 0 is the one-step TD error, 1 the Monte-Carlo return less the value.

    Returns:
      advantages [T, E], and value_targets [T, E] = advantages + values.
    """
    bootstrap = jnp.where(terminated, 0.0, next_values)
    td_errors = rewards + discount * bootstrap - values
    decay = jnp.where(terminated | truncated, 0.0, discount * gae_lambda)

    def step(advantage, xs):
        td_error, decay = xs
        advantage = td_error + decay * advantage
        return advantage, advantage

    _, advantages = jax.lax.scan(step, jnp.zeros_like(values[0]), (td_errors, decay), reverse=True)
    return advantages, advantages + values
