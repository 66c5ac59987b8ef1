"""What contrastive learners share: pairs of views, their first state, and how they are judged."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Init, Learner, StepFunction, TrainState
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.vision.probe import Encode, Probe
from jaxdl.vision.supervised import apply_trained, init_net


def in_pairs(images: jax.Array) -> jax.Array:
    """Repeats every image, [B, ...] -> [2B, ...]: rows that are split over devices stay there."""
    pairs = jnp.broadcast_to(images[:, None], (len(images), 2, *images.shape[1:]))
    return pairs.reshape(-1, *images.shape[1:])


def init_on_views(
    key: jax.Array,
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    image_shape: tuple[int, int, int],
) -> TrainState:
    """Makes the first state of a net that sees views of images [H, W, C]."""
    key, view_key = jax.random.split(key)
    views = jax.eval_shape(augment, view_key, jnp.zeros((2, *image_shape)))
    return init_net(key, net, tx, views)


def judged_learner(
    init: Init, step: StepFunction, encode: Encode, probe: Probe | None, augment: Augment
) -> Learner:
    """Makes a learner that is evaluated by a probe, if there is one.

    Its result has `views` [2P, h, w, C] of the probe's `pictures` [P, H, W, C] too.
    """
    if probe is None:
        return Learner(init, step)
    evaluate = probe(encode, init)

    def result(probed):
        views = augment(probed.key, in_pairs(as_floats(probed.pictures)))
        return evaluate.result(probed) | {"views": views}

    return Learner(init, step, evaluate._replace(result=result))


def encoder(net: nn.Module, state: TrainState) -> Callable[[jax.Array], jax.Array]:
    """Makes a function of the trained trunk: images [B, H, W, C] -> features h [B, F].

    Images are bytes, or floats in [0, 1].
    """
    return lambda images: apply_trained(net, state, images)[0]


def projector(net: nn.Module, state: TrainState) -> Callable[[jax.Array], jax.Array]:
    """Makes a function of the whole net: images [B, H, W, C] -> projections z [B, D]."""
    return lambda images: apply_trained(net, state, images)[1]


def alignment(z1: jax.Array, z2: jax.Array) -> jax.Array:
    """Returns the mean cosine of rows [N, D] with [N, D]; rows of length 0 count as 0."""
    lengths = jnp.linalg.norm(z1, axis=1) * jnp.linalg.norm(z2, axis=1)
    return jax.lax.stop_gradient(jnp.mean(jnp.sum(z1 * z2, axis=1) / jnp.maximum(lengths, 1e-12)))
