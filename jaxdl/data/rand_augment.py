"""RandAugment on the device (Cubuk et al. 2020, arXiv 1909.13719), with torchvision's arithmetic.

As in `jaxdl.data.augment`, what is drawn and what is done with it are two functions. Operations and
their amounts are arrays, one a row, so that one program serves all of them: accelerators compute
each kind of operation for every image and select, CPUs only what was drawn.

The operations are defined on bytes, and here they are exactly that: images are whole numbers of
0 to 255 while they are distorted.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.data.levels import (
    equalized,
    gray_of,
    mean_gray,
    moved,
    posterized,
    smoothed,
    solarized,
    stretched,
)

Operation = Literal[
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "auto_contrast",
    "equalize",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)  # in torchvision's order
MOST = 30  # the greatest magnitude, as in the paper's code; torchvision counts 31 bins
SIGNED = OPERATIONS[1:10]  # half of their draws go the other way
SHEAR = 0.3  # at the greatest magnitude, as in torchvision
SHIFT = 150 / 331  # of the side
TURN = 30.0  # degrees
BLEND = 0.9  # from factor 1
BITS = 4.0  # that are dropped


class Distortion(NamedTuple):
    """One operation an image.

    Attributes:
      operation: [B] int32, index into OPERATIONS.
      amount: [B] float32, in the operation's own unit: pixels that a pixel's neighbor is moved
        (shears), pixels (translations), degrees counterclockwise (rotation), factor minus 1
        (brightness, color, contrast, sharpness), bits that stay (posterize), the first value that
        is inverted (solarize); of no meaning to the others.
    """

    operation: jax.Array
    amount: jax.Array


Kind = Callable[[jax.Array, Distortion], jax.Array]  # [B, H, W, C], of each row -> [B, H, W, C]


def rand_augment(
    *,
    count: int = 2,
    magnitude: float = 9,
    operations: tuple[Operation, ...] = OPERATIONS,
) -> Augment:
    """Makes RandAugment: so many operations in a row, drawn for each image, of one magnitude.

    Nothing is mirrored, so that it suits digits and letters.

    Args:
      count: N of the paper, operations an image.
      magnitude: M, 0 to 30. At 0 all operations are the identity, but for "auto_contrast" and
        "equalize", which have no magnitude.
      operations: that are drawn from, each as often.

    Returns:
      augment(key, images [B, H, W, C], bytes or floats in [0, 1]) -> views [B, H, W, C] in [0, 1],
      of 256 levels.

    Raises:
      BadInput: a negative count, a magnitude out of its range, or an unknown operation.
    """
    if count < 0 or not 0 <= magnitude <= MOST:
        raise BadInput(
            f"RandAugment has 0 or more operations of magnitude 0 to {MOST}, "
            f"got {count} of {magnitude:g}"
        )
    if not operations or set(operations) - set(OPERATIONS):
        raise BadInput(f"RandAugment's operations are {', '.join(OPERATIONS)}; got {operations}")
    numbers = [OPERATIONS.index(name) for name in operations]

    def augment(key, images):
        values = as_levels(images)
        rows, height, width, _ = values.shape
        magnitudes = jnp.full(rows, float(magnitude))
        choices = jnp.array(numbers, jnp.int32)

        def take_turn(values, turn_key):
            draw = jax.random.randint(turn_key, (rows,), 0, 2 * len(operations))
            signs = jnp.where(draw % 2, 1.0, -1.0)
            drawn = amounts(choices[draw // 2], magnitudes, signs, height, width)
            return distort(values, drawn), None

        if not count:
            return values / 255.0
        values, _ = jax.lax.scan(take_turn, values, jax.random.split(key, count))
        return values / 255.0

    return augment


def as_levels(images: jax.Array) -> jax.Array:
    """Returns images [B, H, W, C], bytes or floats in [0, 1], as whole floats of 0 to 255."""
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32)
    return jnp.clip(jnp.round(as_floats(images).astype(jnp.float32) * 255.0), 0.0, 255.0)


def amounts(
    operation: jax.Array, magnitude: jax.Array, sign: jax.Array, height: int, width: int
) -> Distortion:
    """Turns magnitudes into amounts, by the table of torchvision's `RandAugment`.

    In one place that table is not followed: torchvision's solarize inverts at 255 and above for
    magnitude 0, and so turns white to black; here it inverts nothing.

    Args:
      operation: [B] int32.
      magnitude: [B] 0 to 30.
      sign: [B] -1 or 1; operations that know no direction ignore it.
      height: of the images in pixels.
      width: of the images in pixels.
    """
    share = magnitude / MOST
    shear = SHEAR * share
    blend = BLEND * share
    unsigned = {
        "shear_x": shear,
        "shear_y": shear,
        "translate_x": jnp.floor(SHIFT * width * share),
        "translate_y": jnp.floor(SHIFT * height * share),
        "rotate": TURN * share,
        "brightness": blend,
        "color": blend,
        "contrast": blend,
        "sharpness": blend,
        "posterize": 8.0 - jnp.round(BITS * share),
        "solarize": jnp.where(magnitude == 0, 256.0, 255.0 * (1.0 - share)),
    }
    zero = jnp.zeros_like(share)
    table = jnp.stack(
        [unsigned.get(name, zero) * (sign if name in SIGNED else 1.0) for name in OPERATIONS]
    )  # [operations, B]
    return Distortion(operation, jnp.take_along_axis(table, operation[None], axis=0)[0])


def distort(values: jax.Array, distortion: Distortion) -> jax.Array:
    """Applies one operation to each image, as Pillow and torchvision do to bytes.

    Args:
      values: [B, H, W, C] whole floats of 0 to 255. Images of three channels have colors; others
        keep theirs under "color", and their gray is the mean of the channels.
      distortion: of each row.

    Returns:
      [B, H, W, C] whole floats of 0 to 255.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if jax.default_backend() == "cpu" and (mesh.empty or mesh.size == 1):
        return distort_one_by_one(values, distortion)
    return distort_all_at_once(values, distortion)


