"""How answers are scored: accuracy, and the correlation that unequal classes ask for."""

import chex
import jax
import jax.numpy as jnp


def accuracy(
    predicted: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Computes the share of right answers.

    Args:
      predicted: [N] int.
      labels: [N] int.
      weights: [N], 0 for what is not counted; all count by default.

    Returns:
      A scalar from 0 to 1; 0 where nothing counts.
    """
    chex.assert_equal_shape([predicted, labels])
    weights = jnp.ones(labels.shape) if weights is None else weights
    right = jnp.sum(weights * (predicted == labels))
    return right / jnp.maximum(jnp.sum(weights), 1)


def matthews(
    predicted: jax.Array,
    labels: jax.Array,
    num_classes: int = 2,
    weights: jax.Array | None = None,
) -> jax.Array:
    """Computes Matthews' correlation (Gorodkin 2004, eq. 8, for K classes), as GLUE scores CoLA.

    Args:
      predicted: [N] int.
      labels: [N] int.
      num_classes: K.
      weights: [N], 0 for what is not counted; all count by default.

    Returns:
      A scalar from -1 to 1; 0 where all answers or all labels are the same.
    """
    chex.assert_equal_shape([predicted, labels])
    weights = jnp.ones(labels.shape) if weights is None else weights
    answers = jax.nn.one_hot(predicted, num_classes).T @ weights  # [K]
    truths = jax.nn.one_hot(labels, num_classes).T @ weights
    total = jnp.sum(weights)
    right = jnp.sum(weights * (predicted == labels))
    covariance = right * total - answers @ truths
    spread = (total**2 - answers @ answers) * (total**2 - truths @ truths)
    return jnp.where(spread > 0, covariance / jnp.sqrt(jnp.where(spread > 0, spread, 1)), 0.0)
