"""Nets of pretext tasks: a trunk, which is kept, under a head that is thrown away."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.nn.mlp import fast_product
from jaxdl.ops import apart

CORNERS = (0, 0), (0, 1), (1, 0), (1, 1)


class Classified(nn.Module):
    """A trunk under a linear classifier: [B, H, W, C] -> logits [B, K].

    Its parameters are {"trunk", "head"}: the trunk's have the place that they have in
    `jaxdl.nn.Projected`, so that one can be put where the other was.

    Attributes:
      trunk: module with `(images, train) -> [B, F]`.
      classes: K.
    """

    trunk: nn.Module
    classes: int

    @nn.compact
    def __call__(self, images, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        return nn.Dense(self.classes, name="head")(self.trunk(images, train))

    def encode(self, images, train: bool):
        """Applies the trunk alone, [B, H, W, C] -> [B, F]."""
        return self.trunk(images, train)


class Puzzled(nn.Module):
    """The context-free network of Noroozi & Favaro 2016, figure 3.

    One trunk sees each tile alone; what they are to each other is left to the head.
    [B, T, h, w, C] -> logits [B, K].

    Attributes:
      trunk: module with `(tiles, train) -> [B T, F]`.
      classes: K, how many permutations there are.
      code: features of a tile that the head sees (fc6 has 512).
      hidden: width of the head's hidden layer (fc7 has 4096).
    """

    trunk: nn.Module
    classes: int
    code: int = 64
    hidden: int = 256

    @nn.compact
    def __call__(self, tiles, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        x = self.trunk(tiles.reshape(-1, *tiles.shape[2:]), train)
        x = nn.relu(nn.Dense(self.code, name="fc6")(x))
        x = x.reshape(tiles.shape[0], -1)  # [B, T code]
        x = nn.Dense(self.hidden, use_bias=False, name="fc7")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        return nn.Dense(self.classes, name="fc8")(x)

    def encode(self, images, train: bool):
        """Applies the trunk alone to whole images, [B, H, W, C] -> [B, F]."""
        return self.trunk(images, train)


class Inpainted(nn.Module):
    """An encoder and a decoder: [B, H, W, C] -> images of the same shape.

    Attributes:
      trunk: module with `(images, train) -> [B, F]`.
      width: channels before the decoder's last layer.
      dtype: of the decoder's computation.
    """

    trunk: nn.Module
    width: int = 16
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        decoder = Decoder(images.shape[1:], self.width, self.dtype, name="decoder")
        return decoder(self.trunk(images, train), train)

    def encode(self, images, train: bool):
        """Applies the trunk alone, [B, H, W, C] -> [B, F]."""
        return self.trunk(images, train)


class UpConv4x4(nn.Module):
    """An up-convolution with stride 2 and no bias: [B, H, W, C] -> [B, 2 H, 2 W, features].

    The transpose of a 4 x 4 convolution: each pixel of the larger map sees the four pixels of the
    smaller one that are nearest to it. It is written as four products, one for each place within a
    pixel, for the reasons that `jaxdl.nn.convnet.Conv3x3` gives.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        """Applies the layer."""
        rows, columns, channels = x.shape[1:]
        shape = 2, 2, 4 * channels, self.features
        init = nn.initializers.he_normal(batch_axis=(0, 1))
        kernel = self.param("kernel", init, shape).astype(self.dtype)
        x = apart(jnp.pad(x.astype(self.dtype), ((0, 0), (1, 1), (1, 1), (0, 0))))

        def place(a, b):
            near = [x[:, a + i : a + i + rows, b + j : b + j + columns] for i, j in CORNERS]
            return fast_product(jnp.concatenate(near, axis=-1), kernel[a, b])

        whole = jnp.stack([place(a, b) for a, b in CORNERS], axis=3)  # [B, H, W, 4, features]
        whole = whole.reshape(-1, rows, columns, 2, 2, self.features)
        return jnp.swapaxes(whole, 2, 3).reshape(-1, 2 * rows, 2 * columns, self.features)


class Decoder(nn.Module):
    """Up-convolutions until a map is an image: [B, F] -> [B, H, W, C] (Pathak et al. 2016).

    Attributes:
      image_shape: (H, W, C).
      width: channels of the last hidden layer; each earlier layer has twice as many, up to 512.
      dtype: of the computation; parameters are float32, and so is the image.
    """

    image_shape: tuple[int, int, int]
    width: int = 16
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features, train: bool):
        """Applies the net; in training, with the batch's own mean and variance."""
        height, width, channels = self.image_shape
        doublings = max((max(height, width) - 1).bit_length() - 2, 1)  # from maps of at most 4 x 4
        rows, columns = (-(-side // 2**doublings) for side in (height, width))

        def activate(x):
            norm = nn.BatchNorm(use_running_average=not train, momentum=0.9, dtype=self.dtype)
            return nn.relu(norm(x))

        first = min(self.width * 2**doublings, 512)
        x = nn.Dense(rows * columns * first, use_bias=False, dtype=self.dtype)(features)
        x = activate(x.reshape(-1, rows, columns, first))
        for layer in reversed(range(doublings)):
            x = activate(UpConv4x4(min(self.width * 2**layer, 512), self.dtype)(x))
        x = x[:, :height, :width].astype(jnp.float32)
        return nn.Dense(channels)(x)
