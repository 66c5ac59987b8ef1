"""The residual net of policy and value that AlphaGo Zero and AlphaZero search with."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convolution import convolve


class BoardNet(nn.Module):
    """A tower of residual blocks with two heads (Silver et al. 2017, Methods, Neural network).

    [B, H, W, C] -> logits [B, A], value [B] within [-1, 1]. Instead of batch normalization, whose
    statistics differ between search and training, each block begins as the identity: its branch is
    scaled by a number that is zero at first (De and Smith 2020, SkipInit).

    Attributes:
      actions: A.
      channels: of every block.
      blocks: how many, of two convolutions each.
      head_planes: of the 1 x 1 convolution of either head (2 and 1 in the paper).
      dtype: of the computation; parameters are float32.
    """

    actions: int
    channels: int = 32
    blocks: int = 2
    head_planes: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, obs):
        """Applies the net."""
        x = nn.relu(self._convolution()(obs.astype(self.dtype)))
        for block in range(self.blocks):
            y = nn.relu(self._convolution()(x))
            y = self._convolution()(y)
            scale = self.param(f"scale_{block}", nn.initializers.zeros, ())
            x = nn.relu(x + scale.astype(self.dtype) * y)
        logits = self._dense(self.actions)(self._head(x))
        value = nn.relu(self._dense(self.channels)(self._head(x)))
        value = jnp.tanh(self._dense(1)(value)[..., 0])
        return logits.astype(jnp.float32), value.astype(jnp.float32)

    def _head(self, x: jax.Array) -> jax.Array:
        """A 1 x 1 convolution, flattened: [B, H, W, C] -> [B, H * W * planes]."""
        planes = nn.relu(self._dense(self.head_planes)(x))
        return planes.reshape(planes.shape[0], -1)

    def _convolution(self) -> nn.Module:
        return Convolution(self.channels, self.dtype)

    def _dense(self, width: int) -> nn.Dense:
        return nn.Dense(width, dtype=self.dtype, kernel_init=nn.initializers.lecun_uniform())


class Convolution(nn.Module):
    """A 3 x 3 convolution with bias: [B, H, W, C] -> [B, H, W, features].

    Attributes:
      features: channels that come out.
      dtype: of the computation.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        """Convolves."""
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return convolve(x, kernel.astype(self.dtype)) + bias.astype(self.dtype)
