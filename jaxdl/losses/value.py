"""Errors and losses of action values: Mnih et al. 2015, van Hasselt et al. 2016.

Errors are target minus estimate, per transition; the targets are constants of their gradients.
"""

import chex
import jax
import jax.numpy as jnp


def q_learning(
    q_tm1: jax.Array, a_tm1: jax.Array, r_t: jax.Array, discount_t: jax.Array, q_t: jax.Array
) -> jax.Array:
    """Computes the errors of Q-learning (Mnih et al. 2015, algorithm 1).

    r + discount max_a Q(s_t, a) - Q(s_{t-1}, a_{t-1}).

    Args:
      q_tm1: [B, A] values of the actions in the state that was acted in.
      a_tm1: [B] integers, the actions taken.
      r_t: [B] rewards, of one step or the discounted sum of several.
      discount_t: [B] what multiplies the value of the state that follows; 0 where it is terminal.
      q_t: [B, A] values of the actions there, by the target network.

    Returns:
      Errors [B].
    """
    return double_q_learning(q_tm1, a_tm1, r_t, discount_t, q_t, q_t)


def double_q_learning(
    q_tm1: jax.Array,
    a_tm1: jax.Array,
    r_t: jax.Array,
    discount_t: jax.Array,
    q_t: jax.Array,
    selector_t: jax.Array,
) -> jax.Array:
    """Computes the errors of double Q-learning (van Hasselt et al. 2016, eq. 4).

    The maximum over noisy values is too high; here one net chooses the action and another says
    what it is worth.

    Args:
      q_tm1: [B, A] values of the actions in the state that was acted in.
      a_tm1: [B] integers, the actions taken.
      r_t: [B] rewards, of one step or the discounted sum of several.
      discount_t: [B] what multiplies the value of the state that follows; 0 where it is terminal.
      q_t: [B, A] values of the actions there, by the target network.
      selector_t: [B, A] the same by the net that chooses, the online one.

    Returns:
      Errors [B].
    """
    chex.assert_rank([q_tm1, q_t, selector_t], 2)
    chex.assert_equal_shape([q_tm1, q_t, selector_t])
    chex.assert_equal_shape([a_tm1, r_t, discount_t, q_t[:, 0]])
    best = jnp.argmax(selector_t, axis=-1)
    target = r_t + discount_t * pick(q_t, best)
    return jax.lax.stop_gradient(target) - pick(q_tm1, a_tm1)


def pick(values: jax.Array, action: jax.Array) -> jax.Array:
    """Picks the values [...] of actions [...] out of those of all of them [..., A]."""
    return jnp.take_along_axis(values, action[..., None].astype(jnp.int32), axis=-1)[..., 0]


def huber(error: jax.Array, *, delta: float = 1.0) -> jax.Array:
    """Computes Huber losses (Huber 1964), by which Mnih et al. 2015 clip errors with delta 1.

    Half the square within delta, beyond it a line, so that no gradient exceeds delta.

    Args:
      error: [...].
      delta: where the line begins.

    Returns:
      Losses [...].
    """
    size = jnp.abs(error)
    inner = jnp.minimum(size, delta)
    return 0.5 * inner**2 + delta * (size - inner)
