"""Cross entropy of classification, with labels that are integers or probabilities."""

import chex
import jax
import jax.numpy as jnp


def softmax_cross_entropy(
    logits: jax.Array, targets: jax.Array, *, label_smoothing: float = 0.0
) -> jax.Array:
    """Computes the mean cross entropy of labels in nats.

    Its gradient with respect to the logits is (softmax - targets) / B for probabilities that sum
    to 1. A class of probability 0 costs nothing, even where its logit is -inf.

    Args:
      logits: [B, K] of any floating dtype; the loss is computed in float32.
      targets: [B] int labels, or [B, K] probabilities such as another net's.
      label_smoothing: epsilon of Szegedy et al. 2016, section 7: targets become
        (1 - epsilon) q + epsilon / K.

    Returns:
      A float32 scalar.

    Raises:
      ValueError: label_smoothing is not within [0, 1].
    """
    chex.assert_rank(logits, 2)
    chex.assert_rank(targets, {1, 2})
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be within 0 to 1, got {label_smoothing}")
    rows, classes = logits.shape
    chex.assert_shape(targets, (rows,) if targets.ndim == 1 else (rows, classes))
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    if targets.ndim == 1 and label_smoothing == 0:
        return -jnp.mean(jnp.take_along_axis(log_probs, targets[:, None], axis=1))
    if targets.ndim == 1:
        targets = jax.nn.one_hot(targets, classes)
    targets = targets.astype(jnp.float32)
    if label_smoothing:
        targets = (1 - label_smoothing) * targets + label_smoothing / classes
    # Where a target is 0 the log probability may be -inf: it is replaced before the product, so
    # that neither the value nor the gradient becomes NaN.
    costs = targets * jnp.where(targets == 0, 0.0, log_probs)
    return -jnp.mean(jnp.sum(costs, axis=1))
