"""Noisy Student: a teacher's guesses teach a noised student (Xie et al. 2020, arXiv 1911.04252).

Algorithm 1 is a chain of stages: a teacher learns from the labels, guesses at images without labels
and is followed by a student that learns from both; a student may be the next teacher. Each stage is
a run of this one learner from the beginning, and what it learns from is in `state.extra`. A teacher
is a student without an unlabeled batch; so is the control, a student's net with a student's noise
that sees the labels alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, update
from jaxdl.core.mesh import spread
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.data.pool import Pool
from jaxdl.losses import softmax_cross_entropy

AT_ONCE = 512  # images that are classified at a time when nothing is learned
SHOWN = 48  # pseudo-labels that a report shows


class Sizes(NamedTuple):
    """How much a stage learns from.

    Attributes:
      labeled: L, rows with labels.
      unlabeled: M, rows without, those of other things included.
      per_class: rows of each class that are learned from.
      classes: K.
    """

    labeled: int
    unlabeled: int
    per_class: int
    classes: int


class Lesson(NamedTuple):
    """What a stage learns from; rows are of a Pool's images.

    Attributes:
      labeled: [L] int32 rows.
      unlabeled: [M] int32 rows.
      targets: [M, K] pseudo-labels, probabilities; uniform where no teacher has spoken.
      confidence: [M] the teacher's greatest probability, also where targets are hard.
      chosen: [K * per_class] int32, which of the M are learned from.
      before: name of an earlier stage -> float32 scalar, its test accuracy; 0 where there is none.
    """

    labeled: jax.Array
    unlabeled: jax.Array
    targets: jax.Array
    confidence: jax.Array
    chosen: jax.Array
    before: dict[str, jax.Array]


def noisy_student(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    open_pool: Callable[[], Pool],
    *,
    image_shape: tuple[int, int, int],
    sizes: Sizes,
    labeled_batch: int,
    unlabeled_batch: int,
) -> Learner:
    """Learns from labels and from pseudo-labels, both with noise (Xie et al. 2020, algorithm 1).

    The loss is that of steps 1 and 3: the mean cross entropy of the labeled images plus that of the
    unlabeled ones, with the noised net. Rows are drawn with replacement. `state.extra` is a Lesson;
    that of `init` has the first rows of the pool as the labeled ones, and no teacher.

    Args:
      net: module (images [B, H, W, C], train) -> logits [B, K], with its own noise in training.
      tx: the optimizer.
      augment: key, images [B, H, W, C] -> views, the noise of the input.
      open_pool: () -> the images; called when a step is traced, whose arguments they become.
      image_shape: (H, W, C).
      sizes: of the Lesson.
      labeled_batch: labeled images a step.
      unlabeled_batch: unlabeled images a step; 0 for a teacher and for the control.

    Returns:
      A learner of `batch = ()`. Its metrics are the loss, the accuracy on the noised labeled
      images, and norms. Its evaluation, without noise, has the test `accuracy`, the accuracies
      before, and of a student `pseudo_label_accuracy` over what it has learned from and the arrays
      of `judge_pseudo_labels`.
    """
    total = labeled_batch + unlabeled_batch

    def init(key):
        params = net.init(key, jnp.zeros((2, *image_shape)), False)["params"]
        return TrainState(params, tx.init(params), extra=untaught(sizes))

    def step(key, state, batch):
        del batch  # its rows are those of the lesson, which differ from seed to seed
        pool = open_pool()
        row_key, view_key, noise_key = jax.random.split(key, 3)
        images, labels, targets = draw(row_key, pool, state.extra)
        views = augment(view_key, as_floats(images))

        def loss(params):
            logits = net.apply({"params": params}, views, True, rngs={"dropout": noise_key})
            taught = logits[:labeled_batch]
            value = softmax_cross_entropy(taught, labels)
            if unlabeled_batch:
                value += softmax_cross_entropy(logits[labeled_batch:], targets)
            return value, jnp.mean(jnp.argmax(taught, axis=1) == labels)

        (value, accuracy), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": value, "accuracy": accuracy} | norms

    def draw(key, pool, lesson):
        """Draws images [B, H, W, C], the labels of the first ones and the targets of the others."""
        many = jnp.where(jnp.arange(total) < labeled_batch, sizes.labeled, len(lesson.chosen))
        places = jax.random.randint(key, (total,), 0, many)
        labeled = lesson.labeled[places[:labeled_batch]]
        guessed = lesson.chosen[places[labeled_batch:]]
        rows = spread(jnp.concatenate([labeled, lesson.unlabeled[guessed]]))
        images = jnp.take(pool.images, rows, axis=0)
        return images, jnp.take(pool.labels, labeled), lesson.targets[guessed]

    def evaluate(key, state):
        del key
        pool = open_pool()
        guesses = classify(net, state.params, pool.test_images).argmax(axis=1)
        metrics: Metrics = {"accuracy": jnp.mean(guesses == pool.test_labels)}
        metrics |= {f"{name}_accuracy": value for name, value in state.extra.before.items()}
        return metrics | (judge_pseudo_labels(pool, state.extra) if unlabeled_batch else {})

    return Learner(init, step, evaluate)


def untaught(sizes: Sizes) -> Lesson:
    """Returns the lesson of nobody: the first rows of a pool, and guesses that know nothing."""
    rows = jnp.arange(sizes.labeled + sizes.unlabeled, dtype=jnp.int32)
    chosen = jnp.arange(sizes.classes * sizes.per_class, dtype=jnp.int32) % sizes.unlabeled
    return Lesson(
        rows[: sizes.labeled],
        rows[sizes.labeled :],
        jnp.full((sizes.unlabeled, sizes.classes), 1 / sizes.classes),
        jnp.full(sizes.unlabeled, 1 / sizes.classes),
        chosen,
        {"teacher": jnp.float32(0), "control": jnp.float32(0)},
    )


def classify(net: nn.Module, params: Any, images: jax.Array) -> jax.Array:
    """Returns probabilities [N, K] of images [N, H, W, C] without any noise."""

    def one(image):
        return net.apply({"params": params}, as_floats(image[None]), False)[0]

    return jax.nn.softmax(jax.lax.map(one, images, batch_size=min(AT_ONCE, len(images))))


def judge_pseudo_labels(pool: Pool, lesson: Lesson) -> Metrics:
    """Compares pseudo-labels with the labels that nobody was told.

    Returns:
      `pseudo_label_accuracy` of those that are learned from, and, sorted from the most confident
      one on, `confidence` [M] and `is_right` [M]; evenly spaced over these, `shown` [P, H, W, C],
      with `shown_guess` [P] and `shown_label` [P].
    """
    guesses = lesson.targets.argmax(axis=1).astype(jnp.int32)
    labels = jnp.take(pool.labels, lesson.unlabeled)
    is_right = guesses == labels
    order = jnp.argsort(-lesson.confidence)
    count = min(SHOWN, len(order))
    shown = order[jnp.linspace(0, len(order) - 1, count).astype(jnp.int32)]
    return {
        "pseudo_label_accuracy": jnp.mean(is_right[lesson.chosen]),
        "confidence": lesson.confidence[order],
        "is_right": is_right[order],
        "shown": jnp.take(pool.images, lesson.unlabeled[shown], axis=0),
        "shown_guess": guesses[shown],
        "shown_label": labels[shown],
    }