def distort_all_at_once(values: jax.Array, distortion: Distortion) -> jax.Array:
    """Computes every kind of operation for every image, and selects: for accelerators."""
    result = values
    for function, numbers in KINDS.items():
        is_chosen = jnp.isin(distortion.operation, jnp.array(numbers))[:, None, None, None]
        result = jnp.where(is_chosen, function(values, distortion), result)
    return result


@jax.custom_batching.custom_vmap
def distort_one_by_one(values: jax.Array, distortion: Distortion) -> jax.Array:
    """Computes one operation for each image in turn, on CPUs in a seventh of the time.

    Under `vmap`, which would turn the choice into a selection again, images of all seeds are taken
    in turn.
    """
    kinds = np.zeros(len(OPERATIONS), np.int32)
    for kind, numbers in enumerate(KINDS.values(), 1):
        kinds[list(numbers)] = kind
    functions = [lambda image, row: image, *KINDS]

    def distort_one(row):
        image, one, kind = row
        one = jax.tree.map(lambda x: x[None], one)
        return jax.lax.switch(kind, functions, image[None], one)[0]

    rows = values, distortion, jnp.asarray(kinds)[distortion.operation]
    return jax.lax.map(distort_one, rows)


@distort_one_by_one.def_vmap
def _(seeds, is_batched, values, distortion):
    def join(x, has_seeds):
        x = x if has_seeds else jnp.broadcast_to(x, (seeds, *x.shape))
        return x.reshape(-1, *x.shape[2:])

    flat = jax.tree.map(join, (values, distortion), tuple(is_batched))
    result = distort_one_by_one(*flat)
    return result.reshape(seeds, -1, *result.shape[1:]), True


def move(values: jax.Array, distortion: Distortion) -> jax.Array:
    """Shears, shifts or turns [B, H, W, C]."""
    return moved(values, affine_maps(distortion, *values.shape[1:3]))


def blend_with(other: Callable[[jax.Array], jax.Array]) -> Kind:
    """Makes the blend of images with others that are made of them."""

    def blend(values, distortion):
        background = other(values)
        factor = 1.0 + distortion.amount[:, None, None, None]
        blended = jnp.clip(background + factor * (values - background), 0.0, 255.0)
        # Pillow cuts what is behind the point. The small number keeps what is whole but for
        # rounding, which differs between programs, from being cut to the one below.
        return jnp.minimum(jnp.floor(blended + 2.0**-12), 255.0)

    return blend


def colorless(values: jax.Array) -> jax.Array:
    """Returns three channels as gray; others are as they are."""
    return gray_of(values) if values.shape[-1] == 3 else values


def of_amount(function: Callable[[jax.Array, jax.Array], jax.Array]) -> Kind:
    """Makes a kind of a function of images and amounts [B, 1, 1, 1]."""
    return lambda values, distortion: function(values, distortion.amount[:, None, None, None])


def without_amount(function: Callable[[jax.Array], jax.Array]) -> Kind:
    """Makes a kind of a function of images alone."""
    return lambda values, distortion: function(values)


def of(*names: Operation) -> tuple[int, ...]:
    """Returns the numbers of operations."""
    return tuple(OPERATIONS.index(name) for name in names)


KINDS: dict[Kind, tuple[int, ...]] = {  # function -> the operations that it serves
    move: of("shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
    blend_with(jnp.zeros_like): of("brightness"),
    blend_with(colorless): of("color"),
    blend_with(lambda values: mean_gray(gray_of(values))): of("contrast"),
    blend_with(smoothed): of("sharpness"),
    of_amount(posterized): of("posterize"),
    of_amount(solarized): of("solarize"),
    without_amount(stretched): of("auto_contrast"),
    without_amount(equalized): of("equalize"),
}


def affine_maps(distortion: Distortion, height: int, width: int) -> jax.Array:
    """Returns the maps [B, 2, 3] from a result's places to the image's, as `moved` takes them."""

    def amount_of(name):
        is_chosen = distortion.operation == OPERATIONS.index(name)
        return jnp.where(is_chosen, distortion.amount, 0.0)

    turn = jnp.deg2rad(amount_of("rotate"))
    cosine = jnp.cos(turn)
    sine = jnp.sin(turn)
    x = width / 2  # of the middle, which a rotation leaves where it is
    y = height / 2
    across = x - cosine * x + sine * y - amount_of("translate_x")
    down = y - sine * x - cosine * y - amount_of("translate_y")
    top = jnp.stack([cosine, amount_of("shear_x") - sine, across], axis=-1)
    bottom = jnp.stack([amount_of("shear_y") + sine, cosine, down], axis=-1)
    return jnp.stack([top, bottom], axis=1)
