"""The net that finds objects in a picture, and what its convolutions can be trained on before.

It has no batch normalization, whose statistics would adapt to a domain by themselves; every picture
is centered and scaled by its own mean and deviation instead.
"""

from collections.abc import Sequence
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3, pool_to
from jaxdl.sim2real.columns import Layers

Readout = Literal["flat", "points"]
UNIT = 0.24  # m; of the net's outputs, half the side of the area
HEIGHT = 0.07  # m above the table, the output that is 0


class Trunk(nn.Module):
    """3 x 3 convolutions with ReLU, [B, H, W, 3] in [0, 1] -> maps [B, h, w, C].

    Attributes:
      channels: of each convolution.
      strides: of each convolution.
    """

    channels: Sequence[int] = (16, 32, 64)
    strides: Sequence[int] = (2, 2, 2)

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Applies the convolutions to pictures that are centered and scaled one by one."""
        mean = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
        x = (images - mean) / (jnp.std(images, axis=(1, 2, 3), keepdims=True) + 1e-3)
        for layer, (channels, stride) in enumerate(zip(self.channels, self.strides, strict=True)):
            y = Conv3x3(channels, stride, name=f"conv_{layer}")(x)
            x = nn.relu(y + self.param(f"bias_{layer}", nn.initializers.zeros, (channels,)))
        return x


class Detector(nn.Module):
    """Finds where objects are, [B, H, W, 3] in [0, 1] -> [B, K, 3] m, a row for each kind.

    Attributes:
      trunk: images -> maps [B, h, w, C].
      kinds: K.
      hidden: widths of the dense layers.
      readout: what these read of the maps: "flat" is all of them, "points" is where each channel
        is large (`feature_points`), which takes far fewer pictures to learn.
    """

    trunk: nn.Module
    kinds: int = 1
    hidden: Sequence[int] = (128, 64)
    readout: Readout = "points"

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Applies the net."""
        maps = self.trunk(images)
        if self.readout == "points":
            sharpness = self.param("sharpness", nn.initializers.ones, maps.shape[-1:])
            maps = feature_points(maps * sharpness)
        x = maps.reshape(images.shape[0], -1)
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, kernel_init=nn.initializers.he_normal())(x))
        y = nn.Dense(3 * self.kinds)(x).reshape(-1, self.kinds, 3)
        return UNIT * y + jnp.array([0.0, 0.0, HEIGHT])


def feature_points(maps: jax.Array) -> jax.Array:
    """Computes where each channel is large: the spatial softmax of Levine et al. 2016.

    Args:
      maps: [B, H, W, C].

    Returns:
      [B, 2, C] expected rows and columns, from -1 to 1.
    """
    _, height, width, _ = maps.shape
    weights = jax.nn.softmax(maps, axis=(1, 2))
    rows = jnp.einsum("bhwc,h->bc", weights, jnp.linspace(-1, 1, height))
    columns = jnp.einsum("bhwc,w->bc", weights, jnp.linspace(-1, 1, width))
    return jnp.stack([rows, columns], axis=1)


class Recognizer(nn.Module):
    """Tells classes of images apart with the trunk of a detector, [B, h, w, C] -> Layers.

    `jaxdl.sim2real.source_only` trains it, for the sake of the trunk.

    Attributes:
      trunk: images [B, side, side, 3] -> maps.
      side: to which images are enlarged.
      classes: K.
    """

    trunk: nn.Module
    side: int
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array) -> Layers:
        """Applies the net to images that are enlarged to the size of the detector's."""
        shape = (images.shape[0], self.side, self.side, images.shape[-1])
        maps = self.trunk(jax.image.resize(images, shape, "linear"))
        features = pool_to(maps, 2).reshape(images.shape[0], -1)
        return Layers((), features, nn.Dense(self.classes)(features))
