"""The nets of a learned refiner: one repaints simulated pictures, one tells them from real ones.

They have no batch normalization, whose statistics would tie the pictures of a batch together.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3

MARGIN = 0.1  # by which pictures are squeezed away from black and white, where sigmoids are flat
SLOPE = 0.2  # of the discriminator's units below 0


class Painter(nn.Module):
    """Repaints pictures: [B, H, W, C] in [0, 1] and noise [B, Z] -> pictures of the same shape.

    Bousmalis et al. 2017 (arXiv 1612.05424, appendix): the noise becomes one more channel, and
    residual blocks keep the resolution. The pictures themselves are added before the last sigmoid,
    and the last layer begins with zeros: at first a picture comes out as it went in, but for some
    contrast.

    Attributes:
      width: channels.
      blocks: of two convolutions.
    """

    width: int = 16
    blocks: int = 2

    @nn.compact
    def __call__(self, images: jax.Array, noise: jax.Array) -> jax.Array:
        """Applies the net."""
        rows, columns, channels = images.shape[1:]
        plane = nn.Dense(rows * columns, name="noise")(noise).reshape(-1, rows, columns, 1)
        x = jnp.concatenate([images, plane], axis=-1)
        x = nn.relu(Conv3x3(self.width, name="first")(x) + self.bias("first", self.width))
        for block in range(self.blocks):
            y = Conv3x3(self.width, name=f"block_{block}_0")(x)
            y = nn.relu(y + self.bias(f"block_{block}", self.width))
            x = x + Conv3x3(self.width, name=f"block_{block}_1")(y)
        change = nn.Dense(channels, kernel_init=nn.initializers.zeros, name="last")(nn.relu(x))
        squeezed = MARGIN + (1.0 - 2.0 * MARGIN) * images
        return nn.sigmoid(jnp.log(squeezed / (1.0 - squeezed)) + change)

    def bias(self, name: str, size: int) -> jax.Array:
        """Makes a bias [size]."""
        return self.param(f"bias_{name}", nn.initializers.zeros, (size,))


class Critic(nn.Module):
    """Tells real pictures from made ones, part by part: [B, H, W, C] -> logits [B, h, w].

    Attributes:
      width: channels of the first convolution; each further one has twice as many.
      strides: of the convolutions.
    """

    width: int = 16
    strides: Sequence[int] = (2, 2)

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Applies the net."""
        x = images
        for layer, stride in enumerate(self.strides):
            channels = self.width * 2**layer
            bias = self.param(f"bias_{layer}", nn.initializers.zeros, (channels,))
            x = nn.leaky_relu(Conv3x3(channels, stride, name=f"conv_{layer}")(x) + bias, SLOPE)
        return nn.Dense(1, name="head")(x)[..., 0]
