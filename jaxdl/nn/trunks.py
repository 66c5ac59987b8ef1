"""Image trunks by name."""

from typing import Any, Literal, get_args

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn.convnet import ConvNet
from jaxdl.nn.resnet import resnet18, resnet50

TrunkName = Literal["conv", "resnet18", "resnet50"]


def make_trunk(
    name: TrunkName,
    image_shape: tuple[int, int, int],
    *,
    width: float = 1.0,
    dtype: Any = jnp.float32,
    groups: int = 1,
) -> nn.Module:
    """Makes a trunk, (images [B, H, W, C], train) -> features [B, F].

    Args:
      name: "conv" is three small convolutions.
      image_shape: (H, W, C); small images are reduced less in the first layers.
      width: factor on the channels, which are 16, 32, 64 of "conv" and 64 .. 512 of the ResNets.
      dtype: of the computation; parameters are float32.
      groups: parts of a batch with batch statistics of their own (`jaxdl.nn.BatchNorm`).

    Raises:
      BadInput: a trunk of another name.
    """
    side = min(image_shape[:2])
    if name == "conv":
        strides = (1, 2, 2) if side < 16 else (2, 2, 2)
        return ConvNet(max(round(16 * width), 1), strides, dtype, groups)
    if name == "resnet18":
        return resnet18(width=width, small_images=side <= 64, dtype=dtype, groups=groups)
    if name == "resnet50":
        return resnet50(width=width, small_images=side <= 64, dtype=dtype, groups=groups)
    raise BadInput(f"net={name!r} should be one of {', '.join(get_args(TrunkName))}")
