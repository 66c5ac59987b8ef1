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


def n_step_returns(
    rewards: jax.Array, discounts: jax.Array, next_values: jax.Array, n: int
) -> jax.Array:
    """Sums n rewards and the value of the state that follows them: Sutton & Barto 2018, eq. 7.1.

    G_t = r_t + d_t r_{t+1} + ... + d_t ... d_{t+n-1} V(s_{t+n}). Where the unroll ends sooner, the
    sum has as many rewards as there are, and the last value follows them.

    Args:
      rewards: [T, E].
      discounts: [T, E] gamma; 0 where the step ended the episode, since nothing follows.
      next_values: [T, E] V(observation that the action led to).
      n: how many rewards, at least 1.

    Returns:
      Returns [T, E].
    """
    chex.assert_rank([rewards, discounts, next_values], 2)
    chex.assert_equal_shape([rewards, discounts, next_values])
    chex.assert_scalar_positive(n)
    steps = rewards.shape[0]

    def extend(array, fill):
        return jnp.concatenate([array, jnp.broadcast_to(fill, (n, *array.shape[1:]))])

    rewards = extend(rewards, jnp.float32(0.0))
    discounts = extend(discounts, jnp.float32(1.0))
    returns = extend(next_values, next_values[-1])[n - 1 : n - 1 + steps]
    for i in reversed(range(n)):
        returns = rewards[i : i + steps] + discounts[i : i + steps] * returns
    return returns
