"""Jigsaw puzzles: features that know parts by what is around them (Noroozi & Favaro 2016).

Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles, arXiv 1603.09246.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data.colors import as_floats
from jaxdl.vision.pretexts import encode_trained, pretext_learner
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import apply_trained, init_net, supervised_step
from jaxdl.vision.tiles import cut_tiles, drop_colors, fit_grid, shuffle_tiles, standardize


def jigsaw(
    net: nn.Module,
    tx: optax.GradientTransformation,
    orders: np.ndarray,
    *,
    image_shape: tuple[int, int, int],
    tile: int = 0,
    gap: int | None = None,
    drop: float = 0.3,
    jitter: int = 2,
    normalize: bool = True,
    probe: Probe | None = None,
) -> Learner:
    """Learns which of P permutations has shuffled the tiles of an image.

    Args:
      net: module (tiles [B, T, h, w, C], train) -> logits [B, P] whose method `encode` applies its
        trunk to images, such as `jaxdl.nn.Puzzled`.
      tx: the optimizer.
      orders: [P, T], such as `jaxdl.vision.permutations` chooses; T is a square number.
      image_shape: (H, W, C) of the images in a batch.
      tile: side of a tile in pixels, 0 for the largest that leaves a gap.
      gap: pixels between tiles on average, None for a share as the paper's (75 - 64 of 75).
      drop: share of the images that are shown without colors, against shortcuts.
      jitter: pixels by which the channels of a tile are apart, against chromatic aberration.
      normalize: each tile has mean 0 and variance 1 by itself.
      probe: evaluates the trunk's features of whole images, which are normalized like a tile.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss, the
      share of puzzles that are solved, and norms. Its evaluation is the probe's, with puzzles of
      its `pictures` [P, H, W, C]: `tiles` [P, T, h, w, C] as they are cut, and the permutations
      [P, T] `order` that shuffles them and `solution` that the net takes it for.

    Raises:
      BadInput: the tiles do not fit the images, or T is no square number.
    """
    side = math.isqrt(orders.shape[1])
    if side**2 != orders.shape[1]:
        raise BadInput(f"{orders.shape[1]} tiles do not make a square")
    grid = fit_grid(image_shape, side=side, tile=tile, gap=gap)

    def prepare(tiles):
        return standardize(tiles) if normalize else tiles

    def init(key):
        shape = 1, grid.tiles, grid.tile, grid.tile, image_shape[-1]
        return init_net(key, net, tx, jnp.zeros(shape))

    def step(key, state, images):
        tiles, labels = make_puzzles(key, images)
        shuffled = prepare(shuffle_tiles(tiles, jnp.asarray(orders)[labels]))
        return supervised_step(net, tx, state, shuffled, labels)

    def make_puzzles(key, images):
        """Returns tiles [B, T, h, w, C] in reading order, and numbers of permutations [B]."""
        color_key, cut_key, order_key = jax.random.split(key, 3)
        images = drop_colors(color_key, as_floats(images), probability=drop)
        tiles = cut_tiles(cut_key, images, grid, jitter=jitter)
        return tiles, jax.random.randint(order_key, (len(images),), 0, len(orders))

    def show(key, state, pictures):
        tiles, labels = make_puzzles(key, pictures)
        order = jnp.asarray(orders)[labels]
        logits = apply_trained(net, state, prepare(shuffle_tiles(tiles, order)))
        solution = jnp.asarray(orders)[jnp.argmax(logits, axis=1)]
        return {"tiles": tiles, "order": order, "solution": solution}

    def encode(state, images):
        return encode_trained(net, state, prepare(as_floats(images)))

    return pretext_learner(init, step, probe, encode, show)


def encode_whole(net: nn.Module, state: TrainState, images: jax.Array) -> jax.Array:
    """Returns the features [B, F] of whole images [B, H, W, C], each normalized like a tile."""
    return encode_trained(net, state, standardize(as_floats(images)))
