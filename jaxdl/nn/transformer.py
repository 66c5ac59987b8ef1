"""The transformer of all systems: blocks of attention and a perceptron.

Vaswani et al. 2017 (arXiv 1706.03762). A `Design` tells one paper's blocks from another's: the
vision transformer and GPT-2 normalize before each part (Xiong et al. 2020), BERT after it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.nn.attention import Backend, attend, attend_cached, visible, weights
from jaxdl.nn.mlp import flax_product
from jaxdl.ops import apart

Activation = Literal["gelu_tanh", "gelu_erf"]


class Design(NamedTuple):
    """What tells the blocks of one paper from those of another.

    Attributes:
      causal: no token sees those after it.
      norm_first: normalize before each part, and after the last block (pre-LN); or after each sum
        (post-LN, Vaswani et al. 2017, section 3.1).
      epsilon: of layer normalization; 1e-6 as in Dosovitskiy et al. 2021.
      activation: of the perceptron, GELU by its approximation with tanh or exactly (Hendrycks &
        Gimpel 2016).
      init: deviation of the initial kernels; None for Glorot & Bengio 2010.
      scale_residuals: kernels that write into the residual stream begin smaller by sqrt(2 depth)
        (Radford et al. 2019, section 2.3).
      backend: what computes attention. With a cache it is always "xla".
    """

    causal: bool = False
    norm_first: bool = True
    epsilon: float = 1e-6
    activation: Activation = "gelu_tanh"
    init: float | None = None
    scale_residuals: bool = False
    backend: Backend = "xla"


class Attention(nn.Module):
    """Multi-head self-attention, [B, T, D] -> [B, T, D] (Vaswani et al. 2017, section 3.2).

    Attributes:
      heads: which divide D among themselves.
      dtype: of the computation.
      design: of the blocks.
      depth: of the whole net, for the initial scale.
    """

    heads: int
    dtype: Any = jnp.float32
    design: Design = Design()
    depth: int = 1

    @nn.compact
    def __call__(self, x, mask=None, segments=None, keys=None, slot=None):
        """Attends to the tokens that may be seen.

        With a `slot` the tokens are written to the cache, a collection of that name, from there on,
        and all S tokens of the cache may be seen where the mask allows it.

        Args:
          x: [B, T, D].
          mask: bool, broadcast to [B, heads, T, T]; with a cache [B or 1, 1, T, S], which says how
            long the cache is.
          segments: [B, T] int, the document of each token, which alone is seen.
          keys: [B, T] bool, False for padding.
          slot: int scalar.

        Raises:
          BadInput: the heads do not divide D.
        """
        *_, tokens, width = x.shape
        if width % self.heads:
            raise BadInput(f"heads={self.heads} should divide the width, {width}")
        size = width // self.heads
        qkv = _dense(3 * width, self.dtype, self.design)(x)  # [B, T, 3 D]
        q, k, v = jnp.moveaxis(qkv.reshape(-1, tokens, 3, self.heads, size), 2, 0)
        if slot is not None:
            y = attend_cached(q, *self._remember(k, v, slot, mask.shape[-1]), mask)
            return _dense(width, self.dtype, self.design, self.depth)(y.reshape(x.shape))
        causal, backend = self.design.causal, self.design.backend
        if self.is_mutable_collection("intermediates") and not self.is_initializing():
            pairs = visible(segments=segments, keys=keys, mask=mask)
            self.sow("intermediates", "attention", weights(q, k, causal=causal, mask=pairs))
        y = attend(
            q, k, v, causal=causal, segments=segments, keys=keys, mask=mask, backend=backend
        )  # [B, T, heads, size]
        return _dense(width, self.dtype, self.design, self.depth)(y.reshape(x.shape))

    def _remember(self, k, v, slot, length):
        """Writes keys and values to the cache, and returns those of all its slots.

        They are kept apart, so that XLA writes in place: else a CPU copies the whole cache at every
        token, since it computes what is written again for each of its readers.
        """
        batch, _, heads, size = k.shape
        shapes = {"keys": (batch, heads, size, length), "values": (batch, heads, length, size)}
        rows = {"keys": jnp.moveaxis(k, 1, 3), "values": jnp.moveaxis(v, 1, 2)}
        cached = []
        for (name, shape), axis in zip(shapes.items(), (3, 2), strict=True):
            store = self.variable("cache", name, jnp.zeros, shape, rows[name].dtype)
            written = jax.lax.dynamic_update_slice_in_dim(store.value, rows[name], slot, axis=axis)
            store.value = apart(written)
            cached.append(store.value)
        return cached


class Block(nn.Module):
    """Attention and a perceptron, each added to what it was given: [B, T, D].

    Attributes:
      heads: of attention.
      mlp_ratio: width of the perceptron's hidden layer over D.
      dropout: probability of losing a number after either part.
      drop_path: probability that a sample skips either part (Huang et al. 2016, stochastic depth).
      dtype: of the computation; parameters and layer normalization are float32, or float64 with it.
      design: how the parts are put together.
      depth: of the whole net, for the initial scale.
    """

    heads: int
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    drop_path: float = 0.0
    dtype: Any = jnp.float32
    design: Design = Design()
    depth: int = 1

    @nn.compact
    def __call__(self, x, train: bool, mask=None, segments=None, keys=None, slot=None):
        """Applies the block; in training with `dropout` rngs, where anything is dropped."""

        def drop(y):
            y = nn.Dropout(self.dropout, deterministic=not train)(y)
            return nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=not train)(y)

        def mlp(y):
            width = x.shape[-1]
            y = _dense(round(self.mlp_ratio * width), self.dtype, self.design)(y)
            y = nn.gelu(y, approximate=self.design.activation == "gelu_tanh")
            return _dense(width, self.dtype, self.design, self.depth)(y)

        attention = Attention(self.heads, self.dtype, self.design, self.depth)
        look = partial(attention, mask=mask, segments=segments, keys=keys, slot=slot)
        norm = partial(layer_norm, self.design.epsilon, self.dtype)
        if self.design.norm_first:
            x = x + drop(look(norm()(x).astype(self.dtype)))
            return x + drop(mlp(norm()(x).astype(self.dtype)))
        x = norm()(x + drop(look(x.astype(self.dtype))))
        return norm()(x + drop(mlp(x.astype(self.dtype))))


class Transformer(nn.Module):
    """Blocks one after the other, [B, T, D] -> [B, T, D] float32 (float64 with that dtype).

    Attributes:
      depth: number of blocks.
      heads: of attention in each.
      mlp_ratio: as in `Block`.
      dropout: as in `Block`.
      drop_path: of the last block; it rises from 0 in the first one.
      dtype: of the computation; the sum that blocks add to is float32.
      design: of the blocks. With `norm_first` there is a last normalization.
      scan_layers: the blocks are one program that is run `depth` times, with their parameters
        stacked: `stack_blocks` and `unstack_blocks` lead from one form to the other.
      remat: activations within a block are computed again in the backward pass, and not kept.
    """

    depth: int
    heads: int
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    drop_path: float = 0.0
    dtype: Any = jnp.float32
    design: Design = Design()
    scan_layers: bool = False
    remat: bool = False

    @nn.compact
    def __call__(self, x, train: bool, mask=None, segments=None, keys=None, slot=None):
        """Applies all blocks; the arguments are as in `Attention`.

        Raises:
          BadInput: blocks that share one program, yet are to be dropped with other probabilities.
        """

        def body(block, x, _):
            return block(x, train, mask, segments, keys, slot), None

        make = partial(
            Block, self.heads, self.mlp_ratio, self.dropout, dtype=self.dtype, design=self.design
        )
        body = nn.remat(body, prevent_cse=not self.scan_layers) if self.remat else body
        if self.scan_layers:
            if self.drop_path:
                raise BadInput(
                    "scan_layers=True takes no drop_path, which rises from block to block"
                )
            x, _ = _scan(body, self.depth)(make(depth=self.depth, name="Blocks"), x, None)
        else:
            for i in range(self.depth):
                drop_path = self.drop_path * i / max(self.depth - 1, 1)
                x, _ = body(make(drop_path=drop_path, depth=self.depth), x, None)
        if not self.design.norm_first:
            return x
        return layer_norm(self.design.epsilon, self.dtype)(x)


def wide(dtype: Any) -> Any:
    """Returns the dtype of parameters, sums and logits: float32, or float64 for float64."""
    return jnp.promote_types(dtype, jnp.float32)


def layer_norm(epsilon: float, dtype: Any) -> nn.LayerNorm:
    """Makes a layer normalization that computes in float32, or in float64 for float64."""
    return nn.LayerNorm(epsilon, dtype=wide(dtype), param_dtype=wide(dtype))


def stack_blocks(params: dict[str, Any]) -> dict[str, Any]:
    """Puts the parameters of a transformer's blocks into the form that `scan_layers` takes."""
    depth = sum(name.startswith("Block_") for name in params)
    blocks = [params[f"Block_{i}"] for i in range(depth)]
    others = {name: value for name, value in params.items() if not name.startswith("Block_")}
    return {"Blocks": jax.tree.map(lambda *x: jnp.stack(x), *blocks), **others}


def unstack_blocks(params: dict[str, Any]) -> dict[str, Any]:
    """Undoes `stack_blocks`."""
    stacked = params["Blocks"]
    others = {name: value for name, value in params.items() if name != "Blocks"}
    depth = len(jax.tree.leaves(stacked)[0])
    blocks = {f"Block_{i}": jax.tree.map(lambda x, i=i: x[i], stacked) for i in range(depth)}
    return {**blocks, **others}


def _scan(body: Callable, depth: int) -> Callable:
    return nn.scan(
        body,
        variable_axes={"params": 0, "cache": 0, "intermediates": 0},
        split_rngs={"params": True, "dropout": True},
        length=depth,
    )


def _dense(features: int, dtype: Any, design: Design, depth: int | None = None) -> nn.Dense:
    """Makes a dense layer; with a depth it is one that writes into the residual stream."""
    if design.init is None:
        init = nn.initializers.xavier_uniform()
    else:
        shrink = (2 * depth) ** -0.5 if depth and design.scale_residuals else 1.0
        init = nn.initializers.normal(shrink * design.init)
    return nn.Dense(
        features, dtype=dtype, param_dtype=wide(dtype), kernel_init=init, dot_general=flax_product
    )
