"""The augmentation of SimCLR, made of crops, colors and blur.

Everything works on whole batches [B, H, W, C] of bytes, or of floats in [0, 1], with parameters
drawn image by image. What is drawn and what is done with it are two functions, so that each can be
checked and reused alone.
"""

from collections.abc import Callable

import jax

from jaxdl.data.blur import blur_kernel, random_blur
from jaxdl.data.colors import as_floats, distort_colors
from jaxdl.data.crops import random_resized_crop

Augment = Callable[[jax.Array, jax.Array], jax.Array]


def simclr_augmentation(
    size: int,
    *,
    crop_scale: tuple[float, float] = (0.08, 1.0),
    flip: bool = True,
    color_strength: float = 1.0,
    grayscale: float = 0.2,
    blur: float = 0.5,
) -> Augment:
    """Makes SimCLR's augmentation (Chen et al. 2020, appendix A) of crop, flip, color, gray, blur.

    Args:
      size: side of the views in pixels.
      crop_scale: area of the crop as a share of the image.
      flip: mirror half of the views; not for digits or letters.
      color_strength: s of appendix A; 0 leaves the colors alone. The paper has 1 for ImageNet and
        1/2 for CIFAR-10 (appendix B.9).
      grayscale: probability of dropping the colors.
      blur: probability of a Gaussian blur, with a kernel of a tenth of the side.

    Returns:
      augment(key, images [B, H, W, C]) -> views [B, size, size, C] in [0, 1].
    """

    def augment(key, images):
        crop_key, color_key, gray_key, blur_key = jax.random.split(key, 4)
        images = as_floats(images)
        views = random_resized_crop(crop_key, images, size=size, scale=crop_scale, flip=flip)
        views = distort_colors(
            color_key, gray_key, views, strength=color_strength, grayscale=grayscale
        )
        if blur > 0:
            views = random_blur(blur_key, views, kernel=blur_kernel(size), probability=blur)
        return views

    return augment
