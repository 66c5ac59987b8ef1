"""Tasks without labels as records, for what trains a trunk beside another task."""

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.data.augment import Augment
from jaxdl.losses import ntxent
from jaxdl.nn import Classifier, Projected
from jaxdl.vision.contrastive import in_pairs
from jaxdl.vision.multi_head import Pretext
from jaxdl.vision.supervised import cross_entropy

ROTATIONS = 4  # 0, 90, 180, 270 degrees: the best number of table 2 of Gidaris et al. 2018


def contrastive(
    trunk: nn.Module,
    augment: Augment,
    *,
    hidden: int = 128,
    features: int = 64,
    temperature: float = 0.2,
) -> Pretext:
    """Makes SimCLR's task, to find the two views of an image (Chen et al. 2020, eq. 1).

    Args:
      trunk: the net that is shared.
      augment: key, images [2B, H, W, C] in [0, 1] -> views.
      hidden: width of the projection head's hidden layer.
      features: width of the projections.
      temperature: tau of eq. 1.
    """

    def loss(outputs, targets):
        del targets  # the pairs lie side by side
        _, z = outputs
        z = z.reshape(-1, 2, z.shape[-1])  # [B, 2, D]
        return ntxent(z[:, 0], z[:, 1], temperature=temperature)

    return Pretext(
        Projected(trunk, hidden, features),
        lambda key, images: (augment(key, in_pairs(images)), ()),
        loss,
    )


def rotation(trunk: nn.Module, augment: Augment) -> Pretext:
    """Makes the task to tell by which quarter turn an image was turned (Gidaris et al. 2018).

    Args:
      trunk: the net that is shared.
      augment: key, images [B, H, W, C] in [0, 1] -> squares [B, s, s, C]. It crops before the
        squares are turned, so that no corner tells the angle.
    """

    def pose(key, images):
        squares = augment(key, images)
        turned = [jnp.rot90(squares, quarters, axes=(1, 2)) for quarters in range(ROTATIONS)]
        inputs = jnp.stack(turned, axis=1).reshape(-1, *squares.shape[1:])  # [4B, s, s, C]
        return inputs, jnp.tile(jnp.arange(ROTATIONS), len(squares))

    return Pretext(Classifier(trunk, ROTATIONS), pose, cross_entropy)
