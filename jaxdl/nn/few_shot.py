"""Nets that are small enough to be trained within a training step: those of Finn et al. 2017."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3


class Regressor(nn.Module):
    """A multi-layer perceptron with ReLU: [B, D] -> [B, 1].

    Attributes:
      widths: of the hidden layers.
    """

    widths: Sequence[int] = (40, 40)

    @nn.compact
    def __call__(self, x):
        """Applies the net."""
        for width in self.widths:
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(1)(x)


class CharacterNet(nn.Module):
    """Blocks of a 3 x 3 convolution, batch normalization and ReLU: [B, H, W, 1] -> [B, ways].

    Each block halves the sides, and the last maps are reduced to their means.

    The normalization is by the mean and variance of the images at hand, in training and in tests:
    there are no running statistics. So whoever is asked about one image alone answers otherwise
    than who is asked about a whole query set ("transductive"), as in the paper's experiments.

    Attributes:
      ways: N, classes of a task.
      filters: channels of every block.
      blocks: how many.
    """

    ways: int
    filters: int = 64
    blocks: int = 4

    @nn.compact
    def __call__(self, x):
        """Applies the net to images in [0, 1]."""
        for _ in range(self.blocks):
            x = Conv3x3(self.filters, stride=2)(x)
            x = nn.relu(BatchStatistics()(x))
        return nn.Dense(self.ways)(jnp.mean(x, axis=(1, 2)))


class BatchStatistics(nn.Module):
    """Normalizes the channels of [B, H, W, C] by this batch alone (Ioffe & Szegedy 2015, alg. 1).

    Attributes:
      epsilon: added to the variance.
    """

    epsilon: float = 1e-3

    @nn.compact
    def __call__(self, x):
        """Normalizes."""
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        centered = x - jnp.mean(x, axis=(0, 1, 2))
        variance = jnp.mean(centered**2, axis=(0, 1, 2))
        return centered * (jax.lax.rsqrt(variance + self.epsilon) * scale) + bias
