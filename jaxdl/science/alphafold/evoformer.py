"""The Evoformer and the stack for extra sequences: blocks that are one program, run many times.

Jumper et al. 2021, supplement, algorithms 6 and 18. S sequences, N residues.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.layers import Linear, linear, run_blocks
from jaxdl.science.alphafold.msa import (
    MSAColumnAttention,
    MSAColumnGlobalAttention,
    MSARowAttentionWithPairBias,
    MSATransition,
    OuterProductMean,
)
from jaxdl.science.alphafold.pair import (
    PairTransition,
    make_triangle_updates,
)

MSA_DROPOUT = 0.15  # algorithm 6, line 2
PAIR_DROPOUT = 0.25  # algorithm 6, lines 6 to 9


class Representations(NamedTuple):
    """What blocks hand on.

    Attributes:
      m: [S, N, c_m], of the MSA.
      z: [N, N, c_z], of pairs.
    """

    m: jax.Array
    z: jax.Array


class BlockSizes(NamedTuple):
    """The sizes of a block; the defaults are those of algorithm 6.

    Attributes:
      msa_heads: of row and column attention.
      msa_size: channels of such a head, in row attention.
      column_size: channels of such a head, in column attention.
      outer: channels of the outer product's factors.
      triangle: channels of a triangle multiplication's factors.
      pair_heads: of triangle attention.
      pair_size: channels of such a head.
      factor: width of the transitions' hidden layers.
    """

    msa_heads: int = 8
    msa_size: int = 32
    column_size: int = 32
    outer: int = 32
    triangle: int = 128
    pair_heads: int = 4
    pair_size: int = 32
    factor: int = 4


EXTRA = BlockSizes(msa_size=8, column_size=8)  # algorithm 18: c_e = 64, global heads have 8


class EvoformerBlock(nn.Module):
    """Algorithm 6, lines 2 to 10; or algorithm 18, lines 2 to 10, with `global_columns`.

    Attributes:
      sizes: of its parts.
      global_columns: column attention is global.
      pair_bias: row attention sees the pairs (Jumper et al. 2021, figure 4, ablates it).
      triangles: the pairs are updated by triangles, lines 6 to 9 (ablated there too).
      chunk: rows or columns that parts take at a time, four times as many in triangle
        multiplications; None for all.
      dtype: of the computation; m and z stay what they are.
    """

    sizes: BlockSizes = BlockSizes()
    global_columns: bool = False
    pair_bias: bool = True
    triangles: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        state: Representations,
        msa_mask: jax.Array,
        pair_mask: jax.Array,
        deterministic: bool = True,
    ) -> Representations:
        """Updates m and z, with masks [S, N] and [N, N]; else with `dropout` rngs."""
        m, z = state
        c_z, sizes, rest = z.shape[-1], self.sizes, {"chunk": self.chunk, "dtype": self.dtype}

        def add(x, update, rate=0.0, shared=0):
            drop = nn.Dropout(rate, broadcast_dims=(shared,), deterministic=deterministic)
            return x + drop(update).astype(x.dtype)

        rows = MSARowAttentionWithPairBias(
            sizes.msa_heads, sizes.msa_size, self.pair_bias,
            name="msa_row_attention_with_pair_bias", **rest,
        )  # fmt: skip
        m = add(m, rows(m, z, msa_mask), MSA_DROPOUT)  # 2
        m = add(m, self.columns(m, msa_mask, rest))  # 3
        m = add(m, MSATransition(sizes.factor, name="msa_transition", **rest)(m, msa_mask))  # 4
        outer = OuterProductMean(c_z, sizes.outer, name="outer_product_mean", **rest)
        z = add(z, outer(m, msa_mask))  # 5
        if self.triangles:
            z = self.close_triangles(z, pair_mask, add, rest)  # 6-9
        z = add(z, PairTransition(sizes.factor, name="pair_transition", **rest)(z, pair_mask))  # 10
        return Representations(m, z)

    def columns(self, m, msa_mask, rest):
        """Computes line 3."""
        kind, name = (
            (MSAColumnGlobalAttention, "msa_column_global_attention")
            if self.global_columns
            else (MSAColumnAttention, "msa_column_attention")
        )
        return kind(self.sizes.msa_heads, self.sizes.column_size, name=name, **rest)(m, msa_mask)

    def close_triangles(self, z, mask, add, rest):
        """Computes lines 6 to 9."""
        c, heads, size = self.sizes.triangle, self.sizes.pair_heads, self.sizes.pair_size
        outgoing, incoming, starting, ending = make_triangle_updates(c, heads, size, **rest)
        z = add(z, outgoing(z, mask), PAIR_DROPOUT)  # 6
        z = add(z, incoming(z, mask), PAIR_DROPOUT)  # 7
        z = add(z, starting(z, mask), PAIR_DROPOUT)  # 8
        return add(z, ending(z, mask), PAIR_DROPOUT, shared=1)  # 9


class EvoformerStack(nn.Module):
    """Algorithm 6: blocks that exchange what the MSA and the pairs know, and a single row.

    Attributes:
      blocks: N_block; their parameters are stacked along a first axis.
      c_s: channels of the single representation.
      sizes: of a block.
      pair_bias: as in `EvoformerBlock`.
      triangles: as in `EvoformerBlock`.
      remat: what a block computes is computed again in the backward pass, and not kept.
      chunk: rows or columns that every part takes at a time; None for all.
      dtype: of the computation; m and z stay what they are.
    """

    blocks: int = 48
    c_s: int = 384
    sizes: BlockSizes = BlockSizes()
    pair_bias: bool = True
    triangles: bool = True
    remat: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        m: jax.Array,
        z: jax.Array,
        msa_mask: jax.Array,
        pair_mask: jax.Array,
        deterministic: bool = True,
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns m [S, N, c_m], z [N, N, c_z] and s [N, c_s]; masks are [S, N] and [N, N]."""
        block = EvoformerBlock(
            self.sizes, False, self.pair_bias, self.triangles, self.chunk, self.dtype, name="blocks"
        )
        state = Representations(m, z)
        m, z = run_blocks(
            block, self.blocks, self.remat, state, msa_mask, pair_mask, deterministic
        )  # 1-11
        single = Linear((self.c_s,), dtype=self.dtype, name="single")(m.shape[-1])
        return m, z, linear(single, m[0].astype(self.dtype)).astype(m.dtype)  # 12


class ExtraMSAStack(nn.Module):
    """Algorithm 18: the same blocks for many sequences, with cheaper columns; only z goes on.

    Attributes:
      blocks: N_block; their parameters are stacked along a first axis.
      sizes: of a block.
      pair_bias: as in `EvoformerBlock`.
      triangles: as in `EvoformerBlock`.
      remat: what a block computes is computed again in the backward pass, and not kept.
      chunk: rows or columns that every part takes at a time; None for all.
      dtype: of the computation; z stays what it is.
    """

    blocks: int = 4
    sizes: BlockSizes = EXTRA
    pair_bias: bool = True
    triangles: bool = True
    remat: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        e: jax.Array,
        z: jax.Array,
        msa_mask: jax.Array,
        pair_mask: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        """Returns z [N, N, c_z], given extra sequences e [S, N, c_e] and masks as above."""
        block = EvoformerBlock(
            self.sizes, True, self.pair_bias, self.triangles, self.chunk, self.dtype, name="blocks"
        )
        state = Representations(e, z)
        return run_blocks(
            block, self.blocks, self.remat, state, msa_mask, pair_mask, deterministic
        ).z  # 1-11
