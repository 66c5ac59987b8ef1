"""What an Evoformer block does with the pair representation z [N, N, c_z] (algorithms 11-15).

Every module returns what is to be added. Masks are 1 for what is there.
Reference: Jumper et al. 2021, supplement, section 1.6.5 to 1.6.7.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.attention import Attention, attend_rows, bias_of_pairs
from jaxdl.science.alphafold.layers import (
    Affine,
    Linear,
    Norm,
    Scale,
    layer_norm,
    linear,
    map_chunks,
    side_by_side,
)
from jaxdl.science.alphafold.msa import transition

WIDER = 4  # rows that blocks take at a time in products of triangles, over those in attention


class Triangle(NamedTuple):
    """The parameters of a triangle multiplication.

    Attributes:
      norm: of z.
      left: [c_z, 2 c], the first factor and its gate side by side.
      right: [c_z, 2 c], the second.
      center_norm: of the sum over k, c channels.
      output: [c, c_z].
      gate: [c_z, c_z], of the output.
    """

    norm: Scale
    left: Affine
    right: Affine
    center_norm: Scale
    output: Affine
    gate: Affine


class TriangleMultiplicationOutgoing(nn.Module):
    """Algorithm 11: edge ij is told what edges ik and jk are.

    Attributes:
      size: c, channels of the factors.
      chunk: rows i at a time; None for all.
      dtype: of the computation.
    """

    size: int = 128
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, pair_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of z [N, N, c_z] and the mask [N, N]."""
        layer = make_triangle(z.shape[-1], self.size, self.dtype)
        b = map_chunks(
            lambda z, mask: edges(layer.norm, layer.right, z, mask, self.dtype),
            (z, pair_mask), chunk=self.chunk, out_axis=1,
        )  # 1, 2: [c, j, k]  # fmt: skip

        def multiply(z, mask):
            a = edges(layer.norm, layer.left, z, mask, self.dtype)  # 1, 2: [c, i, k]
            return close(layer, jnp.einsum("cik,cjk->cij", a, b), z)  # 3, 4

        return map_chunks(multiply, (z, pair_mask), chunk=self.chunk)


class TriangleMultiplicationIncoming(nn.Module):
    """Algorithm 12: edge ij is told what edges ki and kj are.

    In the published parameters the supplement's b is the left factor, and a the right one.

    Attributes:
      size: c, channels of the factors.
      chunk: columns i at a time; None for all.
      dtype: of the computation.
    """

    size: int = 128
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, pair_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of z [N, N, c_z] and the mask [N, N]."""
        layer = make_triangle(z.shape[-1], self.size, self.dtype)
        b = map_chunks(
            lambda z, mask: edges(layer.norm, layer.left, z, mask, self.dtype),
            (z, pair_mask), chunk=self.chunk, out_axis=1,
        )  # 1, 2: [c, k, j]  # fmt: skip

        def multiply(columns, mask, rows):
            a = edges(layer.norm, layer.right, columns, mask, self.dtype)  # 1, 2: [c, k, i]
            return close(layer, jnp.einsum("cki,ckj->cij", a, b), rows)  # 3, 4

        return map_chunks(multiply, (z, pair_mask, z), chunk=self.chunk, axis=(1, 1, 0))


class TriangleAttentionStartingNode(nn.Module):
    """Algorithm 13: edge ij looks at the edges ik that start where it does.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      chunk: rows i at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 4
    size: int = 32
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, pair_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of z [N, N, c_z] and the mask [N, N]."""
        c_z = z.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_z)
        to_bias = Linear((self.heads,), use_bias=False, dtype=self.dtype, name="pair_bias")(c_z)
        attention = Attention(self.heads, self.size, dtype=self.dtype, name="attention")
        layer = attention(c_z, c_z, c_z)
        bias = bias_of_pairs(norm, to_bias, z, chunk=self.chunk, dtype=self.dtype)  # 3: [h, j, k]

        def attend(z, mask):
            return attend_rows(layer, layer_norm(norm, z, dtype=self.dtype), mask, bias)  # 1-2, 4-7

        return map_chunks(attend, (z, pair_mask), chunk=self.chunk)


class TriangleAttentionEndingNode(nn.Module):
    """Algorithm 14: edge ij looks at the edges kj that end where it does.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      chunk: columns j at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 4
    size: int = 32
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, pair_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of z [N, N, c_z] and the mask [N, N]."""
        c_z = z.shape[-1]
        norm = Norm(self.dtype, name="norm")(c_z)
        to_bias = Linear((self.heads,), use_bias=False, dtype=self.dtype, name="pair_bias")(c_z)
        attention = Attention(self.heads, self.size, dtype=self.dtype, name="attention")
        layer = attention(c_z, c_z, c_z)
        bias = bias_of_pairs(norm, to_bias, z, chunk=self.chunk, dtype=self.dtype)  # 3: [h, k, i]
        bias = jnp.swapaxes(bias, 1, 2)

        def attend(z, mask):
            columns = jnp.swapaxes(layer_norm(norm, z, dtype=self.dtype), 0, 1)  # 1: [j, i, c_z]
            return jnp.swapaxes(attend_rows(layer, columns, mask.T, bias), 0, 1)  # 2, 4-7

        return map_chunks(attend, (z, pair_mask), chunk=self.chunk, axis=1, out_axis=1)


class PairTransition(nn.Module):
    """Algorithm 15: a perceptron with one hidden layer, at each pair alone.

    Attributes:
      factor: n, width of the hidden layer over c_z.
      chunk: rows at a time; None for all.
      dtype: of the computation.
    """

    factor: int = 4
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, pair_mask: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of z [N, N, c_z]; the mask [N, N] changes nothing here."""
        del pair_mask
        return transition(z, factor=self.factor, chunk=self.chunk, dtype=self.dtype)


