"""What an Evoformer block does with the MSA representation m [S, N, c_m] (algorithms 7-10, 19).

S sequences, N residues. Every module returns what is to be added. Masks are 1 for what is there.
Reference: Jumper et al. 2021, supplement, section 1.6.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.attention import (
    Attention,
    attend_globally,
    attend_rows,
    bias_of_pairs,
)
from jaxdl.science.alphafold.layers import (
    Affine,
    Linear,
    Norm,
    layer_norm,
    linear,
    map_chunks,
    side_by_side,
)

FEW = 1e-3  # added to how many sequences a pair of residues has


class MSARowAttentionWithPairBias(nn.Module):
    """Algorithm 7: the residues of each sequence look at one another.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      pair_bias: whether the pairs say where to look (line 3).
      chunk: sequences at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 8
    size: int = 32
    pair_bias: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, m: jax.Array, z: jax.Array, msa_mask: jax.Array) -> jax.Array:
        """Returns [S, N, c_m] of m [S, N, c_m], z [N, N, c_z] and the mask [S, N]."""
        c_m = m.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_m)
        attention = Attention(self.heads, self.size, dtype=self.dtype, name="attention")
        layer = attention(c_m, c_m, c_m)
        bias = self.bias(z) if self.pair_bias else None  # 2-3

        def attend(m, mask):
            return attend_rows(layer, layer_norm(norm, m, dtype=self.dtype), mask, bias)  # 1, 4-7

        return map_chunks(attend, (m, msa_mask), chunk=self.chunk)

    def bias(self, z):
        """Returns what the pairs [N, N, c_z] add to the scores [h, N, N]."""
        norm = Norm(self.dtype, name="pair_norm")(z.shape[-1])
        layer = Linear((self.heads,), use_bias=False, dtype=self.dtype, name="pair_bias")
        return bias_of_pairs(norm, layer(z.shape[-1]), z, chunk=self.chunk, dtype=self.dtype)


class MSAColumnAttention(nn.Module):
    """Algorithm 8: the sequences look at one another at each residue.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      chunk: residues at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 8
    size: int = 32
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, m: jax.Array, msa_mask: jax.Array) -> jax.Array:
        """Returns [S, N, c_m] of m [S, N, c_m] and the mask [S, N]."""
        c_m = m.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_m)
        attention = Attention(self.heads, self.size, dtype=self.dtype, name="attention")
        layer = attention(c_m, c_m, c_m)

        def attend(m, mask):
            columns = jnp.swapaxes(layer_norm(norm, m, dtype=self.dtype), 0, 1)  # 1
            return jnp.swapaxes(attend_rows(layer, columns, mask.T), 0, 1)  # 2-6

        return map_chunks(attend, (m, msa_mask), chunk=self.chunk, axis=1, out_axis=1)


class MSAColumnGlobalAttention(nn.Module):
    """Algorithm 19: at each residue one query, the mean over sequences, looks at all of them.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      chunk: residues at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 8
    size: int = 8
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, m: jax.Array, msa_mask: jax.Array) -> jax.Array:
        """Returns [S, N, c_m] of m [S, N, c_m] and the mask [S, N]."""
        c_m = m.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_m)
        attention = Attention(
            self.heads, self.size, shared_keys=True, dtype=self.dtype, name="attention"
        )
        layer = attention(c_m, c_m, c_m)

        def attend(m, mask):
            columns = jnp.swapaxes(layer_norm(norm, m, dtype=self.dtype), 0, 1)  # 1
            return jnp.swapaxes(attend_globally(layer, columns, mask.T), 0, 1)  # 2-7

        return map_chunks(attend, (m, msa_mask), chunk=self.chunk, axis=1, out_axis=1)


class MSATransition(nn.Module):
    """Algorithm 9: a perceptron with one hidden layer, at each place alone.

    Attributes:
      factor: n, width of the hidden layer over c_m.
      chunk: sequences at a time; None for all.
      dtype: of the computation.
    """

    factor: int = 4
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, m: jax.Array, msa_mask: jax.Array) -> jax.Array:
        """Returns [S, N, c_m] of m [S, N, c_m]; the mask [S, N] changes nothing here."""
        del msa_mask
        return transition(m, factor=self.factor, chunk=self.chunk, dtype=self.dtype)


class OuterProductMean(nn.Module):
    """Algorithm 10: what two columns of the MSA have to do with each other, for every pair.

    As in the published code the mean is over the sequences that have both residues, and the bias is
    divided by their number too.

    Attributes:
      c_z: channels of the result.
      size: c, channels of the two factors.
      chunk: residues i at a time; None for all. One alone needs no product to be turned around.
      dtype: of the computation.
    """

    c_z: int = 128
    size: int = 32
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, m: jax.Array, msa_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of m [S, N, c_m] and the mask [S, N]."""
        c_m = m.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_m)
        left = Linear((self.size,), dtype=self.dtype, name="left")(c_m)
        right = Linear((self.size,), dtype=self.dtype, name="right")(c_m)
        output = Linear((self.c_z,), "final", dtype=self.dtype, name="output")(self.size, self.size)
        kernel = jnp.swapaxes(output.kernel, 0, 1).reshape(-1, self.c_z)  # rows of (b's c, a's c)

        def project(m, mask):
            normed = layer_norm(norm, m, dtype=self.dtype)  # 1
            return linear(side_by_side(left, right), normed) * mask[..., None].astype(self.dtype)

        ab = map_chunks(project, (m, msa_mask), chunk=self.chunk)  # 2
        a, b = jnp.split(ab, 2, -1)  # [S, N, c]
        count = jnp.einsum("si,sj->ij", msa_mask, msa_mask) + FEW

        def pair(a, count):
            outer = jnp.einsum("sjd,sic->ijdc", b, a)  # 3
            flat = outer.reshape(*outer.shape[:2], -1)
            z = linear(Affine(kernel, output.bias), flat)  # 4
            return (z / count[..., None]).astype(self.dtype)

        if self.chunk is None:
            return pair(a, count)
        a = jnp.swapaxes(a, 0, 1)  # [N, S, c]
        return map_chunks(lambda a, n: pair(jnp.swapaxes(a, 0, 1), n), (a, count), chunk=self.chunk)


def transition(x: jax.Array, *, factor: int, chunk: int | None, dtype: Any) -> jax.Array:
    """Computes algorithms 9 and 15 within a module, [R, N, c] -> [R, N, c]."""
    c = x.shape[-1]
    norm = Norm(dtype, name="norm")(c)
    expand = Linear((factor * c,), "relu", dtype=dtype, name="expand")(c)
    contract = Linear((c,), "final", dtype=dtype, name="contract")(factor * c)

    def perceive(x):
        a = linear(expand, layer_norm(norm, x, dtype=dtype))  # 1-2
        return linear(contract, jax.nn.relu(a))  # 3

    return map_chunks(perceive, (x,), chunk=chunk)
