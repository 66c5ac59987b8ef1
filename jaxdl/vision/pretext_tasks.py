"""Tasks without labels as records, for what trains a trunk beside another task."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.data.augment import Augment
from jaxdl.losses import ntxent
from jaxdl.nn import Classified, Projected, Puzzled
from jaxdl.vision.contrastive import in_pairs
from jaxdl.vision.multi_head import Pretext
from jaxdl.vision.permutations import permutations
from jaxdl.vision.rotation import ROTATIONS, turn_four_ways
from jaxdl.vision.supervised import softmax_cross_entropy
from jaxdl.vision.tiles import cut_tiles, drop_colors, fit_grid, shuffle_tiles, standardize


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


def jigsaw(
    trunk: nn.Module,
    *,
    image_shape: tuple[int, int, int],
    side: int = 2,
    count: int = 24,
    drop: float = 0.3,
    jitter: int = 2,
) -> Pretext:
    """Makes the task to tell how tiles were shuffled (Noroozi & Favaro 2016).

    The guards against shortcuts are those of `jaxdl.vision.jigsaw`.

    Args:
      trunk: the net that is shared, which sees each tile alone.
      image_shape: (H, W, C).
      side: tiles in a row.
      count: P, permutations among which the right one is to be found.
      drop: share of the images that are shown without colors.
      jitter: pixels by which the channels of a tile are apart.
    """
    grid = fit_grid(image_shape, side=side)
    orders = jnp.asarray(permutations(count, tiles=grid.tiles))

    def pose(key, images):
        color_key, cut_key, order_key = jax.random.split(key, 3)
        images = drop_colors(color_key, images, probability=drop)
        labels = jax.random.randint(order_key, (len(images),), 0, count)
        tiles = cut_tiles(cut_key, images, grid, jitter=jitter)
        return standardize(shuffle_tiles(tiles, orders[labels])), labels

    return Pretext(Puzzled(trunk, count), pose, softmax_cross_entropy)


def rotation(trunk: nn.Module, augment: Augment) -> Pretext:
    """Makes the task to tell by which quarter turn an image was turned (Gidaris et al. 2018).

    Args:
      trunk: the net that is shared.
      augment: key, images [B, H, W, C] in [0, 1] -> squares [B, s, s, C]. It crops before the
        squares are turned, so that no corner tells the angle.
    """

    def pose(key, images):
        squares = augment(key, images)
        inputs = turn_four_ways(squares).reshape(-1, *squares.shape[1:])  # [4B, s, s, C]
        return inputs, jnp.tile(jnp.arange(ROTATIONS), len(squares))

    return Pretext(Classified(trunk, ROTATIONS), pose, softmax_cross_entropy)