def make_triangle_updates(
    triangle: int, heads: int, size: int, *, chunk: int | None, dtype: Any
) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module]:
    """Makes algorithms 11 to 14 within a block, under the names of the supplement.

    Args:
      triangle: channels of a multiplication's factors.
      heads: of attention.
      size: channels of a head.
      chunk: rows or columns that attention takes at a time.
      dtype: of the computation.
    """
    rest = {"chunk": chunk, "dtype": dtype}
    return (
        TriangleMultiplicationOutgoing(
            triangle, wider(chunk), dtype, name="triangle_multiplication_outgoing"
        ),
        TriangleMultiplicationIncoming(
            triangle, wider(chunk), dtype, name="triangle_multiplication_incoming"
        ),
        TriangleAttentionStartingNode(heads, size, name="triangle_attention_starting_node", **rest),
        TriangleAttentionEndingNode(heads, size, name="triangle_attention_ending_node", **rest),
    )


def wider(chunk: int | None) -> int | None:
    """Returns the chunk of triangle multiplications in a block whose attention has this one.

    A product of a few rows with all others is slow, and attention holds [h, N, N] for each row.
    """
    return None if chunk is None else WIDER * chunk


def make_triangle(c_z: int, c: int, dtype: Any) -> Triangle:
    """Makes the parameters of algorithms 11 and 12 within a module."""

    def make(name, features, init, channels):
        return Linear((features,), init, dtype=dtype, name=name)(channels)

    return Triangle(
        norm=Norm(dtype, name="norm")(c_z),
        left=side_by_side(make("left", c, "linear", c_z), make("left_gate", c, "gate", c_z)),
        right=side_by_side(make("right", c, "linear", c_z), make("right_gate", c, "gate", c_z)),
        center_norm=Norm(dtype, name="center_norm")(c),
        output=make("output", c_z, "final", c),
        gate=make("gate", c_z, "gate", c_z),
    )


def edges(norm: Scale, layer: Affine, z: jax.Array, mask: jax.Array, dtype: Any) -> jax.Array:
    """Computes one factor of a triangle, channels first, so that the sum over k is one product.

    Args:
      norm: of z.
      layer: [c_z, 2 c], of values and their gate.
      z: [R, K, c_z].
      mask: [R, K].
      dtype: of the computation.

    Returns:
      [c, R, K].
    """
    normed = layer_norm(norm, z, dtype=dtype)
    kernel, bias = layer.kernel.astype(dtype), layer.bias.astype(dtype)
    both = jnp.einsum("cd,rkc->drk", kernel, normed) + bias[:, None, None]
    values, gate = jnp.split(both, 2)
    return mask.astype(dtype) * values * jax.nn.sigmoid(gate)


def close(layer: Triangle, products: jax.Array, z: jax.Array) -> jax.Array:
    """Takes the sums over k to an update of edges (algorithms 11 and 12, lines 3 and 4).

    Args:
      layer: parameters.
      products: [c, R, N], channels first.
      z: [R, N, c_z], the edges.

    Returns:
      [R, N, c_z].
    """
    dtype = products.dtype
    centered = layer_norm(layer.center_norm, products, axis=0)
    update = jnp.einsum("crn,cd->rnd", centered, layer.output.kernel.astype(dtype))
    gate = jax.nn.sigmoid(linear(layer.gate, layer_norm(layer.norm, z, dtype=dtype)))
    return gate * (update + layer.output.bias.astype(dtype))
