"""Nets of pretext tasks: a trunk, which is kept, under a head that is thrown away."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.nn.convnet import Conv3x3


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


class Decoder(nn.Module):
    """Layers that double the sides of a map until it is an image: [B, F] -> [B, H, W, C].

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
            x = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
            x = activate(Conv3x3(min(self.width * 2**layer, 512), dtype=self.dtype)(x))
        x = x[:, :height, :width].astype(jnp.float32)
        return nn.Dense(channels)(x)
