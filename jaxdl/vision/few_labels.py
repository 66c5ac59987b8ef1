"""Label propagation as a learner: all points are in a batch, and a step is a few sweeps."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.vision.graphs import Kernel, spreading_graph, squared_distances, walk_graph
from jaxdl.vision.label_propagation import (
    normalize_rows,
    one_hot,
    propagate,
    rebalance,
    solve_propagation,
    solve_spreading,
    spread,
)
from jaxdl.vision.probe import raw_pixels

Method = Literal["propagation", "spreading"]
SHOWN = 24  # images in the report


class Points(NamedTuple):
    """The images of the graph, as the last batch has brought them.

    Attributes:
      images: [N, H, W, C] uint8.
      labels: [N] int32, the true ones.
      order: [N] float32, drawn once: the first of a class are those whose label is given.
    """

    images: jax.Array
    labels: jax.Array
    order: jax.Array


def sweep_labels(
    *,
    image_shape: tuple[int, int, int],
    points: int,
    classes: int,
    per_class: int = 1,
    method: Method = "propagation",
    alpha: float = 0.2,
    kernel: Kernel = "knn",
    gamma: float = 20.0,
    neighbors: int = 7,
    sweeps: int = 5,
) -> Learner:
    """Labels images by what is close to them, from a few labels of each class.

    Args:
      image_shape: (H, W, C).
      points: N, the images of the graph.
      classes: C.
      per_class: labels of each class that are given, a random choice of each seed.
      method: "propagation" or "spreading".
      alpha: of label spreading.
      kernel: "rbf" or "knn".
      gamma: of the RBF kernel, for pixels in [0, 1].
      neighbors: of an image in the kNN graph, itself included.
      sweeps: over all points in a step.

    Returns:
      A learner of batches (numbers [N] below N, images [N, H, W, C] uint8, labels [N]) that hold
      all points, in any order. Its metric `accuracy` is over the points without a given label.
      Its evaluation compares with the closed form, with that after class mass normalization, and
      with the label of the nearest given point. For the figures it returns `pictures`
      [P, H, W, C] from the least to the most sure, with their `guesses` and `truths` [P], and
      `sure` and `right` [N].
    """

    def init(key):
        extra = Points(
            jnp.zeros((points, *image_shape), jnp.uint8),
            jnp.zeros(points, jnp.int32),
            jax.random.uniform(key, (points,)),
        )
        return TrainState({"scores": jnp.zeros((points, classes))}, (), extra=extra)

    def make_graph(images):
        x = raw_pixels(images).astype(jnp.float32)  # whole numbers, whose distances are exact
        make = walk_graph if method == "propagation" else spreading_graph
        return make(x, kernel, gamma=gamma / 255**2, neighbors=neighbors)

    def step(key, state, batch):
        del key
        numbers, images, labels = batch
        given = one_hot(draw_given(labels, state.extra.order[numbers], classes, per_class), classes)
        scores = state.params["scores"][numbers]
        start = jnp.where(given.any(axis=1, keepdims=True), given, scores)
        graph = make_graph(images)
        if method == "propagation":
            after = propagate(graph, given, start, iterations=sweeps)
        else:
            # What has been swept already goes on; the first sweep begins with the labels.
            begun = jnp.where(jnp.any(scores > 0), scores, start)
            after = spread(graph, given, begun, alpha=alpha, iterations=sweeps)
        metrics: Metrics = {
            "accuracy": accuracy(after, given, labels),
            "reached": jnp.mean(jnp.any(after > 0, axis=1)),
            "change": jnp.mean(jnp.abs(normalize_rows(after) - normalize_rows(scores))),
        }
        extra = Points(
            state.extra.images.at[numbers].set(images),
            state.extra.labels.at[numbers].set(labels),
            state.extra.order,
        )
        params = {"scores": state.params["scores"].at[numbers].set(after)}
        return state._replace(params=params, extra=extra), metrics

    def evaluate(key, state):
        del key
        images, labels, order = state.extra
        given = one_hot(draw_given(labels, order, classes, per_class), classes)
        graph = make_graph(images)
        if method == "propagation":
            limit = solve_propagation(graph, given)
        else:
            limit = solve_spreading(graph, given, alpha=alpha)
        scores = state.params["scores"]
        nearest = nearest_given(raw_pixels(images), given, classes * per_class)
        return {
            "accuracy": accuracy(scores, given, labels),
            "closed_form_accuracy": accuracy(limit, given, labels),
            "rebalanced_accuracy": accuracy(rebalance(limit, given), given, labels),
            "nearest_accuracy": accuracy(nearest, given, labels),
            "distance_to_closed_form": jnp.max(jnp.abs(normalize_rows(scores) - limit)),
        } | show_sure(scores, given, images, labels)

    return Learner(init, step, evaluate)


def draw_given(labels: jax.Array, order: jax.Array, classes: int, per_class: int) -> jax.Array:
    """Keeps the first labels of each class: [N] int32, -1 where there is none.

    Args:
      labels: [N] of all points.
      order: [N] distinct numbers, the smallest of a class first.
      classes: C.
      per_class: labels that are kept.
    """
    of_class = jnp.where(jax.nn.one_hot(labels, classes, dtype=bool), order[:, None], jnp.inf)
    last = jnp.sort(of_class, axis=0)[per_class - 1]  # [C]
    return jnp.where(order <= last[labels], labels, -1)


def nearest_given(x: jax.Array, given: jax.Array, count: int) -> jax.Array:
    """Returns the given rows [N, C] of the nearest points that have one.

    Args:
      x: [N, D] points.
      given: [N, C] one-hot rows, zeros where there is no label.
      count: how many have a label.
    """
    x = x.astype(jnp.float32)
    (few,) = jnp.nonzero(jnp.any(given > 0, axis=1), size=count)
    distances = squared_distances(x, x[few], jnp.sum(x[few] ** 2, axis=1))  # [N, count]
    return given[few[jnp.argmin(distances, axis=1)]]


def accuracy(scores: jax.Array, given: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns the share of right labels among the points without a given one, a scalar.

    A point that no label has reached is wrong.
    """
    is_hidden = ~jnp.any(given > 0, axis=1)
    is_right = (jnp.argmax(scores, axis=1) == labels) & jnp.any(scores > 0, axis=1)
    return jnp.sum(is_right & is_hidden) / jnp.maximum(jnp.sum(is_hidden), 1)


def show_sure(scores: jax.Array, given: jax.Array, images: jax.Array, labels: jax.Array) -> Any:
    """Chooses images from the least to the most sure, for the report."""
    is_hidden = ~jnp.any(given > 0, axis=1)
    sure = jnp.where(is_hidden, jnp.max(normalize_rows(scores), axis=1), -1.0)
    by_sureness = jnp.argsort(sure)
    hidden = jnp.sum(is_hidden)
    first = len(labels) - hidden
    places = first + (jnp.arange(SHOWN) * (hidden - 1)) // max(SHOWN - 1, 1)
    chosen = by_sureness[places]
    guesses = jnp.argmax(scores, axis=1)
    return {
        "pictures": images[chosen],
        "guesses": guesses[chosen],
        "truths": labels[chosen],
        "sure": sure,
        "right": (guesses == labels) & is_hidden,
    }
