"""Residual networks 18 and 50 (He et al. 2016, arXiv 1512.03385, table 1), as SimCLR uses them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.nn.convolution import flax_convolution
from jaxdl.nn.normalization import BatchNorm


class ResNet(nn.Module):
    """[B, H, W, C] -> mean-pooled features [B, F], F = 512 * width (ResNet-18) or 2048 * width.

    Parameters and batch statistics are float32 whatever the dtype of the computation. The
    statistics are those of the whole batch, on however many devices it lies, or of its groups.

    Attributes:
      blocks: number of residual blocks in each of the four stages.
      bottleneck: blocks of 1x1, 3x3, 1x1 convolutions instead of two 3x3.
      width: factor on all channels.
      small_images: the CIFAR stem of SimCLR's appendix B.9: 3x3 with stride 1, no max-pooling.
      dtype: of the computation.
      groups: parts of a batch with batch statistics of their own (`jaxdl.nn.BatchNorm`).
    """

    blocks: Sequence[int]
    bottleneck: bool
    width: float = 1.0
    small_images: bool = False
    dtype: Any = jnp.float32
    groups: int = 1

    @nn.compact
    def __call__(self, x, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        conv = partial(
            nn.Conv,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=_he,
            conv_general_dilated=flax_convolution,
        )
        norm = partial(BatchNorm, not train, self.groups, dtype=self.dtype)
        channels = round(64 * self.width)
        x = x.astype(self.dtype)
        if self.small_images:
            x = nn.relu(norm()(conv(channels, (3, 3))(x)))
        else:
            x = nn.relu(norm()(conv(channels, (7, 7), (2, 2), padding=[(3, 3), (3, 3)])(x)))
            x = nn.max_pool(x, (3, 3), (2, 2), padding=[(1, 1), (1, 1)])
        for stage, count in enumerate(self.blocks):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                unit = Bottleneck if self.bottleneck else BasicBlock
                x = unit(channels * 2**stage, stride, conv, norm)(x)
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: [B, H, W, C] -> [B, H/s, W/s, channels]."""

    channels: int
    stride: int
    conv: Any
    norm: Any

    @nn.compact
    def __call__(self, x):
        """Applies the block."""
        y = self.conv(self.channels, (3, 3), _strides(self.stride), padding=_ONE)(x)
        y = nn.relu(self.norm()(y))
        y = self.norm(scale_init=nn.initializers.zeros)(
            self.conv(self.channels, (3, 3), padding=_ONE)(y)
        )
        return nn.relu(y + _shortcut(self, x, y.shape[-1]))


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 and a shortcut: [B, H, W, C] -> [B, H/s, W/s, 4 channels]."""

    channels: int
    stride: int
    conv: Any
    norm: Any

    @nn.compact
    def __call__(self, x):
        """Applies the block."""
        y = nn.relu(self.norm()(self.conv(self.channels, (1, 1))(x)))
        y = self.conv(self.channels, (3, 3), _strides(self.stride), padding=_ONE)(y)
        y = nn.relu(self.norm()(y))
        # The last scale starts at 0, so that each block starts as the identity (Goyal et al. 2017).
        y = self.norm(scale_init=nn.initializers.zeros)(self.conv(4 * self.channels, (1, 1))(y))
        return nn.relu(y + _shortcut(self, x, y.shape[-1]))


def resnet18(**options: Any) -> ResNet:
    """ResNet-18, 11 M parameters; `options` are the fields of ResNet."""
    return ResNet(blocks=(2, 2, 2, 2), bottleneck=False, **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50, 24 M parameters without a classifier; `options` are the fields of ResNet."""
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=True, **options)


_he = nn.initializers.he_normal()
_ONE = ((1, 1), (1, 1))


def _strides(stride: int) -> tuple[int, int]:
    return stride, stride


def _shortcut(block, x, channels):
    """The identity, or a 1x1 convolution where the shape changes."""
    if block.stride == 1 and x.shape[-1] == channels:
        return x
    return block.norm()(block.conv(channels, (1, 1), _strides(block.stride))(x))
