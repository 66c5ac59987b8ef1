"""Accuracy over the number of labels, with a first task and without, and the labels it saves."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.learner import Fold, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data.source import ProbeImages
from jaxdl.vision.batches import are_tests, set_exam

# state, images [B, H, W, C] -> "both", "alone" -> logits [L, B, K]
ClassifyAll = Callable[[TrainState, jax.Array], dict[str, jax.Array]]
CurveScore = Callable[[ClassifyAll], Fold]


class Hits(NamedTuple):
    """Test images that were classified rightly so far.

    Attributes:
      both: [L] int32, by the nets of each number of labels that had a first task.
      alone: [L] int32, by those that had none.
    """

    both: jax.Array
    alone: jax.Array


def curve_score(
    open_probe: Callable[[], ProbeImages], counts: Sequence[int], *, batch_size: int = 500
) -> CurveScore:
    """Makes an evaluation of L nets by the test images.

    Args:
      open_probe: () -> the images, of which those to test count.
      counts: labels a class that each net had, rising.
      batch_size: images that are classified at a time.

    Returns:
      classify -> Fold. Its result has the metrics `accuracy_<count>`, `accuracy_alone_<count>` and
      `label_factor`, as the function of that name says.

    Raises:
      BadInput: fewer than three numbers, or they do not rise; (when the evaluation is prepared)
        there are no labelled test images.
    """
    if len(counts) < 3 or any(a >= b for a, b in zip(counts, counts[1:], strict=False)):
        raise BadInput(f"--counts={','.join(map(str, counts))} should be three numbers or more, "
                       "each above the one before")  # fmt: skip

    exam = set_exam(open_probe, batch_size)

    def score(classify: ClassifyAll) -> Fold:
        def update(hits, state, batch):
            is_image = are_tests(exam.images(), batch)

            def count(logits):  # [L, B, K] -> [L]
                right = (jnp.argmax(logits, axis=-1) == batch.labels) & is_image
                return jnp.sum(right, axis=1, dtype=jnp.int32)

            found = classify(state, batch.images)
            return Hits(hits.both + count(found["both"]), hits.alone + count(found["alone"]))

        def result(hits):
            images = len(exam.images().test_labels)
            both = hits.both / images
            alone = hits.alone / images
            metrics = {f"accuracy_{n}": both[i] for i, n in enumerate(counts)}
            metrics |= {f"accuracy_alone_{n}": alone[i] for i, n in enumerate(counts)}
            return metrics | {"label_factor": label_factor(jnp.asarray(counts), both, alone)}

        nothing = lambda key, state: Hits(*(jnp.zeros(len(counts), jnp.int32),) * 2)  # noqa: E731
        return Fold(exam.batches, nothing, update, result, exam.batch_shape)

    return score


def label_factor(counts: jax.Array, both: jax.Array, alone: jax.Array) -> jax.Array:
    """Tells how many times as many labels it takes without the first task.

    For each number of labels but the first and the last it is asked at which number the curve
    "alone", read between its points on a logarithmic axis, reaches the accuracy of "both". The
    answer is not looked for outside of the numbers that were measured, so that great factors come
    out too small. A curve that falls somewhere counts as level there.

    Args:
      counts: [L] labels a class, rising.
      both: [L] accuracies with the first task.
      alone: [L] without it.

    Returns:
      The geometric mean of the factors, a float32 scalar: above 1 labels are saved.
    """
    chex.assert_rank([counts, both, alone], 1)
    chex.assert_equal_shape([counts, both, alone])
    exponents = jnp.log(counts.astype(jnp.float32))
    # Where the curve is level, the first of its numbers is the one that suffices.
    rising = jax.lax.cummax(alone) + 1e-6 * jnp.arange(len(counts))
    needed = jnp.interp(both, rising, exponents)
    return jnp.exp(jnp.mean((needed - exponents)[1:-1]))
