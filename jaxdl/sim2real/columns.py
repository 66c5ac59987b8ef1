"""The net that crosses between domains: a column, which can read what older columns compute.

It has no batch normalization. Its statistics would adapt to a domain by themselves, and hide what
the losses do; nor have the nets of the papers any.
"""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3, pool_to


class Layers(NamedTuple):
    """What the layers of a column put out.

    Attributes:
      hidden: of the convolutions: maps [B, h, w, c], and of the last one pooled maps [B, F'].
      features: [B, F], the layer that is to look the same in both domains.
      logits: [B, K].
    """

    hidden: tuple[jax.Array, ...]
    features: jax.Array
    logits: jax.Array


class Column(nn.Module):
    """3 x 3 convolutions, one dense layer of features, and a linear classifier.

    Images [B, H, W, C] -> Layers. With older columns it is a column of a progressive net (Rusu et
    al. 2016, arXiv 1606.04671, eq. 2): each layer but the first has beside its own input what the
    older columns' layer below puts out, through an adapter of its own.

    Attributes:
      classes: K.
      width: channels of the first convolution; each further one has twice as many.
      strides: of the convolutions.
      size: F, how many features there are.
    """

    classes: int
    width: int = 16
    strides: Sequence[int] = (2, 2, 2)
    size: int = 64

    @nn.compact
    def __call__(self, images: jax.Array, older: Sequence[Layers] = ()) -> Layers:
        """Applies the column, beside older ones that have seen the same images."""
        x, hidden = images, []
        for layer, stride in enumerate(self.strides):
            channels = self.width * 2**layer
            y = Conv3x3(channels, stride, name=f"conv_{layer}")(x)
            if older and layer:
                lateral = self.adapt(older, layer, x.shape[-1])
                y += Conv3x3(channels, stride, name=f"lateral_{layer}")(lateral)
            x = nn.relu(y + self.param(f"bias_{layer}", nn.initializers.zeros, (channels,)))
            last = layer == len(self.strides) - 1
            hidden.append(pool_to(x, 2).reshape(len(x), -1) if last else x)
        layers = len(hidden)
        features = nn.relu(self.dense(hidden[-1], self.size, "features", older, layers))
        logits = self.dense(features, self.classes, "head", older, layers + 1)
        return Layers(tuple(hidden), features, logits)

    def dense(self, x, size: int, name: str, older: Sequence[Layers], layer: int) -> jax.Array:
        """Applies a dense layer to its own input and, through an adapter, to the older ones'."""
        y = nn.Dense(size, kernel_init=nn.initializers.he_normal(), name=name)(x)
        if older:
            lateral = self.adapt(older, layer, x.shape[-1])
            y += nn.Dense(size, use_bias=False, name=f"lateral_{name}")(lateral)
        return y

    def adapt(self, older: Sequence[Layers], layer: int, size: int) -> jax.Array:
        """Makes as many channels of what older columns' layers read as the column's own input has.

        They are scaled by a learned number, mixed pixel by pixel, and rectified: alpha, V and sigma
        of eq. 2.
        """
        read = [(*column.hidden, column.features)[layer - 1] for column in older]
        below = jnp.concatenate(read, axis=-1)
        scale = self.param(f"alpha_{layer}", nn.initializers.ones, ())
        return nn.relu(nn.Dense(size, name=f"adapter_{layer}")(scale * below))
