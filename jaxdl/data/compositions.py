"""Augmentations by name, and what is composed of them: SimCLR's figure 5 and table 3."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.data.augment import Augment
from jaxdl.data.blur import blur_kernel, random_blur
from jaxdl.data.colors import distort_colors
from jaxdl.data.crops import random_resized_crop
from jaxdl.data.transformations import (
    random_cutout,
    random_noise,
    random_quarter_turn,
    sobel,
)

Transformation = Literal["crop", "cutout", "color", "sobel", "noise", "blur", "rotation"]


def named_transformations(
    size: int,
    *,
    crop_scale: tuple[float, float] = (0.08, 1.0),
    flip: bool = True,
    color_strength: float = 1.0,
    grayscale: float = 0.2,
) -> dict[Transformation, Augment]:
    """Makes the transformations of figure 5 (Chen et al. 2020), in its order.

    Args:
      size: side of the views in pixels.
      crop_scale: area of a crop as a share of the image.
      flip: "crop" mirrors half of the images; not for digits or letters.
      color_strength: of "color", s of appendix A.
      grayscale: probability that "color" drops the colors.

    Returns:
      Name -> augment(key, images [B, H, W, C]) -> views in [0, 1]: [B, size, size, C] of "crop",
      [B, H, W, C] of the others.
    """

    def distort(key, images):
        color_key, gray_key = jax.random.split(key)
        return distort_colors(
            color_key, gray_key, images, strength=color_strength, grayscale=grayscale
        )

    return {
        "crop": partial(random_resized_crop, size=size, scale=crop_scale, flip=flip),
        "cutout": random_cutout,
        "color": distort,
        "sobel": lambda key, images: sobel(images),
        "noise": random_noise,
        "blur": partial(random_blur, kernel=blur_kernel(size), probability=1.0),
        "rotation": random_quarter_turn,
    }


def in_turn(augments: Sequence[Augment]) -> Augment:
    """Makes an augmentation that applies others one after the other."""

    def augment(key, images):
        for own_key, part in zip(jax.random.split(key, len(augments)), augments, strict=True):
            images = part(own_key, images)
        return images

    return augment


def on_some(augment: Augment, share: float) -> Augment:
    """Makes an augmentation of a share of the images, drawn one by one; the others stay.

    Args:
      augment: keeps the shape of images [B, H, W, C].
      share: probability of an image.
    """
    return lambda key, images: draw_some(key, images, augment, share)[0]


def draw_some(
    key: jax.Array, images: jax.Array, augment: Augment, share: float
) -> tuple[jax.Array, jax.Array]:
    """Augments a share of the images, and tells which.

    Args:
      key: of the draws.
      images: [B, H, W, C] floats in [0, 1].
      augment: keeps their shape.
      share: probability of an image.

    Returns:
      The views [B, H, W, C], and whether each is augmented, [B] bool.
    """
    choice_key, own_key = jax.random.split(key)
    is_chosen = jax.random.bernoulli(choice_key, share, (len(images),))
    return jnp.where(is_chosen[:, None, None, None], augment(own_key, images), images), is_chosen


def on_one_branch(crop: Augment, augment: Augment) -> Augment:
    """Makes the asymmetric views by which SimCLR compares transformations (section 3.1, figure 5).

    Both views of an image are the same random crop, resized. One of them is left at that, the other
    is augmented.

    Args:
      crop: images [B, H, W, C] -> [B, h, w, C].
      augment: keeps their shape.

    Returns:
      augment(key, images [2B, H, W, C]) -> views [2B, h, w, C]. Rows 2i and 2i + 1 are the same
      image, as `jaxdl.vision.contrastive.in_pairs` has them.
    """

    def make_views(key, images):
        crop_key, own_key = jax.random.split(key)
        images = images.reshape(-1, 2, *images.shape[1:])[:, 0]
        plain = crop(crop_key, images)
        views = jnp.stack([plain, augment(own_key, plain)], axis=1)  # [B, 2, h, w, C]
        return views.reshape(-1, *plain.shape[1:])

    return make_views
