"""The transformer of all systems: pre-normalized blocks of attention and a perceptron.

Vaswani et al. 2017 (arXiv 1706.03762), with the normalization before each part (Xiong et al. 2020).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput

EPSILON = 1e-6  # of layer normalization, as in Dosovitskiy et al. 2021


class Attention(nn.Module):
    """Multi-head self-attention, [B, T, D] -> [B, T, D] (Vaswani et al. 2017, section 3.2).

    Attributes:
      heads: which divide D among themselves.
      dtype: of the computation.
    """

    heads: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, mask=None):
        """Attends to the tokens where the mask, broadcast to [B, heads, T, T], is True.

        Raises:
          BadInput: the heads do not divide D.
        """
        *_, tokens, width = x.shape
        if width % self.heads:
            raise BadInput(f"heads={self.heads} should divide the width, {width}")
        size = width // self.heads
        qkv = _dense(3 * width, self.dtype)(x)  # [B, T, 3 D]
        q, k, v = jnp.moveaxis(qkv.reshape(-1, tokens, 3, self.heads, size), 2, 0)
        y = jax.nn.dot_product_attention(q, k, v, mask=mask)  # [B, T, heads, size]
        return _dense(width, self.dtype)(y.reshape(x.shape))


class Block(nn.Module):
    """Attention and a perceptron, each added to what it was given normalized: [B, T, D].

    Attributes:
      heads: of attention.
      mlp_ratio: width of the perceptron's hidden layer over D.
      dropout: probability of losing a number after either part.
      drop_path: probability that a sample skips either part (Huang et al. 2016, stochastic depth).
      dtype: of the computation; parameters and layer normalization are float32.
    """

    heads: int
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    drop_path: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, train: bool, mask=None):
        """Applies the block; in training with `dropout` rngs, where anything is dropped."""

        def drop(y):
            y = nn.Dropout(self.dropout, deterministic=not train)(y)
            return nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=not train)(y)

        y = nn.LayerNorm(EPSILON)(x).astype(self.dtype)
        x = x + drop(Attention(self.heads, self.dtype)(y, mask))
        y = nn.LayerNorm(EPSILON)(x).astype(self.dtype)
        y = nn.gelu(_dense(round(self.mlp_ratio * x.shape[-1]), self.dtype)(y))
        return x + drop(_dense(x.shape[-1], self.dtype)(y))


class Transformer(nn.Module):
    """Blocks one after the other and a last normalization, [B, T, D] -> [B, T, D] float32.

    Attributes:
      depth: number of blocks.
      heads: of attention in each.
      mlp_ratio: as in `Block`.
      dropout: as in `Block`.
      drop_path: of the last block; it rises from 0 in the first one.
      dtype: of the computation; the sum that blocks add to is float32.
    """

    depth: int
    heads: int
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    drop_path: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, train: bool, mask=None):
        """Applies all blocks; `mask` is as in `Attention`, and None lets all tokens see all."""
        for i in range(self.depth):
            drop_path = self.drop_path * i / max(self.depth - 1, 1)
            block = Block(self.heads, self.mlp_ratio, self.dropout, drop_path, self.dtype)
            x = block(x, train, mask)
        return nn.LayerNorm(EPSILON)(x)


def _dense(features: int, dtype: Any) -> nn.Dense:
    return nn.Dense(features, dtype=dtype, kernel_init=nn.initializers.xavier_uniform())
