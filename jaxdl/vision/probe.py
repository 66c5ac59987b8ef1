"""The linear probe: how good frozen features are, by ridge regression in closed form."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Fold, Init, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data.images import rows_per_class
from jaxdl.data.source import ProbeImages
from jaxdl.nn.convnet import pool_to
from jaxdl.vision.ridge import Rows, fit_and_score

Encode = Callable[[TrainState, jax.Array], jax.Array]  # state, images [B, H, W, C] -> [B, F]
Probe = Callable[[Encode, Init], Fold]

PIXEL_SIDE = 32  # raw pixels of larger images are pooled to this side: 3,072 features
SHOWN = 10  # images that are kept for the report
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


class ProbeBatch(NamedTuple):
    """Images that are encoded at a time.

    Attributes:
      images: [B, H, W, C] uint8.
      labels: [B] int32.
      start: int32 scalar, the row of the first of them.
    """

    images: np.ndarray
    labels: np.ndarray
    start: np.ndarray


def linear_probe(
    open_probe: Callable[[], ProbeImages],
    *,
    baselines: bool = True,
    per_class: int = 0,
    draws: int = 5,
    batch_size: int = 500,
    max_bytes: int = MAX_BYTES,
) -> Probe:
    """Makes an evaluation that probes a net's features on labelled images.

    The images pass by in batches, and only their features are kept on the device. Nothing is read
    before the driver prepares the evaluation, which it does before the first training step.

    Args:
      open_probe: () -> the images. Without labels there is no probe: the result has no metrics.
      baselines: probe an untrained net and raw pixels too. Pixels of images above 32 x 32 are
        means over equal parts.
      per_class: if not 0, probe with so few labels of each class too.
      draws: random choices of these labels; their mean is reported.
      batch_size: images that are encoded at a time.
      max_bytes: what the features may take.

    Returns:
      encode, init -> Fold, with encode: state, images [B, H, W, C] uint8 -> features [B, F]. Its
      result has for each of the encoders "probe", "random_feature" and "raw_pixel" the test
      accuracies name + "_accuracy" and, with few labels, name + "_accuracy_few"; and the
      `pictures` [P, H, W, C] of the first images.

    Raises:
      BadInput: (when the evaluation is prepared) a class has fewer than `per_class` training
        images, there are fewer than 5, or the features need more than `max_bytes`.
    """

    def probe(encode: Encode, init: Init) -> Fold:
        def batches():
            return _read_batches(open_probe(), batch_size)

        def begin(key, state):
            data = open_probe()
            untrained = init(key)._replace(opt_state=()) if baselines else ()
            first = data.read(range(1))
            sizes = _feature_shapes(_encoders(encode, baselines), state, untrained, first)
            sizes = sizes if data.num_classes else {}
            rows = _padded_rows(data, batch_size)
            check_probe(data, per_class, rows, sizes, max_bytes)
            shown = min(SHOWN, len(data.train_labels), _rows_at_once(data, batch_size))
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
            return _score(data, probed, per_class, draws) | {"pictures": probed.pictures}

        def batch_shape():
            return _shape_batch(open_probe(), batch_size)

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
        rows_per_class(data.train_labels, data.num_classes, per_class, seed=0)
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


def _score(data: ProbeImages, probed: Probed, per_class: int, draws: int) -> Metrics:
    if not data.num_classes:
        return {}
    num_train = len(data.train_labels)
    all_rows = range(num_train + len(data.test_labels))
    few_rows = [
        rows_per_class(data.train_labels, data.num_classes, per_class, seed)
        for seed in range(draws if per_class else 0)
    ]
    metrics: Metrics = {}
    for name, features in probed.features.items():
        train = Rows(features, probed.labels, all_rows[:num_train])
        test = Rows(features, probed.labels, all_rows[num_train:])
        score = fit_and_score(train, test, num_classes=data.num_classes)
        metrics[f"{name}_accuracy"] = score
        if few_rows:

            def score_few(rows, features=features, test=test):
                few = Rows(features[rows], probed.labels[rows], range(len(rows)))
                return fit_and_score(few, test, num_classes=data.num_classes)

            few = jnp.mean(jax.lax.map(score_few, jnp.asarray(np.stack(few_rows))))
            metrics[f"{name}_accuracy_few"] = few
    return metrics


def _read_batches(data: ProbeImages, batch_size: int):
    """Yields all images in batches of one size; the last one is padded with zeros."""
    size = _rows_at_once(data, batch_size)
    labels = np.concatenate([data.train_labels, data.test_labels])
    labels = np.pad(labels, (0, -len(labels) % size))
    total = len(data.train_labels) + len(data.test_labels)
    for start in range(0, total, size):
        images = data.read(range(start, min(start + size, total)))
        padding = ((0, size - len(images)), *((0, 0),) * (images.ndim - 1))
        yield ProbeBatch(np.pad(images, padding), labels[start : start + size], np.int32(start))


def _shape_batch(data: ProbeImages, batch_size: int) -> ProbeBatch:
    """The shapes of a batch, of which one image alone is read."""
    size = _rows_at_once(data, batch_size)
    images = (size, *data.read(range(1)).shape[1:])
    return ProbeBatch(
        jax.ShapeDtypeStruct(images, jnp.uint8),
        jax.ShapeDtypeStruct((size,), data.train_labels.dtype),
        jax.ShapeDtypeStruct((), jnp.int32),
    )


def _rows_at_once(data: ProbeImages, batch_size: int) -> int:
    return min(batch_size, len(data.train_labels) + len(data.test_labels))


def _padded_rows(data: ProbeImages, batch_size: int) -> int:
    rows = len(data.train_labels) + len(data.test_labels)
    size = _rows_at_once(data, batch_size)
    return rows + -rows % size
