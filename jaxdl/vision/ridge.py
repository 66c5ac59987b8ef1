"""Ridge regression in closed form, over rows that need not be held as floats all at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

BLOCK = 4096  # rows that are held as float32 at a time
# Regularizers as shares of the mean eigenvalue, which is 1 for standardized features. Below 1e-4
# the rounding of float32 eigenvalues would decide.
PENALTIES = tuple(10.0 ** (i / 2) for i in range(-8, 7))


class Rows(NamedTuple):
    """Labelled rows of features, a part of larger arrays that is never copied.

    Attributes:
      features: [R, F] floats or bytes.
      labels: [R] int32.
      part: which of the rows, such as range(0, N).
    """

    features: jax.Array
    labels: jax.Array
    part: range


class Scaling(NamedTuple):
    """What standardizes features: always that of the rows that something is fitted to.

    Attributes:
      center: [F] their mean.
      scale: [F] their standard deviation; 1 where they are constant.
      constant: [F] bool, where they do not vary but for rounding.
    """

    center: jax.Array
    scale: jax.Array
    constant: jax.Array


class Ridge(NamedTuple):
    """Ridge regression on standardized features, for all penalties at once.

    Its weights are basis diag(1 / (values + penalty)) moments, with R = min(N, F): of the
    covariance X^T X / n where there are more rows than features, else of the Gram matrix X X^T / n.

    Attributes:
      center: [F] mean of the features that it was fitted to.
      scale: [F] their standard deviation; 1 where they are constant.
      values: [R] eigenvalues.
      basis: [F, R] eigenvectors V of the covariance, or X^T U with those of the Gram matrix.
      moments: [R, K] V^T X^T Y / n, or U^T Y / n, of centered targets Y.
      offset: [K] mean of the targets.
    """

    center: jax.Array
    scale: jax.Array
    values: jax.Array
    basis: jax.Array
    moments: jax.Array
    offset: jax.Array


def fit_and_score(train: Rows, test: Rows, *, num_classes: int) -> jax.Array:
    """Returns the test accuracy of ridge regression to one-hot labels.

    The penalty is the one with the best accuracy on the first fifth of the training rows, fitted to
    the others; then all of them are used. The test rows choose nothing, nor are they standardized
    by their own statistics.

    Args:
      train: at least 5 rows.
      test: at least 1 row.
      num_classes: labels are below it.

    Returns:
      A float32 scalar.
    """
    fitted, held_out = hold_out(train)
    candidate = fit_ridge(fitted, num_classes)
    penalties = jnp.asarray(PENALTIES)
    accuracies = jax.lax.map(lambda penalty: accuracy(candidate, penalty, held_out), penalties)
    chosen = penalties[middle_of_best(accuracies)]
    return accuracy(fit_ridge(train, num_classes), chosen, test)


def hold_out(train: Rows) -> tuple[Rows, Rows]:
    """Parts rows into those that candidates are fitted to, and the first fifth, which judges."""
    first = train.part.start
    fifth = first + len(train.part) // 5
    fitted = train._replace(part=range(fifth, train.part.stop))
    return fitted, train._replace(part=range(first, fifth))


def middle_of_best(accuracies: jax.Array) -> jax.Array:
    """Returns the place of the best of accuracies [P]: several often are, of these the middle."""
    best = accuracies == jnp.max(accuracies)
    return jnp.argmax(jnp.cumsum(best) * 2 > jnp.sum(best))


def fit_ridge(rows: Rows, num_classes: int) -> Ridge:
    """Fits one-hot labels by standardized features."""
    chex.assert_rank([rows.features, rows.labels], [2, 1])
    n = len(rows.part)
    scaling = fit_scaling(rows)
    counts = sum_over_rows(lambda x, y: jnp.sum(jax.nn.one_hot(y, num_classes), axis=0), rows)
    offset = counts / n
    if n < rows.features.shape[1]:
        x = standardize(_cut(rows.features, rows.part.start, n), scaling)
        targets = jax.nn.one_hot(_cut(rows.labels, rows.part.start, n), num_classes) - offset
        values, vectors = jnp.linalg.eigh(product(x, x.T) / n)
        basis = product(x.T, vectors)
        moments = product(vectors.T, targets) / n
    else:

        def covariances(x, y):
            x = standardize(x, scaling)
            targets = jax.nn.one_hot(y, num_classes) - offset
            return product(x.T, x), product(x.T, targets)

        covariance, cross = sum_over_rows(covariances, rows)
        values, basis = jnp.linalg.eigh(covariance / n)
        moments = product(basis.T, cross / n)
    values = jnp.maximum(values, 0.0)
    return Ridge(scaling.center, scaling.scale, values, basis, moments, offset)


def fit_scaling(rows: Rows) -> Scaling:
    """Measures mean and standard deviation of the rows' features."""
    n = len(rows.part)
    center = sum_over_rows(lambda x, y: jnp.sum(x, axis=0), rows) / n
    square = sum_over_rows(lambda x, y: jnp.sum((x - center) ** 2, axis=0), rows) / n
    deviation = jnp.sqrt(square)
    constant = deviation <= 1e-6 + 1e-5 * jnp.abs(center)
    return Scaling(center, jnp.where(constant, 1.0, deviation), constant)


def standardize(features: jax.Array, scaling: Scaling) -> jax.Array:
    """Returns features [M, F] less the center, over the scale; constant ones become 0."""
    return jnp.where(scaling.constant, 0.0, (features - scaling.center) / scaling.scale)


def predict(ridge: Ridge, penalty: jax.Array | float, features: jax.Array) -> jax.Array:
    """Returns outputs [M, K] for features [M, F].

    The weights W minimize the mean square error + penalty * |W|^2.
    """
    scaled = ridge.moments / (ridge.values + penalty)[:, None]
    weights = product(ridge.basis, scaled)
    x = (features - ridge.center) / ridge.scale
    return product(x, weights) + ridge.offset


def accuracy(ridge: Ridge, penalty: jax.Array | float, rows: Rows) -> jax.Array:
    """Returns the share of the rows whose label has the largest output, a float32 scalar."""
    scaled = ridge.moments / (ridge.values + penalty)[:, None]
    weights = product(ridge.basis, scaled)  # once, not for every block

    def count_correct(x, y):
        outputs = product((x - ridge.center) / ridge.scale, weights) + ridge.offset
        return jnp.sum(jnp.argmax(outputs, axis=1) == y, dtype=jnp.float32)

    return sum_over_rows(count_correct, rows) / len(rows.part)


def sum_over_rows(function: Callable[[jax.Array, jax.Array], Any], rows: Rows) -> Any:
    """Sums function(features [B, F], labels [B]) over blocks of rows.

    Features are float32 there whatever they were; float64 ones stay so.
    """
    first = rows.part.start
    total_rows = len(rows.part)
    block = min(BLOCK, total_rows)
    blocks = total_rows // block

    def apply(start, size):
        x = _cut(rows.features, start, size)
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return function(x, _cut(rows.labels, start, size))

    def add(i, total):
        return jax.tree.map(jnp.add, total, apply(first + i * block, block))

    total = apply(first, block)
    if blocks > 1:
        total = jax.lax.fori_loop(1, blocks, add, total)
    if left := total_rows % block:
        total = jax.tree.map(jnp.add, total, apply(rows.part.stop - left, left))
    return total


def _cut(x: jax.Array, start: jax.Array | int, size: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(x, start, size)


def product(x: jax.Array, y: jax.Array) -> jax.Array:
    """Multiplies in full float32, which accelerators do not do by themselves."""
    return jnp.matmul(x, y, precision="highest")
