"""A learned refiner: a GAN that makes simulated pictures look real (Bousmalis et al. 2016).

PixelDA, arXiv 1612.05424, and GraspGAN, arXiv 1709.07857: a generator repaints simulated pictures,
a discriminator tells them from real ones, of which it sees no label, and a classifier keeps what
they show. Eq. 4 is the sum of a domain, a task and a content loss, which the players descend in
turns.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, Metrics, TrainState, update
from jaxdl.data import as_floats
from jaxdl.losses import (
    discriminator_loss,
    generator_loss,
    pairwise_squared_error,
    softmax_cross_entropy,
)
from jaxdl.losses.adversarial import AdversarialForm
from jaxdl.sim2real.columns import Column
from jaxdl.sim2real.domains import BothDomains

NOISE = 10  # Z, dimensions of the noise: appendix of arXiv 1612.05424
AT_ONCE = 500  # test images that are read at a time
SHOWN = 10  # pictures of each row of a report

Foreground = Callable[[jax.Array], jax.Array]  # pictures [B, H, W, C] -> mask [B, H, W, 1]
Repaint = Callable[[jax.Array, Any, jax.Array], jax.Array]  # key, parameters, pictures -> pictures
Optimizers = Mapping[str, optax.GradientTransformation]  # of each player, by its name
PlayerLoss = Callable[[Any], tuple[jax.Array, Metrics]]  # parameters of one player -> loss, metrics


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
    open_domains: Callable[[], BothDomains] | None = None,
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
      open_domains: () -> the data sets, whose test images the classifier is asked about.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`. Parameters and optimizer state are
      {"generator", "discriminator", "classifier"}. Its metrics are the generator's `loss`,
      `domain_loss`, `task_loss`, `content_loss` and norms, `discriminator_loss`,
      `classifier_loss`, and `accuracy` of the classifier on what is repainted.
    """
    keep = foreground or (lambda images: jnp.ones((*images.shape[:3], 1)))
    optimizers = {"generator": tx, "discriminator": discriminator_tx, "classifier": tx}

    repaint = repainting(players.generator)
    advance = partial(descend, optimizers)

    def init(key):
        return first_players(key, players, optimizers, image_shape)

    def step(key, state, batch):
        simulated, real = as_floats(batch.source_images), as_floats(batch.target_images)
        judge = partial(tell_apart, players, form, real)
        read = partial(read_both, players, batch.source_labels, simulated)
        made = jax.lax.stop_gradient(repaint(key, state.params["generator"], simulated))
        state, told = advance(state, "discriminator", lambda params: judge(params, made))
        state, task = advance(state, "classifier", lambda params: read(params, made))
        others = {name: state.params[name] for name in ("discriminator", "classifier")}

        def paint(params):
            made = repaint(key, params, simulated)
            losses, accuracy = judge_painting(players, form, others, made, batch.source_labels)
            losses["content"] = pairwise_squared_error(simulated, made, keep(simulated))
            total = sum(weight * losses[name] for name, weight in weights._asdict().items())
            named = {f"{name}_loss": value for name, value in losses.items()}
            return total, named | {"accuracy": accuracy}

        state, metrics = advance(state, "generator", paint)
        named = {"discriminator_loss": told["loss"], "classifier_loss": task["loss"]}
        return state, metrics | named

    if open_domains is None:
        return Learner(init, step)
    return Learner(init, step, refiner_score(players, open_domains))


def first_players(
    key: jax.Array, players: Players, optimizers: Optimizers, image_shape: tuple[int, int, int]
) -> TrainState:
    """Makes the state in which no player has learned anything."""
    keys = jax.random.split(key, 3)
    images, noise = jnp.zeros((1, *image_shape)), jnp.zeros((1, NOISE))
    params = {
        "generator": players.generator.init(keys[0], images, noise)["params"],
        "discriminator": players.discriminator.init(keys[1], images)["params"],
        "classifier": players.classifier.init(keys[2], images)["params"],
    }
    return TrainState(params, {name: optimizers[name].init(params[name]) for name in params})


