"""How well a net classifies test images, and which it is most wrong about."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Fold, TrainState
from jaxdl.data.source import ProbeImages
from jaxdl.vision.batches import are_tests, set_exam

Classify = Callable[[TrainState, jax.Array], jax.Array]  # state, images [B, H, W, C] -> [B, K]
Score = Callable[[Classify], Fold]

SHOWN = 10  # images that are kept for the report


class Wrong(NamedTuple):
    """The images whose label the net holds for least likely, the least likely first.

    Attributes:
      pictures: [P, H, W, C] uint8.
      labels: [P] int32.
      predictions: [P] int32, the likeliest classes.
      surprise: [P] cross entropy in nats; -inf where there was no image.
    """

    pictures: jax.Array
    labels: jax.Array
    predictions: jax.Array
    surprise: jax.Array


class Scored(NamedTuple):
    """What has been counted so far.

    Attributes:
      confusion: [K, K] int32, images by their class and the likeliest one.
      in_top_5: int32 scalar, images whose class is among the five likeliest.
      wrong: the most surprising images.
    """

    confusion: jax.Array
    in_top_5: jax.Array
    wrong: Wrong


def classifier_score(
    open_probe: Callable[[], ProbeImages], *, num_classes: int, batch_size: int = 500
) -> Score:
    """Makes an evaluation that classifies all test images.

    Args:
      open_probe: () -> the images, of which those to test count.
      num_classes: K of the net.
      batch_size: images that are classified at a time.

    Returns:
      classify -> Fold, with classify: state, images [B, H, W, C] uint8 -> logits [B, K]. Its result
      has the metrics `accuracy` and, above five classes, `top5_accuracy`; the `confusion` [K, K],
      rows by class; and of the most surprising images `wrong_pictures` [P, H, W, C],
      `wrong_labels` [P], `wrong_predictions` [P].

    Raises:
      BadInput: (when the evaluation is prepared) there are no labels, or others than K.
    """

    exam = set_exam(open_probe, batch_size, num_classes=num_classes)

    def score(classify: Classify) -> Fold:
        def begin(key, state):
            del key, state
            shape = exam.images().read(range(1)).shape[1:]
            nothing = jnp.zeros(SHOWN, jnp.int32)
            pictures = jnp.zeros((SHOWN, *shape), jnp.uint8)
            wrong = Wrong(pictures, nothing, nothing, jnp.full(SHOWN, -jnp.inf))
            return Scored(jnp.zeros((num_classes, num_classes), jnp.int32), jnp.int32(0), wrong)

        def update(scored, state, batch):
            is_image = are_tests(exam.images(), batch)
            return _count(scored, classify(state, batch.images), batch, is_image)

        def result(scored):
            return _summarize(scored, len(exam.images().test_labels))

        return Fold(exam.batches, begin, update, result, exam.batch_shape)

    return score


def _count(scored: Scored, logits: jax.Array, batch, is_image: jax.Array) -> Scored:
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    own = jnp.take_along_axis(log_probs, batch.labels[:, None], axis=1)
    likelier = jnp.sum(log_probs > own, axis=1)  # [B]
    predictions = jnp.argmax(log_probs, axis=1).astype(jnp.int32)
    new = Wrong(batch.images, batch.labels, predictions, jnp.where(is_image, -own[:, 0], -jnp.inf))
    both = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), scored.wrong, new)
    _, worst = jax.lax.top_k(both.surprise, SHOWN)
    return Scored(
        scored.confusion.at[batch.labels, predictions].add(is_image.astype(jnp.int32)),
        scored.in_top_5 + jnp.sum((likelier < 5) & is_image, dtype=jnp.int32),
        jax.tree.map(lambda x: x[worst], both),
    )


def _summarize(scored: Scored, images: int) -> dict[str, jax.Array]:
    metrics = {"accuracy": jnp.trace(scored.confusion) / images}
    if len(scored.confusion) > 5:
        metrics["top5_accuracy"] = scored.in_top_5 / images
    shown = min(SHOWN, images)
    return metrics | {
        "confusion": scored.confusion,
        "wrong_pictures": scored.wrong.pictures[:shown],
        "wrong_labels": scored.wrong.labels[:shown],
        "wrong_predictions": scored.wrong.predictions[:shown],
    }
