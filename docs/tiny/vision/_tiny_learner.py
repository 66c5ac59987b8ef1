"""A learner to start from: a linear classifier, trained by descent on its cross entropy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, update
from jaxdl.data import Images

CLASSES = 10  # C


def linear_classifier(
    tx: optax.GradientTransformation, read: Callable[[], Images], *, num_pixels: int
) -> Learner:
    """Learns to tell classes of images apart by a weighted sum of their pixels.

    Args:
      tx: the optimizer.
      read: returns the data set with the images and labels that `evaluate` scores.
      num_pixels: D, in an image.

    Returns:
      A learner of batches (images [B, H, W, 1] uint8, labels [B]).
    """

    def init(key):
        del key  # the loss is convex: any beginning leads to the same end
        params = {"weights": jnp.zeros((num_pixels, CLASSES)), "bias": jnp.zeros(CLASSES)}
        return TrainState(params, tx.init(params))

    def step(key, state, batch):
        del key
        images, labels = batch

        def loss_of(params):
            logits = logits_of(params, images)  # [B, C]
            return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        loss, gradient = jax.value_and_grad(loss_of)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": loss, **norms}

    def evaluate(key, state):
        del key
        data = read()
        labels = jnp.asarray(data.test_labels)
        correct = logits_of(state.params, data.test_images).argmax(axis=-1) == labels
        chance = jnp.bincount(labels, length=CLASSES).max() / len(labels)
        templates = state.params["weights"].T  # [C, D]: an artefact, kept for the figures
        return {"accuracy": correct.mean(), "chance_accuracy": chance, "templates": templates}

    return Learner(init, step, evaluate)


def logits_of(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """Returns the logits [B, C] of images [B, H, W, 1] of bytes."""
    return images.reshape(len(images), -1) / 255.0 @ params["weights"] + params["bias"]