def descend(
    optimizers: Optimizers, state: TrainState, name: str, loss: PlayerLoss
) -> tuple[TrainState, Metrics]:
    """Takes one step of one player; the others' parameters are not touched.

    Returns:
      The state, and the metrics `loss`, those of the loss, and the norms of the step.
    """
    (value, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(state.params[name])
    part = TrainState(state.params[name], state.opt_state[name])
    part, norms = update(optimizers[name], part, gradient)
    params = state.params | {name: part.params}
    opt_state = state.opt_state | {name: part.opt_state}
    after = state._replace(params=params, opt_state=opt_state)
    return after, {"loss": value} | metrics | norms


def tell_apart(
    players: Players, form: AdversarialForm, real: jax.Array, params: Any, made: jax.Array
) -> tuple[jax.Array, Metrics]:
    """Returns the discriminator's loss on real and on made pictures [B, H, W, C]: eq. 2."""
    judge = lambda images: players.discriminator.apply({"params": params}, images)  # noqa: E731
    return discriminator_loss(judge(real), judge(made), form=form), {}


def read_both(
    players: Players, labels: jax.Array, simulated: jax.Array, params: Any, made: jax.Array
) -> tuple[jax.Array, Metrics]:
    """Returns the classifier's loss on pictures as they were and as they are repainted: eq. 3."""
    read = lambda images: players.classifier.apply({"params": params}, images).logits  # noqa: E731
    of_made = softmax_cross_entropy(read(made), labels)
    return of_made + softmax_cross_entropy(read(simulated), labels), {}


def judge_painting(
    players: Players,
    form: AdversarialForm,
    others: Mapping[str, Any],
    made: jax.Array,
    labels: jax.Array,
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Returns the losses "domain" and "task" of repainted pictures, and the accuracy on them.

    Args:
      players: the nets.
      form: of the domain loss.
      others: parameters of "discriminator" and "classifier".
      made: [B, H, W, C].
      labels: [B], of what was repainted.
    """
    judged = players.discriminator.apply({"params": others["discriminator"]}, made)
    logits = players.classifier.apply({"params": others["classifier"]}, made).logits
    losses = {
        "domain": generator_loss(judged, form=form),
        "task": softmax_cross_entropy(logits, labels),
    }
    return losses, jnp.mean(jnp.argmax(logits, axis=1) == labels)


def refiner_score(players: Players, open_domains: Callable[[], BothDomains]) -> Evaluate:
    """Makes an evaluation of a refiner's classifier.

    Args:
      players: the nets.
      open_domains: () -> the data sets.

    Returns:
      Evaluation with `error` on the target's test images and the arrays of `show_pictures`.
    """
    repaint = repainting(players.generator)

    def evaluate(key, state):
        both = open_domains()

        def read(image):
            params = state.params["classifier"]
            return players.classifier.apply({"params": params}, as_floats(image[None])).logits[0]

        images = jnp.asarray(both.target.test_images)
        logits = jax.lax.map(read, images, batch_size=min(AT_ONCE, len(images)))
        error = jnp.mean(jnp.argmax(logits, axis=1) != jnp.asarray(both.target.test_labels))
        shown = show_pictures(partial(repaint, key, state.params["generator"]), both)
        return {"error": error} | shown

    return evaluate


def show_pictures(
    repaint: Callable[[jax.Array], jax.Array], both: BothDomains
) -> dict[str, jax.Array]:
    """Returns test images, `simulated`, `refined` of these, and other `real` ones, [P, H, W, C]."""
    simulated = as_floats(jnp.asarray(both.source.test_images[:SHOWN]))
    real = as_floats(jnp.asarray(both.target.test_images[-SHOWN:]))
    return {"simulated": simulated, "refined": repaint(simulated), "real": real}


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
