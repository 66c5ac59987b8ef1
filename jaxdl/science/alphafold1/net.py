"""AlphaFold 1's net: a dilated residual net over pairs of residues (Senior et al. 2020, Methods).

    220 blocks: 7 groups of 4 with 256 channels, then 48 groups of 4 with 128
    a group's blocks look 1, 2, 4 and 8 pairs far
    a block: norm, ELU, 1 x 1 to half the channels; norm, ELU, 3 x 3 dilated; norm, ELU, 1 x 1 back

Where the paper normalizes by batches, here each pair's channels are normalized by themselves (Ba et
al. 2016), so that crops and whole maps are seen alike.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.nn.convolution import flax_convolution
from jaxdl.nn.mlp import flax_product
from jaxdl.science.alphafold1.distogram import BINS
from jaxdl.science.alphafold1.examples import ANGLE_BINS

DILATIONS = (1, 2, 4, 8)
PAPER = ((7, 256), (48, 128))  # groups and their channels
FARTHEST = 32  # residues apart; beyond, places are told alike


class DistanceNet(nn.Module):
    """rows [C, F], columns [C, F], places [2, C], masks [2, C] -> logits of distances and torsions.

    Attributes:
      groups: pairs of how many groups of four blocks, and their channels.
      dropout: probability of losing a number after a block's first layer; the paper's is 0.15.
      dtype: of the computation; parameters are float32.
    """

    groups: Sequence[tuple[int, int]] = PAPER
    dropout: float = 0.15
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, rows, columns, places, masks, train: bool = False):
        """Returns logits [C, C, 64] of distances, and [2, C, 1296] of both sides' torsions."""
        width = self.groups[0][1]
        pairs = masks[0][:, None] * masks[1]  # [C, C]
        apart = jnp.clip(places[1] - places[0][:, None], -FARTHEST, FARTHEST) + FARTHEST
        x = _dense(width, self.dtype, name="rows")(rows)[:, None]  # [C, 1, width]
        x = x + _dense(width, self.dtype, name="columns")(columns)  # [C, C, width]
        x = x + nn.Embed(2 * FARTHEST + 1, width, dtype=self.dtype, name="apart")(apart)
        for place, (count, channels) in enumerate(self.groups):
            if channels != width:
                width, x = channels, _dense(channels, self.dtype, name=f"to_{channels}")(x)
            stack = nn.scan(
                Group,
                variable_axes={"params": 0},
                split_rngs={"params": True, "dropout": True},
                in_axes=(nn.broadcast, nn.broadcast),
                length=count,
            )
            x, _ = stack(self.dropout, self.dtype, name=f"groups_{place}")(x, pairs, train)
        x = nn.elu(nn.LayerNorm(dtype=self.dtype)(x))
        distances = _dense(BINS, jnp.float32, name="distances")(x)
        torsions = nn.Dense(ANGLE_BINS**2, name="torsions")
        return distances, torsions(pool(x, pairs))


class Group(nn.Module):
    """Four blocks that look 1, 2, 4 and 8 pairs far."""

    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, x, pairs, train: bool):
        """Takes x [C, C, channels] and the mask of pairs [C, C]; returns x and nothing else."""
        for dilation in DILATIONS:
            x = Block(dilation, self.dropout, self.dtype)(x, pairs, train)
        return x, ()


class Block(nn.Module):
    """A residual block with a bottleneck of half its channels.

    Attributes:
      dilation: pairs from one square of the kernel to the next.
      dropout: after the first layer.
      dtype: of the computation.
    """

    dilation: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, x, pairs, train: bool):
        """Takes x [C, C, channels] and the mask of pairs [C, C]."""
        channels = x.shape[-1]
        kept = pairs[..., None].astype(self.dtype)
        y = nn.elu(nn.LayerNorm(dtype=self.dtype)(x))
        y = _dense(channels // 2, self.dtype)(y)
        y = nn.Dropout(self.dropout)(y, deterministic=not train)
        y = nn.elu(nn.LayerNorm(dtype=self.dtype)(y)) * kept  # nothing beyond the chain is seen
        y = nn.Conv(
            channels // 2,
            (3, 3),
            kernel_dilation=self.dilation,
            dtype=self.dtype,
            conv_general_dilated=flax_convolution,
        )(y[None])[0]
        y = nn.elu(nn.LayerNorm(dtype=self.dtype)(y))
        return x + _dense(channels, self.dtype, kernel_init=nn.initializers.zeros)(y)


def pool(x, pairs):
    """Returns means of pairs [C, C, D] over columns, and over rows: [2, C, D]."""
    kept = x.astype(jnp.float32) * pairs[..., None]
    by_row = kept.sum(1) / jnp.maximum(pairs.sum(1), 1)[:, None]
    by_column = kept.sum(0) / jnp.maximum(pairs.sum(0), 1)[:, None]
    return jnp.stack([by_row, by_column])


def _dense(width: int, dtype: Any, **settings: Any) -> nn.Dense:
    return nn.Dense(width, dtype=dtype, dot_general=flax_product, **settings)
