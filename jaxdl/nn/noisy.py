"""Classifiers with noise inside: dropout (Srivastava et al. 2014) and stochastic depth.

Stochastic depth (Huang et al. 2016, arXiv 1603.09382) leaves out whole residual branches, image by
image. In training both draw from the random stream "dropout"; in evaluation there is no noise.
Layer and group normalization keep images of one batch apart, so that labeled and other images may
share it.
"""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.convolution import flax_convolution


class NoisyMLP(nn.Module):
    """A residual MLP: [B, H, W, C] -> logits [B, K].

    Attributes:
      classes: K.
      width: of the residual stream and of the hidden layers.
      blocks: residual branches.
      dropout: probability of dropping a feature before the last layer.
      drop_path: probability of leaving out the last branch; earlier ones have less.
    """

    classes: int
    width: int = 128
    blocks: int = 2
    dropout: float = 0.0
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, images, train: bool):
        """Applies the net; in training, with its noise."""
        x = nn.Dense(self.width)(images.reshape(len(images), -1))  # [B, F]
        for rate in branch_rates(self.drop_path, self.blocks):
            y = nn.relu(nn.Dense(self.width)(nn.LayerNorm()(x)))
            x = x + drop_branch(self, nn.Dense(self.width)(y), rate, train)
        x = nn.Dropout(self.dropout, deterministic=not train)(nn.relu(nn.LayerNorm()(x)))
        return nn.Dense(self.classes)(x)


class WideResNet(nn.Module):
    """A wide residual network (Zagoruyko & Komodakis 2016, arXiv 1605.07146, table 1).

    [B, H, W, C] -> logits [B, K]. It normalizes groups of channels where the paper normalizes
    batches.

    Attributes:
      classes: K.
      width: factor on the channels 16, 32, 64 of the three groups, k of the paper.
      blocks: of two convolutions in each group; the paper's depth is 6 blocks + 4.
      dropout: probability of dropping a feature before the last layer.
      drop_path: probability of leaving out the last branch; earlier ones have less.
    """

    classes: int
    width: int = 2
    blocks: int = 4
    dropout: float = 0.0
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, images, train: bool):
        """Applies the net; in training, with its noise."""
        he_normal = nn.initializers.he_normal()
        conv = partial(
            nn.Conv, use_bias=False, kernel_init=he_normal, conv_general_dilated=flax_convolution
        )
        rates = iter(branch_rates(self.drop_path, 3 * self.blocks))
        x = conv(16, (3, 3))(images)
        for group in range(3):
            channels = 16 * self.width * 2**group
            for block in range(self.blocks):
                strides = (2, 2) if group and not block else (1, 1)
                y = nn.relu(nn.GroupNorm(8)(x))
                same = x.shape[-1] == channels
                x = x if same else conv(channels, (1, 1), strides)(y)
                y = conv(channels, (3, 3), strides)(y)
                y = conv(channels, (3, 3))(nn.relu(nn.GroupNorm(8)(y)))
                x = x + drop_branch(self, y, next(rates), train)
        x = jnp.mean(nn.relu(nn.GroupNorm(8)(x)), axis=(1, 2))  # [B, F]
        return nn.Dense(self.classes)(nn.Dropout(self.dropout, deterministic=not train)(x))


def branch_rates(last: float, branches: int) -> Sequence[float]:
    """Returns the probability of leaving out each branch, rising linearly (Huang 2016, eq. 4)."""
    return [last * (branch + 1) / branches for branch in range(branches)]


def drop_branch(module: nn.Module, branch: jax.Array, rate: float, train: bool) -> jax.Array:
    """Leaves out a residual branch [B, ...] of some images; the others' grow by 1 / (1 - rate).

    Huang et al. 2016 scale it down in evaluation instead, eq. 5.
    """
    if not train or rate == 0.0:
        return branch
    shape = (len(branch), *(1,) * (branch.ndim - 1))
    stays = jax.random.bernoulli(module.make_rng("dropout"), 1.0 - rate, shape)
    return jnp.where(stays, branch / (1.0 - rate), 0.0)
