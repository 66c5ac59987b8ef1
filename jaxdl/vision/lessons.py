"""How the stages of Noisy Student follow each other: what each hands to the next.

Lessons are NumPy arrays here, with a leading axis [S] of seeds, each of which has its own labels.
"""

import flax.linen as nn
import jax
import numpy as np

from jaxdl.core.learner import Learner, TrainState, first_state
from jaxdl.core.run import Run
from jaxdl.data.pool import Pool, split_pool
from jaxdl.vision.noisy_student import Lesson, Sizes, classify, untaught
from jaxdl.vision.pseudo_labels import Kind, choose_balanced, pseudo_labels


def first_lessons(pool: Pool, sizes: Sizes, seeds: range, *, outside: int = 0) -> Lesson:
    """Draws labeled and unlabeled rows for each seed; there is no teacher yet.

    Args:
      pool: the images.
      sizes: of a Lesson.
      seeds: their numbers; a seed has the same rows whatever others there are.
      outside: how many of `sizes.unlabeled` are images of other things.

    Raises:
      BadInput: as `split_pool`.
    """
    inside = sizes.unlabeled - outside
    splits = [split_pool(pool, labels=sizes.labeled, unlabeled=inside, seed=seed) for seed in seeds]
    blank = jax.tree.map(lambda x: np.stack([x] * len(splits)), untaught(sizes))
    return blank._replace(
        labeled=np.stack([split.labeled for split in splits]),
        unlabeled=np.stack([split.unlabeled for split in splits]),
    )


def next_lessons(
    lessons: Lesson,
    net: nn.Module,
    state: TrainState,
    pool: Pool,
    *,
    kind: Kind = "soft",
    per_class: int,
    threshold: float = 0.0,
) -> Lesson:
    """Has a teacher without noise guess at the unlabeled images (algorithm 1, step 2).

    Args:
      lessons: of the stages before.
      net: the teacher's.
      state: the teacher's, leaves [S, ...] for S > 1 seeds.
      pool: the images.
      kind: whether its probabilities or its best guesses are learned.
      per_class: as `choose_balanced` takes it.
      threshold: likewise.

    Raises:
      BadInput: as `choose_balanced`.
    """
    seeds = len(lessons.labeled)
    params = jax.tree.map(lambda x: x[None], state.params) if seeds == 1 else state.params
    guess = jax.jit(lambda params, images: classify(net, params, images))
    targets, confidence, chosen = [], [], []
    for seed, rows in enumerate(lessons.unlabeled):
        one = jax.tree.map(lambda x, seed=seed: x[seed], params)
        guesses = np.asarray(guess(one, pool.images[rows]))
        targets.append(pseudo_labels(guesses, kind))
        confidence.append(guesses.max(axis=1))
        chosen.append(choose_balanced(guesses, per_class, threshold=threshold))
    return lessons._replace(
        targets=np.stack(targets), confidence=np.stack(confidence), chosen=np.stack(chosen)
    )


def record(lessons: Lesson, name: str, accuracies: np.ndarray) -> Lesson:
    """Notes the test accuracies [S] of a stage for the stages after it."""
    return lessons._replace(before=lessons.before | {name: np.float32(accuracies)})


def begin_with(learner: Learner, lessons: Lesson, run: Run) -> TrainState:
    """Returns the state in which a stage begins: new parameters, and what is to be learned from."""
    extra = lessons if run.num_seeds > 1 else jax.tree.map(lambda x: x[0], lessons)
    return first_state(learner, run)._replace(extra=jax.tree.map(jax.numpy.asarray, extra))
