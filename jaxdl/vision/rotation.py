"""RotNet: features that know which way up an image is (Gidaris et al. 2018).

Unsupervised Representation Learning by Predicting Image Rotations, arXiv 1803.07728.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.vision.pretexts import encode_trained, pretext_learner
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import apply_trained, init_net, supervised_step
from jaxdl.vision.tiles import Grid, cut_tiles

ROTATIONS = 4  # the best number of 2, 4 and 8, by their experiments


def rotation(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment | None = None,
    *,
    image_shape: tuple[int, int, int],
    margin: int = 1,
    probe: Probe | None = None,
) -> Learner:
    """Learns by which multiple of 90 degrees an image has been turned (eqs. 2 and 3).

    Every image is cropped to a square before it is turned, away from its borders: what a camera or
    a scanner leaves there, or a crop that is not square, would tell the angle. All four rotations
    of a square are in the batch.

    Args:
      net: module (images [4B, s, s, C], train) -> logits [4B, 4] whose method `encode` applies its
        trunk, such as `jaxdl.nn.Classified`.
      tx: the optimizer.
      augment: key, images [B, H, W, C] in [0, 1] -> squares [B, s, s, C]; None takes the largest
        square at a random place.
      image_shape: (H, W, C) of the images in a batch.
      margin: pixels that are cut off each side first.
      probe: evaluates the trunk's features of whole images.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss, the
      share of rotations that are recognized, and norms. Its evaluation is the probe's, with the
      rotations of its `pictures` [P, H, W, C]: `turned` [P, 4, s, s, C] and the quarter turns
      `taken_for` [P, 4] that the net sees in them.

    Raises:
      BadInput: nothing is left of the images, or `augment` makes no squares.
    """
    side = min(image_shape[:2]) - 2 * margin
    if side < 1:
        shape = f"{image_shape[0]} x {image_shape[1]}"
        raise BadInput(f"a margin of {margin} pixels leaves nothing of images of {shape}")
    crop = augment or (lambda key, images: cut_tiles(key, images, Grid(1, side, 0))[:, 0])

    def make_squares(key, images):
        height, width = image_shape[:2]
        inner = as_floats(images)[:, margin : height - margin, margin : width - margin]
        return crop(key, inner)

    def init(key):
        images = jnp.zeros((1, *image_shape))
        squares = jax.eval_shape(make_squares, key, images)
        if squares.shape[1] != squares.shape[2]:
            raise BadInput(f"only squares can be turned, not images {squares.shape[1:]}")
        return init_net(key, net, tx, squares)

    def step(key, state, images):
        turned = turn_four_ways(make_squares(key, images))  # [B, 4, s, s, C]
        labels = jnp.tile(jnp.arange(ROTATIONS), len(images))
        return supervised_step(net, tx, state, turned.reshape(-1, *turned.shape[2:]), labels)

    def show(key, state, pictures):
        turned = turn_four_ways(make_squares(key, pictures))
        logits = apply_trained(net, state, turned.reshape(-1, *turned.shape[2:]))
        taken_for = jnp.argmax(logits, axis=1).reshape(-1, ROTATIONS)
        return {"turned": turned, "taken_for": taken_for}

    return pretext_learner(init, step, probe, lambda s, x: encode_trained(net, s, x), show)


def turn_four_ways(squares: jax.Array) -> jax.Array:
    """Turns squares by 0, 90, 180 and 270 degrees, [B, s, s, C] -> [B, 4, s, s, C].

    The pixels are moved and never blended, so that nothing but the content tells the angle.
    """
    return jnp.stack([turn(squares, quarters) for quarters in range(ROTATIONS)], axis=1)


def turn(images: jax.Array, quarters: int) -> jax.Array:
    """Turns images [B, H, W, C] counterclockwise by quarters of a turn, exactly."""
    return jnp.rot90(images, quarters, axes=(1, 2))
