"""SimCLR: contrastive learning of visual representations (Chen et al. 2020, arXiv 2002.05709)."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Fold, Learner, TrainState
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.losses import ntxent
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import apply_in_training, apply_trained, descend, init_net


def simclr(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    image_shape: tuple[int, int, int],
    temperature: float = 0.1,
    chunk: int | None = None,
    probe: Probe | None = None,
) -> Learner:
    """Learns features in which two views of an image lie closer than views of different images.

    Args:
      net: module (views [2B, H, W, C], train) -> (features h [2B, F], projections z [2B, D]), such
        as `jaxdl.nn.Projected`.
      tx: the optimizer.
      augment: key, images [2B, H, W, C] in [0, 1] -> views.
      image_shape: (H, W, C) of the images in a batch.
      temperature: tau of eq. 1.
      chunk: columns of the similarity matrix that are held at a time (`jaxdl.losses.ntxent`).
      probe: evaluates the features h, such as `jaxdl.vision.linear_probe`.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss, the
      mean cosine of the two views of an image, and norms; `state.extra` holds the statistics of
      batch normalization. Its evaluation is the probe's, with `views` [2P, h, w, C] of its
      `pictures` [P, H, W, C].
    """

    def init(key):
        key, view_key = jax.random.split(key)
        views = jax.eval_shape(augment, view_key, jnp.zeros((2, *image_shape)))
        return init_net(key, net, tx, views)

    def step(key, state, images):
        views = augment(key, in_pairs(as_floats(images)))

        def loss(params, statistics):
            (_, z), statistics = apply_in_training(net, params, statistics, views)
            z = z.reshape(-1, 2, z.shape[-1])  # [B, 2, D]
            z1 = z[:, 0]
            z2 = z[:, 1]
            value = ntxent(z1, z2, temperature=temperature, chunk=chunk)
            return value, (statistics, {"alignment": alignment(z1, z2)})

        return descend(loss, tx, state)

    def encode(state, images):
        return encoder(net, state)(images)

    if probe is None:
        return Learner(init, step)
    return Learner(init, step, show_views(probe(encode, init), augment))


def show_views(evaluate: Fold, augment: Augment) -> Fold:
    """Adds to a probe's result the `views` [2P, h, w, C] of its `pictures` [P, H, W, C]."""

    def result(probed):
        views = augment(probed.key, in_pairs(as_floats(probed.pictures)))
        return evaluate.result(probed) | {"views": views}

    return evaluate._replace(result=result)


def in_pairs(images: jax.Array) -> jax.Array:
    """Repeats every image, [B, ...] -> [2B, ...]: rows that are split over devices stay there."""
    pairs = jnp.broadcast_to(images[:, None], (len(images), 2, *images.shape[1:]))
    return pairs.reshape(-1, *images.shape[1:])


def encoder(net: nn.Module, state: TrainState) -> Callable[[jax.Array], jax.Array]:
    """Makes a function of the trained trunk: images [B, H, W, C] -> features h [B, F].

    Images are bytes, or floats in [0, 1].
    """
    return lambda images: apply_trained(net, state, images)[0]


def alignment(z1: jax.Array, z2: jax.Array) -> jax.Array:
    """Returns the mean cosine of rows [N, D] with [N, D]; rows of length 0 count as 0."""
    lengths = jnp.linalg.norm(z1, axis=1) * jnp.linalg.norm(z2, axis=1)
    return jax.lax.stop_gradient(jnp.mean(jnp.sum(z1 * z2, axis=1) / jnp.maximum(lengths, 1e-12)))
