"""A learned refiner: a GAN that makes simulated pictures look real (Bousmalis et al. 2017).

PixelDA, arXiv 1612.05424, and GraspGAN, arXiv 1709.07857: a generator repaints simulated pictures,
a discriminator tells them from real ones, of which it sees no label, and a classifier keeps what
they show. Eq. 4 is the sum of a domain, a task and a content loss, which the players descend in
turns.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, TrainState, update
from jaxdl.data import as_floats
from jaxdl.losses import (
    discriminator_loss,
    generator_loss,
    pairwise_squared_error,
    softmax_cross_entropy,
)
from jaxdl.losses.adversarial import AdversarialForm
from jaxdl.sim2real.columns import Column

PLAYERS = ("generator", "discriminator", "classifier")
NOISE = 10  # Z, dimensions of the noise: appendix of arXiv 1612.05424

Foreground = Callable[[jax.Array], jax.Array]  # pictures [B, H, W, C] -> mask [B, H, W, 1]
Repaint = Callable[[jax.Array, Any, jax.Array], jax.Array]  # key, parameters, pictures -> pictures


class Players(NamedTuple):
    """The nets.

    Attributes:
      generator: module (pictures [B, H, W, C], noise [B, Z]) -> pictures.
      discriminator: module (pictures) -> logits [B, ...], above 0 for real ones.
      classifier: T of the paper.
    """

    generator: nn.Module
    discriminator: nn.Module
    classifier: Column


class Weights(NamedTuple):
    """What the losses of the generator count, eq. 4.

    Attributes:
      domain: alpha.
      task: beta.
      content: gamma.
    """

    domain: float = 1.0
    task: float = 1.0
    content: float = 1.0


def refiner(
    players: Players,
    tx: optax.GradientTransformation,
    discriminator_tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    form: AdversarialForm = "logistic",
    weights: Weights = Weights(),  # noqa: B008
    foreground: Foreground | None = None,
    score: Callable[[Repaint, Column], Evaluate] | None = None,
) -> Learner:
    """Learns to repaint simulated pictures so that they cannot be told from real ones.

    First the discriminator descends its loss (eq. 2) and the classifier that of the labels, of
    pictures as they were and as they are repainted (eq. 3), which both take for given. Then the
    generator descends all three losses against the new ones, which hold still.

    Args:
      players: the nets.
      tx: the optimizer of generator and classifier, of each by itself.
      discriminator_tx: that of the discriminator.
      image_shape: (H, W, C).
      form: of the domain loss.
      weights: of the losses.
      foreground: where the content is to be kept (eq. 5); None: everywhere.
      score: evaluates the classifier and shows what is repainted.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`. Parameters and optimizer state are
      {"generator", "discriminator", "classifier"}. Its metrics are the generator's `loss`,
      `domain_loss`, `task_loss`, `content_loss` and norms, `discriminator_loss`,
      `classifier_loss`, and `accuracy` of the classifier on what is repainted.
    """
    keep = foreground or (lambda images: jnp.ones((*images.shape[:3], 1)))
    optimizers = {"generator": tx, "discriminator": discriminator_tx, "classifier": tx}

    def init(key):
        keys = jax.random.split(key, 3)
        images, noise = jnp.zeros((1, *image_shape)), jnp.zeros((1, NOISE))
        params = {
            "generator": players.generator.init(keys[0], images, noise)["params"],
            "discriminator": players.discriminator.init(keys[1], images)["params"],
            "classifier": players.classifier.init(keys[2], images)["params"],
        }
        return TrainState(params, {name: optimizers[name].init(params[name]) for name in PLAYERS})

    def judge(params, images):
        return players.discriminator.apply({"params": params}, images)

    def classify(params, images):
        return players.classifier.apply({"params": params}, images).logits

    def step(key, state, batch):
        simulated, real = as_floats(batch.source_images), as_floats(batch.target_images)
        labels = batch.source_labels
        repaint = repainting(players.generator)

        def domain(params, made):
            return discriminator_loss(judge(params, real), judge(params, made), form=form)

        def task(params, made):
            of_made = softmax_cross_entropy(classify(params, made), labels)
            return of_made + softmax_cross_entropy(classify(params, simulated), labels)

        def paint(params, discriminator, classifier):
            made = repaint(key, params, simulated)
            logits = classify(classifier, made)
            losses = {
                "domain": generator_loss(judge(discriminator, made), form=form),
                "task": softmax_cross_entropy(logits, labels),
                "content": pairwise_squared_error(simulated, made, keep(simulated)),
            }
            total = sum(weight * losses[name] for name, weight in weights._asdict().items())
            hits = jnp.argmax(logits, axis=1) == labels
            named = {f"{name}_loss": value for name, value in losses.items()}
            return total, named | {"loss": total, "accuracy": jnp.mean(hits)}

        made = jax.lax.stop_gradient(repaint(key, state.params["generator"], simulated))
        told, by_discriminator = jax.value_and_grad(domain)(state.params["discriminator"], made)
        state, _ = advance(state, "discriminator", by_discriminator)
        read, by_classifier = jax.value_and_grad(task)(state.params["classifier"], made)
        state, _ = advance(state, "classifier", by_classifier)
        others = state.params["discriminator"], state.params["classifier"]
        by_generator, metrics = jax.grad(paint, has_aux=True)(state.params["generator"], *others)
        state, norms = advance(state, "generator", by_generator)
        return state, metrics | {"discriminator_loss": told, "classifier_loss": read} | norms

    def advance(state, name, gradient):
        part = TrainState(state.params[name], state.opt_state[name])
        part, norms = update(optimizers[name], part, gradient)
        params = state.params | {name: part.params}
        opt_state = state.opt_state | {name: part.opt_state}
        return state._replace(params=params, opt_state=opt_state), norms

    if score is None:
        return Learner(init, step)
    return Learner(init, step, score(repainting(players.generator), players.classifier))


def repainting(generator: nn.Module) -> Repaint:
    """Makes key, parameters, pictures [B, H, W, C] in [0, 1] -> repainted pictures, by new noise.

    The noise is uniform in [-1, 1], as in arXiv 1612.05424, section 4.
    """

    def repaint(key, params, images):
        noise = jax.random.uniform(key, (len(images), NOISE), minval=-1.0, maxval=1.0)
        return generator.apply({"params": params}, images, noise)

    return repaint


def ink(images: jax.Array) -> jax.Array:
    """Marks what is drawn on black, [B, H, W, C] in [0, 1] -> [B, H, W, 1]."""
    return (jnp.max(images, axis=-1, keepdims=True) > 0.5).astype(images.dtype)
