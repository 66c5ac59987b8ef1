"""Multinomial logistic regression on standardized features, by L-BFGS over blocks of rows."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.ops.lbfgs import minimize
from jaxdl.vision.ridge import (
    Rows,
    Scaling,
    fit_scaling,
    hold_out,
    middle_of_best,
    product,
    standardize,
    sum_over_rows,
)

# Of the mean cross entropy, as shares of a nat per squared weight: scikit-learn's C is
# 1 / (penalty * N).
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class Logistic(NamedTuple):
    """A linear classifier of standardized features.

    Attributes:
      scaling: of the rows that it was fitted to.
      weights: [F, K].
      bias: [K].
    """

    scaling: Scaling
    weights: jax.Array
    bias: jax.Array


def fit_and_score(train: Rows, test: Rows, *, num_classes: int) -> jax.Array:
    """Returns the test accuracy of logistic regression.

    The penalty is chosen as that of `jaxdl.vision.ridge.fit_and_score` is: on the first fifth of
    the training rows. The test rows choose nothing, nor are they standardized by their own
    statistics.

    Args:
      train: at least 5 rows.
      test: at least 1 row.
      num_classes: labels are below it.

    Returns:
      A float32 scalar.
    """
    fitted, held_out = hold_out(train)
    penalties = jnp.asarray(PENALTIES)

    def try_penalty(penalty):
        return accuracy(fit_logistic(fitted, num_classes, penalty), held_out)

    chosen = penalties[middle_of_best(jax.lax.map(try_penalty, penalties))]
    return accuracy(fit_logistic(train, num_classes, chosen), test)


def fit_logistic(
    rows: Rows,
    num_classes: int,
    penalty: jax.Array | float,
    *,
    iterations: int = 200,
    tolerance: float = 1e-5,
) -> Logistic:
    """Minimizes the mean cross entropy + penalty / 2 * |weights|^2; the bias is free.

    Args:
      rows: what it is fitted to; computed in float32, or in float64 where the features are.
      num_classes: K; labels are below it.
      penalty: scalar.
      iterations: of L-BFGS at most.
      tolerance: of the largest entry of the gradient, where it ends.
    """
    chex.assert_rank([rows.features, rows.labels], [2, 1])
    scaling = fit_scaling(rows)
    dtype = scaling.center.dtype
    num_features = rows.features.shape[1]
    split = num_features * num_classes

    def value_and_gradient(flat):
        weights = flat[:split].reshape(num_features, num_classes)
        bias = flat[split:]

        def block(x, y):
            x = standardize(x, scaling)
            log_probs = jax.nn.log_softmax(product(x, weights) + bias)
            targets = jax.nn.one_hot(y, num_classes, dtype=dtype)
            errors = jnp.exp(log_probs) - targets
            return -jnp.sum(targets * log_probs), product(x.T, errors), jnp.sum(errors, axis=0)

        sums = sum_over_rows(block, rows)
        loss, by_weights, by_bias = (total / len(rows.part) for total in sums)
        value = loss + penalty / 2 * jnp.sum(weights**2)
        return value, jnp.concatenate([(by_weights + penalty * weights).ravel(), by_bias])

    start = jnp.zeros(split + num_classes, dtype)
    flat = minimize(value_and_gradient, start, iterations=iterations, tolerance=tolerance).x
    return Logistic(scaling, flat[:split].reshape(num_features, num_classes), flat[split:])


def predict_logits(logistic: Logistic, features: jax.Array) -> jax.Array:
    """Returns the logits [M, K] of features [M, F]."""
    return product(standardize(features, logistic.scaling), logistic.weights) + logistic.bias


def accuracy(logistic: Logistic, rows: Rows) -> jax.Array:
    """Returns the share of the rows whose label is the likeliest, a float32 scalar."""

    def count_correct(x, y):
        likeliest = jnp.argmax(predict_logits(logistic, x), axis=1)
        return jnp.sum(likeliest == y, dtype=jnp.float32)

    return sum_over_rows(count_correct, rows) / len(rows.part)
