"""SimCLR: contrastive learning of visual representations (Chen et al. 2020, arXiv 2002.05709)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.data.augment import Augment
from jaxdl.losses import ntxent

Probe = Callable[[Mapping[str, Callable[[jax.Array], jax.Array]]], Metrics]


def simclr(
    net: Any,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    image_shape: tuple[int, int, int],
    temperature: float = 0.1,
    chunk: int | None = None,
    probe: Probe = lambda encoders: {},
) -> Learner:
    """Learns features in which two views of an image lie closer than views of different images.

    Args:
      net: module with `init` and `apply`: (views [2B, H, W, C], train) -> (features h [2B, F],
        projections z [2B, D]), such as `jaxdl.nn.Projected`.
      tx: the optimizer.
      augment: key, images [2B, H, W, C] in [0, 1] -> views.
      image_shape: (H, W, C) of the images in a batch.
      temperature: tau of eq. 1.
      chunk: columns of the similarity matrix that are held at a time (`jaxdl.losses.ntxent`).
      probe: what `evaluate` returns of three encoders, such as `jaxdl.vision.linear_probe(data)`:
        "probe", these features; "random_feature", those of the same net untrained; "raw_pixel".

    Returns:
      A learner of batches [B, H, W, C] uint8. Its metrics are the loss, and the mean cosine of the
      two views of an image; `state.extra` holds the statistics of batch normalization.
    """

    def init(key):
        key, view_key = jax.random.split(key)
        views = jax.eval_shape(augment, view_key, jnp.zeros((2, *image_shape)))
        extra = dict(net.init(key, jnp.zeros(views.shape), True))
        params = extra.pop("params")
        return TrainState(params, tx.init(params), extra=extra)

    def loss_of(params, extra, views):
        (_, z), extra = net.apply({"params": params, **extra}, views, True, mutable=list(extra))
        z = z.reshape(-1, 2, z.shape[-1])  # [B, 2, D]
        loss = ntxent(z[:, 0], z[:, 1], temperature=temperature, chunk=chunk)
        return loss, (dict(extra), alignment(z[:, 0], z[:, 1]))

    def step(key, state, images):
        views = augment(key, in_pairs(images.astype(jnp.float32) / 255.0))
        gradient_of = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (extra, cosine)), gradient = gradient_of(state.params, state.extra, views)
        updates, opt_state = tx.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics = {"loss": loss, "alignment": cosine}
        return state._replace(params=params, opt_state=opt_state, extra=extra), metrics

    def evaluate(key, state):
        untrained = init(key)
        return probe(
            {
                "probe": encoder(net, state),
                "random_feature": encoder(net, untrained),
                "raw_pixel": lambda images: images.reshape(len(images), -1) / 255.0,
            }
        )

    return Learner(init, step, evaluate)


def in_pairs(images: jax.Array) -> jax.Array:
    """Every image twice in a row, [B, ...] -> [2B, ...]: rows that are split over devices stay."""
    pairs = jnp.broadcast_to(images[:, None], (len(images), 2, *images.shape[1:]))
    return pairs.reshape(-1, *images.shape[1:])


def encoder(net: Any, state: TrainState) -> Callable[[jax.Array], jax.Array]:
    """The trained trunk as a function: images [B, H, W, C] uint8 -> features h [B, F]."""

    def encode(images):
        variables = {"params": state.params, **state.extra}
        return net.apply(variables, images.astype(jnp.float32) / 255.0, False)[0]

    return encode


def alignment(z1: jax.Array, z2: jax.Array) -> jax.Array:
    """Mean cosine of rows [N, D] with [N, D]; rows of length 0 count as 0."""
    lengths = jnp.linalg.norm(z1, axis=1) * jnp.linalg.norm(z2, axis=1)
    return jax.lax.stop_gradient(jnp.mean(jnp.sum(z1 * z2, axis=1) / jnp.maximum(lengths, 1e-12)))
