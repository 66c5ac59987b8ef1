"""Gated attention of AlphaFold: over rows with a bias, over few templates, and global.

Jumper et al. 2021, supplement, the parts that algorithms 7, 8, 13, 14, 17 and 19 share. Scores and
softmax are float32 whatever the activations are.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.layers import (
    Affine,
    Linear,
    Scale,
    layer_norm,
    linear,
    map_chunks,
    side_by_side,
    wide_product,
)

UNSEEN = -1e9  # the score of a masked key; a query that sees no key looks at all of them alike


class Projections(NamedTuple):
    """The parameters of an attention with h heads of c channels.

    Attributes:
      query: [c_q, h, c].
      key: [c_k, h, c], or [c_k, c] that all heads share.
      value: as the key's.
      output: [h, c, c_out] and a bias.
      gate: [c_q, h, c] and a bias [h, c]; None where nothing is gated.
    """

    query: Affine
    key: Affine
    value: Affine
    output: Affine
    gate: Affine | None = None


class Attention(nn.Module):
    """Makes the parameters of an attention.

    Attributes:
      heads: h.
      size: c, channels of a head.
      gated: whether values are gated by what the query's place holds.
      shared_keys: heads share keys and values.
      dtype: of the computation.
    """

    heads: int
    size: int
    gated: bool = True
    shared_keys: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, c_query: int, c_key: int, c_out: int) -> Projections:
        """Returns the parameters for queries, keys and outputs of so many channels."""
        whole = (self.heads, self.size)
        keys = (self.size,) if self.shared_keys else whole

        def make(name, features, init, *, use_bias=True):
            return Linear(features, init, use_bias, self.dtype, name=name)

        return Projections(
            query=make("query", whole, "attention", use_bias=False)(c_query),
            key=make("key", keys, "attention", use_bias=False)(c_key),
            value=make("value", keys, "attention", use_bias=False)(c_key),
            output=make("output", (c_out,), "final")(*whole),
            gate=make("gate", whole, "gate")(c_query) if self.gated else None,
        )


def attend_rows(
    layer: Projections, x: jax.Array, mask: jax.Array, bias: jax.Array | None = None
) -> jax.Array:
    """Lets the places of each row look at one another, through one product for all projections.

    Args:
      layer: parameters, with a gate.
      x: [R, N, C], normalized.
      mask: [R, N], 0 for keys that are not seen.
      bias: [h, N, N] float32 that all rows share.

    Returns:
      [R, N, c_out].
    """
    rows, places, channels = x.shape
    joined = side_by_side(layer.query, layer.key, layer.value)
    projected = x.reshape(rows * places, channels) @ joined.kernel.astype(x.dtype)
    projected = projected.reshape(rows, places, 3, *layer.query.kernel.shape[1:])
    q, k, v = jnp.transpose(projected, (2, 0, 3, 1, 4))  # [R, h, N, c]
    y = jnp.swapaxes(weigh_values(q, k, v, mask, bias), 1, 2)  # [R, N, h, c]
    return write_heads(layer.output, y * jax.nn.sigmoid(linear(layer.gate, x)))


def weigh_values(
    q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array, bias: jax.Array | None
) -> jax.Array:
    """Computes softmax(q k^T / sqrt(c) + bias) v, and divides by the softmax's sum at the end.

    Args:
      q: [R, h, N, c].
      k: [R, h, N, c].
      v: [R, h, N, c].
      mask: [R, N], of keys.
      bias: [h, N, N]; None for none.

    Returns:
      [R, h, N, c].
    """
    q = q * jnp.asarray(q.shape[-1] ** -0.5, q.dtype)
    scores = wide_product("rhqc,rhkc->rhqk", q, k)
    scores = scores if bias is None else scores + bias
    scores = jnp.where(mask[:, None, None, :] > 0, scores, UNSEEN)
    top = jax.lax.stop_gradient(jnp.max(scores, -1, keepdims=True))
    weights = jnp.exp(scores - top)  # [R, h, N, N]
    y = wide_product("rhqk,rhkc->rhqc", weights.astype(v.dtype), v)
    return (y / jnp.sum(weights, -1, keepdims=True)).astype(v.dtype)


def attend_globally(layer: Projections, x: jax.Array, mask: jax.Array) -> jax.Array:
    """Lets one query, the mean over a row's places, look at the row (algorithm 19, lines 2 to 7).

    Args:
      layer: parameters, with a gate, and keys that all heads share.
      x: [R, S, C], normalized.
      mask: [R, S].

    Returns:
      [R, S, c_out], which differ by place through the gate alone.
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    seen = mask.astype(wide)
    count = jnp.sum(seen, 1)[:, None] + 1e-10
    mean = (jnp.einsum("rs,rsc->rc", seen, x.astype(wide)) / count).astype(x.dtype)
    q = linear(layer.query, mean) * jnp.asarray(layer.query.kernel.shape[-1] ** -0.5, x.dtype)
    scores = wide_product("rhc,rsc->rhs", q, linear(layer.key, x))
    weights = jax.nn.softmax(jnp.where(mask[:, None, :] > 0, scores, UNSEEN))
    y = jnp.einsum("rhs,rsc->rhc", weights.astype(x.dtype), linear(layer.value, x))
    return write_heads(layer.output, y[:, None] * jax.nn.sigmoid(linear(layer.gate, x)))


def write_heads(output: Affine, y: jax.Array) -> jax.Array:
    """Applies the output's map to heads in a row, [..., h, c] -> [..., c_out]."""
    kernel = output.kernel.reshape(-1, output.kernel.shape[-1])
    return linear(Affine(kernel, output.bias), y.reshape(*y.shape[:-2], -1))


def bias_of_pairs(
    norm: Scale, layer: Affine, z: jax.Array, *, chunk: int | None, dtype: Any
) -> jax.Array:
    """Projects normalized pairs to a bias of scores (algorithms 7, 13 and 14, line 3).

    Args:
      norm: of the pairs.
      layer: [c_z, h].
      z: [N, N, c_z].
      chunk: rows at a time; None for all.
      dtype: of the computation.

    Returns:
      [h, N, N], float32 or wider.
    """

    def project(z):
        normed = layer_norm(norm, z, dtype=dtype)
        return wide_product("ijc,ch->ijh", normed, layer.kernel.astype(dtype))

    return jnp.moveaxis(map_chunks(project, (z,), chunk=chunk), -1, 0)
