"""SimCLR: contrastive learning of visual representations (Chen et al. 2020, arXiv 2002.05709)."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import optax

from jaxdl.core.learner import Learner
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.losses import ntxent
from jaxdl.vision.contrastive import (
    alignment,
    encoder,
    in_pairs,
    init_on_views,
    judged_learner,
    projector,
)
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import apply_in_training, descend

PairLoss = Callable[[jax.Array, jax.Array], jax.Array]  # z1, z2 [B, D] -> scalar


def simclr(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    image_shape: tuple[int, int, int],
    temperature: float = 0.1,
    chunk: int | None = None,
    loss: PairLoss | None = None,
    probed: Literal["features", "projections"] = "features",
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
      loss: another loss than eq. 1, such as those of table 4 (`jaxdl.losses.nt_logistic`).
      probed: what is evaluated, the features h or the projections z, as in table 3.
      probe: evaluates it, such as `jaxdl.vision.linear_probe`.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss, the
      mean cosine of the two views of an image, and norms; `state.extra` holds the statistics of
      batch normalization. Its evaluation is the probe's, with `views` [2P, h, w, C] of its
      `pictures` [P, H, W, C].
    """

    def init(key):
        return init_on_views(key, net, tx, augment, image_shape)

    pair_loss = loss or partial(ntxent, temperature=temperature, chunk=chunk)

    def step(key, state, batch):
        views = augment(key, in_pairs(as_floats(batch)))

        def objective(params, statistics):
            (_, z), statistics = apply_in_training(net, params, statistics, views)
            z = z.reshape(-1, 2, z.shape[-1])  # [B, 2, D]
            z1 = z[:, 0]
            z2 = z[:, 1]
            return pair_loss(z1, z2), (statistics, {"alignment": alignment(z1, z2)})

        return descend(objective, tx, state)

    read = encoder if probed == "features" else projector
    return judged_learner(
        init, step, lambda state, images: read(net, state)(images), probe, augment
    )
