"""Probes: how good frozen features are, by ridge regression and other plain classifiers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Fold, Init, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data.images import rows_per_class
from jaxdl.data.source import ProbeImages
from jaxdl.nn.convnet import pool_to
from jaxdl.vision import logistic, neighbors, ridge
from jaxdl.vision.batches import ProbeBatch, all_rows, read_batches, shape_batch
from jaxdl.vision.neighbors import find_neighbors
from jaxdl.vision.ridge import Rows, fit_and_score

Encode = Callable[[TrainState, jax.Array], jax.Array]  # state, images [B, H, W, C] -> [B, F]
Probe = Callable[[Encode, Init], Fold]

# (training rows, test rows, *, num_classes) -> test accuracy, a float32 scalar
Classify = Callable[..., jax.Array]

# Name -> classifier. The ridge's accuracies carry no name: they are what the house goes by.
CLASSIFIERS: dict[str, Classify] = {
    "ridge": ridge.fit_and_score,
    "logistic": logistic.fit_and_score,
    "knn": neighbors.fit_and_score,
}
PIXEL_SIDE = 32  # raw pixels of larger images are pooled to this side: 3,072 features
SHOWN = 10  # images that are kept for the report, and queries whose neighbors it shows
NEAREST = 5  # neighbors of a query in the report
MAX_BYTES = 2**34  # of features


class Probed(NamedTuple):
    """What has been collected of the images so far.

    Attributes:
      key: of this evaluation.
      untrained: the state of a net that has learned nothing; () unless it is probed too.
      pictures: [P, H, W, C] uint8, the first images.
      labels: [R] int32; those to fit, those to test, and padding to whole batches.
      features: name of an encoder -> [R, F], in the same order.
    """

    key: jax.Array
    untrained: TrainState | tuple[()]
    pictures: jax.Array
    labels: jax.Array
    features: dict[str, jax.Array]


def linear_probe(
    open_probe: Callable[[], ProbeImages],
    *,
    probes: Sequence[str] = ("ridge",),
    baselines: bool = True,
    per_class: int = 0,
    draws: int = 5,
    batch_size: int = 500,
    max_bytes: int = MAX_BYTES,
) -> Probe:
    """Makes an evaluation that probes a net's features on labelled images.

    "ridge" and "logistic" are linear classifiers of features that are standardized by the mean and
    deviation of the training rows alone, "knn" is a vote of the nearest ones by cosine.

    The images pass by in batches, and only their features are kept on the device. Nothing is read
    before the driver prepares the evaluation, which it does before the first training step.

    Args:
      open_probe: () -> the images. Without labels there is no probe: the result has no metrics.
      probes: names of the classifiers, each once; with "ridge" the result has what systems are
        compared by.
      baselines: probe an untrained net and raw pixels too. Pixels of images above 32 x 32 are
        means over equal parts.
      per_class: if not 0, probe with so few labels of each class too.
      draws: random choices of these labels; their mean is reported.
      batch_size: images that are encoded at a time.
      max_bytes: what the features may take.

    Returns:
      encode, init -> Fold, with encode: state, images [B, H, W, C] uint8 -> features [B, F]. Its
      result has for each of the encoders "probe", "random_feature" and "raw_pixel" the test
      accuracies of the ridge, name + "_accuracy" and, with few labels, name + "_accuracy_few",
      those of the other classifiers, name + "_accuracy_knn" and name + "_accuracy_knn_few"; the
      `pictures` [P, H, W, C] of the first images; and for the first Q test images the numbers
      `neighbor_rows` [Q, 5] int32 of the training images that lie nearest to them by the net's
      features.

    Raises:
      BadInput: a classifier of another name; (when the evaluation is prepared) a class has fewer
        than `per_class` training images, there are fewer than 5, or the features need more than
        `max_bytes`.
    """
    for name in probes:
        if name not in CLASSIFIERS:
            raise BadInput(f"probe {name!r} should be one of {', '.join(CLASSIFIERS)}")

    def probe(encode: Encode, init: Init) -> Fold:
        def batches():
            data = open_probe()
            return read_batches(data, all_rows(data), batch_size)

        def begin(key, state):
            data = open_probe()
            untrained = init(key)._replace(opt_state=()) if baselines else ()
            first = data.read(range(1))
            sizes = _feature_shapes(_encoders(encode, baselines), state, untrained, first)
            sizes = sizes if data.num_classes else {}
            at_once = min(batch_size, len(all_rows(data)))
            rows = -(-len(all_rows(data)) // at_once) * at_once
            check_probe(data, per_class, rows, sizes, max_bytes)
            shown = min(SHOWN, len(data.train_labels), at_once)
            return Probed(
                key,
                untrained,
                jnp.zeros((shown, *first.shape[1:]), jnp.uint8),
                jnp.zeros(rows, jnp.int32),
                {name: jnp.zeros((rows, x.shape[1]), x.dtype) for name, x in sizes.items()},
            )

        def update(probed, state, batch):
            return _collect(_encoders(encode, baselines), probed, state, batch)

        def result(probed):
            data = open_probe()
            scores = _score(data, probed, probes, per_class, draws)
            return scores | _nearest(data, probed) | {"pictures": probed.pictures}

        def batch_shape():
            data = open_probe()
            return shape_batch(data, all_rows(data), batch_size)

        return Fold(batches, begin, update, result, batch_shape)

    return probe


def check_probe(
    data: ProbeImages,
    per_class: int,
    rows: int,
    features: dict[str, jax.ShapeDtypeStruct],
    max_bytes: int,
) -> None:
    """Checks what a probe needs before anything is trained.

    Args:
      data: its images.
      per_class: labels of each class that are drawn.
      rows: how many rows of features are kept.
      features: name of an encoder -> shape [1, F].
      max_bytes: what the features may take.

    Raises:
      BadInput: in one line.
    """
    if not data.num_classes:
        return
    if len(data.train_labels) < 5 or not len(data.test_labels):
        count = len(data.train_labels)
        raise BadInput(f"the probe needs at least 5 training images and 1 test image, got {count}")
    if per_class:
        try:
            rows_per_class(data.train_labels, data.num_classes, per_class, seed=0)
        except BadInput as error:
            hint = "choose fewer by --few (0: no probe with few labels), or more --probe_images"
            raise BadInput(f"{error}: {hint}") from None
    needed = sum(rows * x.shape[1] * x.dtype.itemsize for x in features.values())
    if needed > max_bytes:
        raise BadInput(
            f"the features of {rows} images need {needed / 1e9:.1f} GB, more than "
            f"{max_bytes / 1e9:.1f} GB: choose fewer by --probe_images and --test_images"
        )


def probe_accuracy(
    train_features: jax.Array,
    train_labels: jax.Array,
    test_features: jax.Array,
    test_labels: jax.Array,
    *,
    num_classes: int,
) -> jax.Array:
    """Returns the test accuracy of a probe, as `jaxdl.vision.ridge.fit_and_score` describes it.

    Args:
      train_features: [N, F] floats or bytes.
      train_labels: [N] int32.
      test_features: [M, F].
      test_labels: [M] int32.
      num_classes: labels are below it.

    Returns:
      A float32 scalar.
    """
    train = Rows(jnp.asarray(train_features), jnp.asarray(train_labels), range(len(train_labels)))
    test = Rows(jnp.asarray(test_features), jnp.asarray(test_labels), range(len(test_labels)))
    return fit_and_score(train, test, num_classes=num_classes)


def raw_pixels(images: jax.Array) -> jax.Array:
    """Returns pixels as features of bytes, [B, H, W, C] -> [B, F]; large images are pooled."""
    _, height, width, _ = images.shape
    if max(height, width) > PIXEL_SIDE:
        images = jnp.round(pool_to(images.astype(jnp.float32), PIXEL_SIDE)).astype(jnp.uint8)
    return images.reshape(len(images), -1)


def _encoders(encode: Encode, baselines: bool) -> dict[str, Callable[..., jax.Array]]:
    """Name -> (state, untrained state, images) -> features."""
    trained = {"probe": lambda state, untrained, images: encode(state, images)}
    others = {
        "random_feature": lambda state, untrained, images: encode(untrained, images),
        "raw_pixel": lambda state, untrained, images: raw_pixels(images),
    }
    return trained | others if baselines else trained


def _feature_shapes(encoders, state, untrained, images) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        name: jax.eval_shape(encoder, state, untrained, images)
        for name, encoder in encoders.items()
    }


def _collect(encoders: Any, probed: Probed, state: TrainState, batch: ProbeBatch) -> Probed:
    """Writes a batch's features and labels into their rows."""

    def put(rows, new):
        return jax.lax.dynamic_update_slice_in_dim(rows, new, batch.start, 0)

    features = {
        name: put(rows, encoders[name](state, probed.untrained, batch.images))
        for name, rows in probed.features.items()
    }
    first = batch.images[: len(probed.pictures)]
    return probed._replace(
        pictures=jnp.where(batch.start == 0, first, probed.pictures),
        labels=put(probed.labels, batch.labels),
        features=features,
    )


