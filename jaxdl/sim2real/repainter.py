"""The nets of a learned refiner: one repaints simulated pictures, one tells them from real ones.

They have no batch normalization, whose statistics would tie the pictures of a batch together.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3

SLOPE = 0.2  # of the discriminator's units below 0


class Repainter(nn.Module):
    """Repaints pictures: [B, H, W, C] in [0, 1] and noise [B, Z] -> pictures of the same shape.

    Bousmalis et al. 2016 (arXiv 1612.05424, appendix): the noise becomes one more channel, and
    residual blocks keep the resolution. Here the noise shifts all channels too. The last layer
    begins with zeros, so that all pictures are gray at first: begun at random, most painters keep
    for ever what they begin with, bright on dark or dark on bright (`docs/log.md`).

    Attributes:
      width: channels.
      blocks: of two convolutions.
    """

    width: int = 16
    blocks: int = 1

    @nn.compact
    def __call__(self, images: jax.Array, noise: jax.Array) -> jax.Array:
        """Applies the net."""
        rows, columns, channels = images.shape[1:]
        plane = nn.Dense(rows * columns, name="plane")(noise).reshape(-1, rows, columns, 1)
        x = Conv3x3(self.width, name="first")(jnp.concatenate([images, plane], axis=-1))
        x = nn.relu(x + nn.Dense(self.width, name="shift")(noise)[:, None, None])
        for block in range(self.blocks):
            bias = self.param(f"bias_{block}", nn.initializers.zeros, (self.width,))
            y = nn.relu(Conv3x3(self.width, name=f"block_{block}_0")(x) + bias)
            x = x + Conv3x3(self.width, name=f"block_{block}_1")(y)
        return nn.sigmoid(
            nn.Dense(channels, kernel_init=nn.initializers.zeros, name="last")(nn.relu(x))
        )


class Critic(nn.Module):
    """Tells real pictures from made ones, part by part: [B, H, W, C] -> logits [B, h, w].

    Attributes:
      width: channels of the first convolution; each further one has twice as many.
      strides: of the convolutions.
    """

    width: int = 32
    strides: Sequence[int] = (2, 2, 2)

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Applies the net."""
        x = images
        for layer, stride in enumerate(self.strides):
            channels = self.width * 2**layer
            bias = self.param(f"bias_{layer}", nn.initializers.zeros, (channels,))
            x = nn.leaky_relu(Conv3x3(channels, stride, name=f"conv_{layer}")(x) + bias, SLOPE)
        return nn.Dense(1, name="head")(x)[..., 0]
