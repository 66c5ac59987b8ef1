"""The residual net of policy and value that AlphaGo Zero and AlphaZero search with."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3


class Convolution(nn.Module):
    """A 3 x 3 convolution with bias: [B, H, W, C] -> [B, H, W, features].

    Attributes:
      features: channels that come out.
      is_direct: as in BoardNet.
      dtype: of the computation.
    """

    features: int
    is_direct: bool
    dtype: Any

    @nn.compact
    def __call__(self, x):
        """Convolves."""
        if self.is_direct:
            init = nn.initializers.he_normal()
            return nn.Conv(self.features, (3, 3), dtype=self.dtype, kernel_init=init)(x)
        x = Conv3x3(self.features, dtype=self.dtype)(x)
        return x + self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)


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
      is_direct: use XLA's convolution, which accelerators are made for, rather than products of
        matrices, which CPUs compute faster.
      dtype: of the computation; parameters are float32.
    """

    actions: int
    channels: int = 32
    blocks: int = 2
    head_planes: int = 4
    is_direct: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, obs):
        """Applies the net."""
        x = obs.astype(self.dtype)
        convolution = partial(Convolution, self.channels, self.is_direct, self.dtype)
        x = nn.relu(convolution()(x))
        for block in range(self.blocks):
            y = convolution()(nn.relu(convolution()(x)))
            scale = self.param(f"scale_{block}", nn.initializers.zeros, ())
            x = nn.relu(x + scale.astype(self.dtype) * y)
        policy = self._head(x)
        logits = nn.Dense(self.actions, dtype=self.dtype)(policy)
        value = nn.relu(nn.Dense(self.channels, dtype=self.dtype)(self._head(x)))
        value = jnp.tanh(nn.Dense(1, dtype=self.dtype)(value)[..., 0])
        return logits.astype(jnp.float32), value.astype(jnp.float32)

    def _head(self, x: jax.Array) -> jax.Array:
        """A 1 x 1 convolution, flattened: [B, H, W, C] -> [B, H * W * planes]."""
        planes = nn.relu(nn.Dense(self.head_planes, dtype=self.dtype)(x))
        return planes.reshape(planes.shape[0], -1)
