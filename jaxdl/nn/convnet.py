"""A small convolutional network, and the projection head of contrastive learning."""

from collections.abc import Sequence
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.nn.mlp import flax_product
from jaxdl.nn.normalization import BatchNorm
from jaxdl.ops import apart

HeadName = Literal["none", "linear", "mlp"]


class Conv3x3(nn.Module):
    """A 3 x 3 convolution without bias: [B, H, W, C] -> [B, H / stride, W / stride, features].

    It is written as a product of shifted copies with one matrix. For small images that is faster on
    CPUs than the built-in convolution, and under `vmap` over seeds, where that becomes a grouped
    convolution, by orders of magnitude. The padded image is kept apart, or every copy would pad it
    again, and its product has a gradient by hand, or XLA would transpose it together with all that
    it is made of: the two took three fifths of a step of SimCLR on a CPU. With a stride of 2, pairs
    of neighboring pixels are copied at once, six copies in the place of nine.
    """

    features: int
    stride: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        """Convolves."""
        stride, channels = self.stride, x.shape[-1]
        height, width = (-(-side // stride) for side in x.shape[1:3])
        groups = width + 2 // stride  # in a row, of as many neighboring pixels as the stride
        right = max(groups * stride - 1 - x.shape[2], 0)
        x = jnp.pad(x, ((0, 0), (1, 1), (1, right), (0, 0)))[:, :, : groups * stride]
        x = apart(x.reshape(*x.shape[:2], groups, stride * channels))

        def shifted(row, group):
            numbers = min(stride, 3 - group * stride) * channels
            rows = x[:, row : row + (height - 1) * stride + 1 : stride]
            return rows[:, :, group : group + width, :numbers]

        columns = range(-(-3 // stride))
        patches = jnp.concatenate([shifted(i, j) for i in range(3) for j in columns], axis=-1)
        return nn.Dense(
            self.features,
            use_bias=False,
            kernel_init=nn.initializers.he_normal(),
            dtype=self.dtype,
            dot_general=flax_product,
        )(patches)


class ConvNet(nn.Module):
    """3 x 3 convolutions with batch normalization and ReLU; features are 2 x 2 pooled maps.

    [B, H, W, C] -> [B, 4 * last width], for images of any size.

    Attributes:
      width: channels of the first layer; each further layer has twice as many.
      strides: one a layer.
      dtype: of the computation; parameters are float32.
      groups: parts of a batch with batch statistics of their own (`jaxdl.nn.BatchNorm`).
    """

    width: int = 32
    strides: Sequence[int] = (2, 2, 2)
    dtype: Any = jnp.float32
    groups: int = 1

    @nn.compact
    def __call__(self, x, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        x = x.astype(self.dtype)
        for layer, stride in enumerate(self.strides):
            width = self.width * 2**layer
            x = Conv3x3(width, stride, self.dtype)(x)
            x = nn.relu(BatchNorm(not train, self.groups, dtype=self.dtype)(x))
        return _pool(x, 2, 2).reshape(x.shape[0], -1).astype(jnp.float32)


def pool_to(x: jax.Array, side: int | tuple[int, int]) -> jax.Array:
    """Reduces maps to means over equal parts, [B, H, W, C] -> [B, side, side, C].

    An axis that is not longer than the side stays. Where the side does not divide an axis,
    neighboring parts share a pixel, as in PyTorch's AdaptiveAvgPool2d.
    """
    rows, columns = (side, side) if isinstance(side, int) else side
    return _pool(x, min(rows, x.shape[1]), min(columns, x.shape[2]))


def _pool(x: jax.Array, rows: int, columns: int) -> jax.Array:
    """Pools to [B, rows, columns, C] whatever H and W are; pixels are repeated where they are few.

    So a net has the same number of features for images of any shape.
    """
    _, height, width, _ = x.shape
    if height % rows == 0 and width % columns == 0:
        window = height // rows, width // columns
        return nn.avg_pool(x, window, strides=window)
    vertical = jnp.asarray(_pool_weights(height, rows), x.dtype)
    horizontal = jnp.asarray(_pool_weights(width, columns), x.dtype)
    x = jnp.einsum("ah,bhwc->bawc", vertical, x, precision="highest")
    return jnp.einsum("nw,bawc->banc", horizontal, x, precision="highest")


def _pool_weights(pixels: int, parts: int) -> np.ndarray:
    """Makes the matrix [parts, pixels] of the means."""
    weights = np.zeros((parts, pixels))
    for part in range(parts):
        start = part * pixels // parts
        stop = -(-(part + 1) * pixels // parts)
        weights[part, start:stop] = 1 / (stop - start)
    return weights


class Projected(nn.Module):
    """A trunk with the projection head of contrastive learning (Chen et al. 2020, sec. 4.2).

    [B, H, W, C] -> features h [B, F], projections z [B, D]; h is what is kept after training.

    Attributes:
      trunk: module with `(images, train) -> [B, F]`.
      hidden: width of the one hidden layer of "mlp".
      features: D; without a head it is F.
      head: "mlp", "linear", or "none", where z is h.
      norm: the hidden layer is normalized over the batch, as SimCLR's is and MoCo's is not.
    """

    trunk: nn.Module
    hidden: int = 128
    features: int = 64
    head: HeadName = "mlp"
    norm: bool = True

    @nn.compact
    def __call__(self, x, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        h = self.trunk(x, train)
        if self.head == "none":
            return h, h
        z = h
        if self.head == "mlp":
            z = nn.Dense(self.hidden, use_bias=not self.norm)(z)
            z = nn.relu(BatchNorm(not train)(z) if self.norm else z)
        return h, nn.Dense(self.features, use_bias=False)(z)
