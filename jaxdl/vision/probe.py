"""The linear probe: how good frozen features are, told by ridge regression in closed form."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.data.images import Images, rows_per_class

Encoder = Callable[[jax.Array], jax.Array]
# Regularizers as shares of the mean eigenvalue, which is 1 for standardized features. Below 1e-4
# the rounding of float32 eigenvalues would decide.
PENALTIES = tuple(10.0 ** (i / 2) for i in range(-8, 7))


class Ridge(NamedTuple):
    """Ridge regression on standardized features, for all penalties at once.

    Attributes:
      center, scale: [F] of the features it was fitted to.
      values: [F] eigenvalues of X^T X / n.
      vectors: [F, F] eigenvectors, one a column.
      moments: [F, K] X^T (Y - mean Y) / n in their basis.
      offset: [K] mean Y.
    """

    center: jax.Array
    scale: jax.Array
    values: jax.Array
    vectors: jax.Array
    moments: jax.Array
    offset: jax.Array


def linear_probe(
    data: Images, *, per_class: int = 0, draws: int = 5, batch_size: int = 500
) -> Callable[[Mapping[str, Encoder]], Metrics]:
    """Makes a function that probes encoders on a data set held on the device.

    Args:
      data: images and labels in random order.
      per_class: if not 0, probe with so few labels of each class too.
      draws: random choices of these labels; their mean is reported.
      batch_size: images that are encoded at a time.

    Returns:
      {name: encode} -> {name + "_accuracy": accuracy on the test images with all labels, and
      name + "_accuracy_few": with few}, where encode([B, H, W, C] uint8) -> features [B, F].

    Raises:
      BadInput: a class has fewer than `per_class` training images.
    """
    images = [jnp.asarray(x) for x in (data.train_images, data.test_images)]
    labels, test_labels = jnp.asarray(data.train_labels), jnp.asarray(data.test_labels)
    parts = [
        rows_per_class(data.train_labels, data.num_classes, per_class, seed)
        for seed in range(draws if per_class else 0)
    ]

    def probe(encoders):
        accuracies = {}
        for name, encode in encoders.items():
            train, test = (in_batches(encode, x, batch_size) for x in images)

            def accuracy(rows, train=train, test=test):
                return probe_accuracy(
                    train[rows], labels[rows], test, test_labels, num_classes=data.num_classes
                )

            accuracies[f"{name}_accuracy"] = accuracy(slice(None))
            if per_class:
                few = jnp.mean(jax.lax.map(accuracy, jnp.stack(parts)))
                accuracies[f"{name}_accuracy_few"] = few
        return accuracies

    return probe


def probe_accuracy(
    train_features: jax.Array,
    train_labels: jax.Array,
    test_features: jax.Array,
    test_labels: jax.Array,
    *,
    num_classes: int,
) -> jax.Array:
    """Test accuracy of ridge regression to one-hot labels.

    The penalty is the one with the best accuracy on the first fifth of the training rows, fitted to
    the others; then all of them are used. The test rows choose nothing, nor are they standardized
    by their own statistics.

    Args:
      train_features: [N, F], in random order.
      train_labels: [N] integers.
      test_features: [M, F].
      test_labels: [M] integers.
      num_classes: K.

    Returns:
      The share of test rows whose largest output is that of their label.
    """
    chex.assert_rank([train_features, test_features, train_labels, test_labels], [2, 2, 1, 1])
    targets = jax.nn.one_hot(train_labels, num_classes)
    fifth = len(train_labels) // 5
    candidate = fit_ridge(train_features[fifth:], targets[fifth:])

    def held_out_accuracy(penalty):
        outputs = predict(candidate, penalty, train_features[:fifth])
        return _accuracy(outputs, train_labels[:fifth])

    penalties = jnp.asarray(PENALTIES)
    accuracies = jax.lax.map(held_out_accuracy, penalties)
    # Several are often equally good: of these the middle one.
    best = accuracies == jnp.max(accuracies)
    middle = jnp.argmax(jnp.cumsum(best) * 2 > jnp.sum(best))
    ridge = fit_ridge(train_features, targets)
    return _accuracy(predict(ridge, penalties[middle], test_features), test_labels)


def fit_ridge(features: jax.Array, targets: jax.Array) -> Ridge:
    """Fits targets [N, K] by standardized features [N, F], by their covariance's eigenvectors."""
    center, scale = jnp.mean(features, axis=0), jnp.std(features, axis=0)
    scale = jnp.where(scale > 1e-6, scale, 1.0)  # a feature that is always the same
    x, offset = (features - center) / scale, jnp.mean(targets, axis=0)
    covariance = jnp.matmul(x.T, x, precision="highest") / len(x)
    values, vectors = jnp.linalg.eigh(covariance)
    moments = jnp.matmul(x.T, targets - offset, precision="highest") / len(x)
    moments = jnp.matmul(vectors.T, moments, precision="highest")
    return Ridge(center, scale, jnp.maximum(values, 0.0), vectors, moments, offset)


def predict(ridge: Ridge, penalty: jax.Array, features: jax.Array) -> jax.Array:
    """Outputs [M, K] for features [M, F]: the minimum of mean square error + penalty * |W|^2."""
    scaled = ridge.moments / (ridge.values + penalty)[:, None]
    weights = jnp.matmul(ridge.vectors, scaled, precision="highest")
    x = (features - ridge.center) / ridge.scale
    return jnp.matmul(x, weights, precision="highest") + ridge.offset


def in_batches(encode: Encoder, images: jax.Array, batch_size: int) -> jax.Array:
    """encode(images) for images [N, ...], `batch_size` at a time."""
    batch_size = min(batch_size, len(images))
    padding = -len(images) % batch_size
    padded = jnp.pad(images, ((0, padding), *((0, 0),) * (images.ndim - 1)))
    batches = padded.reshape(-1, batch_size, *images.shape[1:])
    features = jax.lax.map(encode, batches)
    return features.reshape(-1, *features.shape[2:])[: len(images)]


def _accuracy(outputs, labels):
    return jnp.mean(jnp.argmax(outputs, axis=1) == labels)