def _score(
    data: ProbeImages, probed: Probed, probes: Sequence[str], per_class: int, draws: int
) -> Metrics:
    """The accuracies of each classifier on the features of each encoder."""
    if not data.num_classes:
        return {}
    few_rows = [
        rows_per_class(data.train_labels, data.num_classes, per_class, seed)
        for seed in range(draws if per_class else 0)
    ]
    metrics: Metrics = {}
    for name, features in probed.features.items():
        train, test = _halves(data, probed, features)
        for probe in probes:
            classify = partial(CLASSIFIERS[probe], num_classes=data.num_classes)
            suffix = "" if probe == "ridge" else f"_{probe}"
            metrics[f"{name}_accuracy{suffix}"] = classify(train, test)
            if few_rows:
                few = _score_few(classify, train, test, np.stack(few_rows))
                metrics[f"{name}_accuracy{suffix}_few"] = few
    return metrics


def _halves(data: ProbeImages, probed: Probed, features: jax.Array) -> tuple[Rows, Rows]:
    """The training rows and the test rows of an encoder's features [R, F]."""
    rows = all_rows(data)
    num_train = len(data.train_labels)
    train = Rows(features, probed.labels, rows[:num_train])
    return train, train._replace(part=rows[num_train:])


def _score_few(classify: Classify, train: Rows, test: Rows, draws: np.ndarray) -> jax.Array:
    """The mean accuracy over draws [D, n] of the training rows, one after the other."""

    def score(rows):
        few = Rows(train.features[rows], train.labels[rows], range(len(rows)))
        return classify(few, test)

    return jnp.mean(jax.lax.map(score, jnp.asarray(draws)))


def _nearest(data: ProbeImages, probed: Probed) -> dict[str, jax.Array]:
    """The training images that lie nearest to the first test images."""
    if not data.num_classes:
        return {}
    train, test = _halves(data, probed, probed.features["probe"])
    queries = train.features[test.part.start : test.part.start + min(SHOWN, len(test.part))]
    return {"neighbor_rows": find_neighbors(train, queries, NEAREST).rows}
