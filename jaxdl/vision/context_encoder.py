"""Context encoders: features that know what is missing (Pathak et al. 2016).

Context Encoders: Feature Learning by Inpainting, arXiv 1604.07379.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.losses import discriminator_loss, generator_loss
from jaxdl.vision.holes import Region, central_hole, cover, make_holes, mean_in_holes
from jaxdl.vision.pretexts import encode_trained, pretext_learner
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import (
    Statistics,
    apply_in_training,
    apply_trained,
    descend,
    init_net,
)


class Task(NamedTuple):
    """What is to be painted.

    Attributes:
      views: [B, H, W, C] in [0, 1].
      holes: [B, H, W, 1], 1 where a pixel is missing.
    """

    views: jax.Array
    holes: jax.Array


def context_encoder(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment | None = None,
    *,
    image_shape: tuple[int, int, int],
    region: Region = "central",
    blocks: int = 4,
    discriminator: nn.Module | None = None,
    adversarial: float = 0.001,
    probe: Probe | None = None,
) -> Learner:
    """Learns to paint what has been cut out of an image (eqs. 1 to 3).

    With a discriminator both are trained in turn in every step, first the discriminator. The
    generator then ascends log D of what it paints, rather than descend log(1 - D) as eq. 2 has it
    (`jaxdl.losses.generator_loss`).

    Args:
      net: module (images [B, h, w, C], train) -> images of the same shape, whose method `encode`
        applies its trunk, such as `jaxdl.nn.Inpainted`.
      tx: the optimizer, of the discriminator too.
      augment: key, images [B, H, W, C] in [0, 1] -> views [B, h, w, C]; None leaves the images.
      image_shape: (H, W, C) of the images in a batch.
      region: "central" cuts a quarter of the area out of the middle, "random" `blocks` squares at
        random places, which may overlap, of a quarter in all.
      blocks: number of these squares.
      discriminator: module (images, train) -> logits [B, 1] for real ones, such as
        `jaxdl.nn.Classified`; None leaves the reconstruction alone. It sees what is painted in the
        middle, or the whole painting where the holes are anywhere, and never what surrounds it.
      adversarial: lambda_adv of eq. 3; lambda_rec is 1 - lambda_adv.
      probe: evaluates the trunk's features of whole images.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss,
      `reconstruction` (mean square error in the holes), `adversarial` and `discriminator_loss`
      where there is one, and norms. Its evaluation is the probe's, with `originals`, `covered` and
      `completed` [P, h, w, C] of its `pictures` [P, H, W, C].

    Raises:
      BadInput: `adversarial` is outside of [0, 1].
    """
    if not 0 <= adversarial <= 1:
        raise BadInput(f"the weight of the adversarial loss should be in [0, 1]: {adversarial}")
    make_views = augment or (lambda key, images: images)

    def init(key):
        net_key, judge_key = jax.random.split(key)
        views = jax.eval_shape(make_views, key, jnp.zeros((1, *image_shape)))
        generator = init_net(net_key, net, tx, views)
        if discriminator is None:
            return generator
        seen = jax.eval_shape(judged, views)
        return join(generator, init_net(judge_key, discriminator, tx, seen))

    def make_task(key, images):
        view_key, hole_key = jax.random.split(key)
        views = make_views(view_key, as_floats(images))
        return Task(views, make_holes(hole_key, views.shape, region=region, blocks=blocks))

    def judged(images):
        """Returns the part of images that the discriminator sees."""
        if region == "random":
            return images
        rows, columns = central_hole(*images.shape[1:3])
        return images[:, rows, columns]

    def step(key, state, images):
        task = make_task(key, images)
        if discriminator is None:
            return descend(lambda p, s: reconstruct(net, p, s, task)[:2], tx, state)
        return alternate(net, discriminator, tx, state, task, judged, adversarial)

    def show(key, state, pictures):
        views, holes = make_task(key, pictures)
        covered = cover(views, holes)
        painted = apply_trained(net, generator_of(state), covered)
        completed = jnp.where(holes > 0, jnp.clip(painted, 0.0, 1.0), views)
        return {"originals": views, "covered": covered, "completed": completed}

    return pretext_learner(init, step, probe, lambda s, x: encode_context(net, s, x), show)


def reconstruct(
    net: nn.Module, params: Any, statistics: Statistics, task: Task
) -> tuple[jax.Array, tuple[Statistics, Metrics], jax.Array]:
    """Paints what is missing.

    Returns:
      The loss of eq. 1 as a mean over the missing pixels, (statistics, metrics), and the whole
      painting [B, H, W, C].
    """
    covered = cover(task.views, task.holes)
    painted, statistics = apply_in_training(net, params, statistics, covered)
    error = mean_in_holes((painted - task.views) ** 2, task.holes)
    return error, (statistics, {"reconstruction": error}), painted


def alternate(
    net: nn.Module,
    discriminator: nn.Module,
    tx: optax.GradientTransformation,
    state: TrainState,
    task: Task,
    judged: Callable[[jax.Array], jax.Array],
    weight: float,
) -> tuple[TrainState, Metrics]:
    """Takes a step of the discriminator (eq. 2) and one of the generator (eq. 3).

    Args:
      net: the generator.
      discriminator: its opponent.
      tx: the optimizer of each.
      state: of both.
      task: what is painted.
      judged: images [B, H, W, C] -> what the discriminator sees of them.
      weight: lambda_adv.
    """
    generator = generator_of(state)
    judge = discriminator_of(state)
    *_, painted = reconstruct(net, generator.params, generator.extra, task)
    fake = jax.lax.stop_gradient(judged(painted))

    def tell_apart(params, statistics):
        of_real, statistics = apply_in_training(
            discriminator, params, statistics, judged(task.views)
        )
        of_fake, statistics = apply_in_training(discriminator, params, statistics, fake)
        return discriminator_loss(of_real, of_fake), (statistics, {})

    judge, judge_metrics = descend(tell_apart, tx, judge)

    def paint(params, statistics):
        error, (statistics, metrics), painted = reconstruct(net, params, statistics, task)
        logits, _ = apply_in_training(discriminator, judge.params, judge.extra, judged(painted))
        surprise = generator_loss(logits)
        loss = (1 - weight) * error + weight * surprise
        return loss, (statistics, metrics | {"adversarial": surprise})

    generator, metrics = descend(paint, tx, generator)
    return join(generator, judge), metrics | {"discriminator_loss": judge_metrics["loss"]}


def encode_context(net: nn.Module, state: TrainState, images: jax.Array) -> jax.Array:
    """Returns the trunk's features [B, F] of whole images [B, H, W, C]."""
    return encode_trained(net, generator_of(state), images)


Part = Literal["generator", "discriminator"]


def join(generator: TrainState, judge: TrainState) -> TrainState:
    """Makes one state of two: the net's parameters stand where they stand without an opponent."""
    return TrainState(
        {**generator.params, "discriminator": judge.params},
        {"generator": generator.opt_state, "discriminator": judge.opt_state},
        extra={"generator": generator.extra, "discriminator": judge.extra},
    )


def generator_of(state: TrainState) -> TrainState:
    """Returns the state of the net alone, with an opponent or without."""
    if "discriminator" not in state.params:
        return state
    params = {name: part for name, part in state.params.items() if name != "discriminator"}
    return TrainState(params, _part_of(state, "generator"), extra=state.extra["generator"])


def discriminator_of(state: TrainState) -> TrainState:
    """Returns the state of the opponent alone."""
    opt_state = _part_of(state, "discriminator")
    params = state.params["discriminator"]
    return TrainState(params, opt_state, extra=state.extra["discriminator"])


def _part_of(state: TrainState, part: Part):
    """Returns a part's optimizer state; () where that has been left out."""
    return state.opt_state[part] if state.opt_state else ()
