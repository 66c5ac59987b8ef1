"""RandAugment on the device (Cubuk et al. 2020, arXiv 1909.13719), with torchvision's arithmetic.

As in `jaxdl.data.augment`, what is drawn and what is done with it are two functions. Operations and
their amounts are arrays, one a row, so that one program serves all of them: `distort` computes each
kind of operation for every image and selects. That is what `lax.switch` would become under `vmap`.
The kinds are few: five operations move pixels by one affine map each, which is one gather; five
blend the image with another one, which is one product; four look up bytes.

The operations are defined on bytes, and here they are exactly that: images are whole numbers of
0 to 255 while they are distorted.
"""

from typing import Literal, NamedTuple, get_args

import chex
import jax
import jax.numpy as jnp

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
            choice_key, sign_key = jax.random.split(turn_key)
            operation = choices[jax.random.randint(choice_key, (rows,), 0, len(operations))]
            signs = jax.random.rademacher(sign_key, (rows,), jnp.float32)
            return distort(values, amounts(operation, magnitudes, signs, height, width)), None

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
    chex.assert_equal_shape([operation, magnitude, sign])
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
    chex.assert_rank(values, 4)
    rows, height, width, channels = values.shape
    chex.assert_shape(list(distortion), (rows,))
    kind = distortion.operation[:, None, None, None]
    amount = distortion.amount[:, None, None, None]

    def chosen(*names):
        return jnp.isin(kind, jnp.array([OPERATIONS.index(name) for name in names]))

    gray = gray_of(values)  # [B, H, W, 1]
    colorless = gray if channels == 3 else values
    other = jnp.where(chosen("color"), colorless, 0.0)  # 0 is the other image of brightness
    other = jnp.where(chosen("contrast"), mean_gray(gray), other)
    other = jnp.where(chosen("sharpness"), smoothed(values), other)
    # Pillow cuts what is behind the point, and does not round.
    blended = jnp.floor(jnp.clip(other + (1.0 + amount) * (values - other), 0.0, 255.0))
    results = [
        (chosen(*OPERATIONS[1:6]), moved(values, affine_maps(distortion, height, width))),
        (chosen("brightness", "color", "contrast", "sharpness"), blended),
        (chosen("posterize"), posterized(values, amount)),
        (chosen("solarize"), solarized(values, amount)),
        (chosen("auto_contrast"), stretched(values)),
        (chosen("equalize"), equalized(values)),
    ]
    for is_chosen, result in results:
        values = jnp.where(is_chosen, result, values)
    return values


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
