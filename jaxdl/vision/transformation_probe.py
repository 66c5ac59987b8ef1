"""Which transformation was applied: what features still tell of it (Chen et al. 2020, table 3)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats, to_gray
from jaxdl.data.compositions import draw_some
from jaxdl.data.transformations import random_noise, sobel, turn_quarters
from jaxdl.vision.probe import probe_accuracy

ENCODED = 500  # images that are encoded at a time

# key, images [B, H, W, C] in [0, 1] -> transformed ones, the answers [B] int32
Pose = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


class Question(NamedTuple):
    """What is asked of a view.

    Attributes:
      answers: how many there are.
      pose: transforms images, and tells the right answers.
    """

    answers: int
    pose: Pose


def transformation_accuracy(
    key: jax.Array,
    encode: Callable[[jax.Array], jax.Array],
    question: Question,
    train_images: jax.Array,
    test_images: jax.Array,
) -> jax.Array:
    """Returns how often a linear probe of features tells which transformation was applied.

    The probe is fitted to transformed training images, and answers for transformed test images. The
    paper's is an MLP.

    Args:
      key: of the transformations.
      encode: images [B, H, W, C] in [0, 1] -> features [B, F].
      question: one of `QUESTIONS`.
      train_images: [N, H, W, C] bytes, or floats in [0, 1].
      test_images: [M, H, W, C].

    Returns:
      The share of right answers, a float32 scalar.
    """
    halves = []
    for own_key, images in zip(jax.random.split(key), (train_images, test_images), strict=True):
        views, answers = question.pose(own_key, as_floats(images))
        halves += [encode_in_blocks(encode, views), answers]
    return probe_accuracy(*halves, num_classes=question.answers)


def encode_in_blocks(
    encode: Callable[[jax.Array], jax.Array], images: jax.Array, size: int = ENCODED
) -> jax.Array:
    """Encodes images [N, H, W, C] some at a time, the last ones with padding; returns [N, F]."""
    rows = len(images)
    size = min(size, rows)
    padded = jnp.pad(images, ((0, -rows % size), (0, 0), (0, 0), (0, 0)))
    features = jax.lax.map(encode, padded.reshape(-1, size, *images.shape[1:]))
    return features.reshape(-1, features.shape[-1])[:rows]


def ask_whether(augment: Augment, share: float) -> Question:
    """Makes the question whether a transformation was applied, as it is to a share of the images.

    Args:
      augment: keeps the shape of images [B, H, W, C].
      share: probability of an image.
    """

    def pose(key, images):
        views, is_changed = draw_some(key, images, augment, share)
        return views, is_changed.astype(jnp.int32)

    return Question(2, pose)


def _turn(key, images):
    quarters = jax.random.randint(key, (len(images),), 0, 4)
    return turn_quarters(images, quarters), quarters


# Each is answered rightly by chance as often as in table 3: 80, 25, 50 and 50 %.
QUESTIONS = {
    "color": ask_whether(lambda key, images: to_gray(images), 0.2),
    "rotation": Question(4, _turn),
    "noise": ask_whether(random_noise, 0.5),
    "sobel": ask_whether(lambda key, images: sobel(images), 0.5),
}
