"""Targets and losses of actors and critics of real actions. All losses are to be minimized."""

import chex
import jax
import jax.numpy as jnp


def pessimistic_target(reward: jax.Array, discount: jax.Array, next_values: jax.Array) -> jax.Array:
    """Computes r + discount min_k Q_k(s', a').

    It is the target of clipped double Q (Fujimoto et al. 2018, eq. 10), and with a single critic
    DDPG's y (Lillicrap et al. 2016, algorithm 1).

    Args:
      reward: [B], of one step or the discounted sum of several.
      discount: [B] what multiplies the value that follows; 0 where the state is terminal.
      next_values: [K, B] of K target critics.

    Returns:
      Targets [B], constants of their gradients.
    """
    chex.assert_rank([reward, discount, next_values], [1, 1, 2])
    chex.assert_equal_shape([reward, discount, next_values[0]])
    target = reward + discount * jnp.min(next_values, axis=0)
    return jax.lax.stop_gradient(target)


def squared_td_loss(
    values: jax.Array, target: jax.Array, weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes half the squared errors, summed over critics (Haarnoja et al. 2018b, eq. 5).

    Args:
      values: [K, B] of K critics.
      target: [B].
      weight: [B] on each transition; 0 for what has no target.

    Returns:
      The mean over the batch, a scalar, and the errors [B], target minus the critics' mean.
    """
    chex.assert_rank([values, target, weight], [2, 1, 1])
    chex.assert_equal_shape([values[0], target, weight])
    error = target - values
    loss = 0.5 * jnp.sum(jnp.mean(weight * error**2, axis=1))
    return loss, jnp.mean(error, axis=0)


def project(
    support: jax.Array, probs: jax.Array, reward: jax.Array, discount: jax.Array
) -> jax.Array:
    """Projects r + discount Z onto the support (Bellemare et al. 2017, algorithm 1).

    What falls between two atoms is shared by them in proportion to how near they are, and what
    falls beyond the last ones belongs to these.

    Args:
      support: [N] evenly spaced returns.
      probs: [B, N] of Z.
      reward: [B].
      discount: [B].

    Returns:
      Probabilities [B, N].
    """
    chex.assert_rank([support, probs, reward, discount], [1, 2, 1, 1])
    chex.assert_equal_shape([probs[0], support])
    chex.assert_equal_shape([probs[:, 0], reward, discount])
    moved = reward[:, None] + discount[:, None] * support  # [B, N]
    moved = jnp.clip(moved, support[0], support[-1])
    spacing = (support[-1] - support[0]) / (len(support) - 1)
    distance = jnp.abs(moved[:, None, :] - support[:, None]) / spacing  # [B, to N, from N]
    share = jnp.maximum(1.0 - distance, 0.0)
    # A sum that is fused with what it sums: a product would write the shares to memory.
    return jnp.sum(share * probs[:, None, :], axis=-1)


def categorical_td_loss(logits: jax.Array, target: jax.Array, weight: jax.Array) -> jax.Array:
    """Computes the cross entropies of K critics (Bellemare et al. 2017, algorithm 1).

    Args:
      logits: [K, B, N] of K critics.
      target: [B, N] probabilities, constants of the gradient.
      weight: [B] on each transition; 0 for what has no target.

    Returns:
      The sum over critics of the mean over the batch, a scalar.
    """
    chex.assert_rank([logits, target, weight], [3, 2, 1])
    chex.assert_equal_shape([logits[0], target])
    target = jax.lax.stop_gradient(target)
    cross_entropy = -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)  # [K, B]
    return jnp.sum(jnp.mean(weight * cross_entropy, axis=1))


def soft_policy_loss(logp: jax.Array, values: jax.Array, alpha: jax.Array) -> jax.Array:
    """Computes the mean of alpha log pi(a|s) - min_k Q_k(s, a) (Haarnoja et al. 2018b, eq. 7).

    Args:
      logp: [B] of actions that the policy has drawn, differentiable.
      values: [K, B] of K critics.
      alpha: scalar, the temperature.

    Returns:
      A scalar.
    """
    chex.assert_rank([logp, values], [1, 2])
    chex.assert_equal_shape([logp, values[0]])
    return jnp.mean(alpha * logp - jnp.min(values, axis=0))


def temperature_loss(log_alpha: jax.Array, logp: jax.Array, target_entropy: float) -> jax.Array:
    """Computes the mean of -alpha (log pi(a|s) + target) (Haarnoja et al. 2018b, eq. 18).

    The temperature rises where the policy's entropy is below its target, and falls above it.

    Args:
      log_alpha: scalar.
      logp: [B] of actions that the policy has drawn, constants of the gradient.
      target_entropy: in nats.

    Returns:
      A scalar.
    """
    chex.assert_rank([log_alpha, logp], [0, 1])
    surplus = jax.lax.stop_gradient(logp) + target_entropy
    return jnp.mean(-jnp.exp(log_alpha) * surplus)
