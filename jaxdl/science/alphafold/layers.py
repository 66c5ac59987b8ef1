"""Parameters of the layers as arrays, the layers as functions of them, and loops over chunks.

A flax module makes the parameters once; what is computed with them is a function, so that a loop
over parts of an array can run it many times and keep nothing of a part but its result.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

EPSILON = 1e-5  # of layer normalization
Init = Literal["linear", "relu", "attention", "final", "gate"]


class Affine(NamedTuple):
    """The parameters of an affine map.

    Attributes:
      kernel: [*inputs, *outputs].
      bias: [*outputs]; None where there is none.
    """

    kernel: jax.Array
    bias: jax.Array | None = None


class Scale(NamedTuple):
    """The parameters of a layer normalization.

    Attributes:
      scale: [C].
      bias: [C].
    """

    scale: jax.Array
    bias: jax.Array


class Linear(nn.Module):
    """Makes the parameters of an affine map, by the shape of what it is applied to.

    Attributes:
      features: shape of the outputs.
      init: of the kernel (Jumper et al. 2021, supplement, section 1.11.4): "linear" LeCun's,
        "relu" He's, "attention" Glorot's uniform, "final" zero, "gate" zero with a bias of 1.
      use_bias: whether there is one.
      dtype: of the computation, which the parameters are not narrower than float32 for.
    """

    features: tuple[int, ...]
    init: Init = "linear"
    use_bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, *inputs: int) -> Affine:
        """Returns the parameters for inputs of this shape."""
        initializer = kernel_init(self.init, len(inputs), len(self.features))
        wide = jnp.promote_types(self.dtype, jnp.float32)
        kernel = self.param("kernel", initializer, (*inputs, *self.features), wide)
        if not self.use_bias:
            return Affine(kernel)
        first = nn.initializers.constant(1.0 if self.init == "gate" else 0.0)
        return Affine(kernel, self.param("bias", first, self.features, wide))


class Norm(nn.Module):
    """Makes the parameters of a layer normalization.

    Attributes:
      dtype: of the computation, which the parameters are not narrower than float32 for.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, channels: int) -> Scale:
        """Returns the parameters for so many channels."""
        wide = jnp.promote_types(self.dtype, jnp.float32)
        scale = self.param("scale", nn.initializers.ones, (channels,), wide)
        return Scale(scale, self.param("bias", nn.initializers.zeros, (channels,), wide))


def flax_norm(name: str, dtype: Any = jnp.float32) -> nn.LayerNorm:
    """Makes flax's layer normalization as the published parameters expect it."""
    return nn.LayerNorm(EPSILON, dtype=dtype, use_fast_variance=False, name=name)


def run_blocks(block: nn.Module, count: int, remat: bool, state: Any, *rest: Any) -> Any:
    """Runs a block so many times within a module, each time with parameters of its own.

    Args:
      block: (state, *rest) -> state.
      count: of the blocks, whose parameters are stacked along a first axis.
      remat: what a block computes is computed again in the backward pass, and not kept.
      state: that blocks hand on.
      *rest: further arguments, the same for all blocks.
    """

    def body(block, state, _):
        return block(state, *rest), None

    body = nn.remat(body, prevent_cse=False) if remat else body
    scan = nn.scan(
        body, variable_axes={"params": 0}, split_rngs={"params": True, "dropout": True},
        length=count,
    )  # fmt: skip
    return scan(block, state, None)[0]


def kernel_init(init: Init, inputs: int, outputs: int) -> Callable:
    """Returns the initializer of kernels with so many axes of inputs and of outputs."""
    if init in ("final", "gate"):
        return nn.initializers.zeros
    axes = {"in_axis": tuple(range(inputs)), "out_axis": tuple(range(inputs, inputs + outputs))}
    kinds = {
        "linear": (1.0, "fan_in", "truncated_normal"),
        "relu": (2.0, "fan_in", "truncated_normal"),
        "attention": (1.0, "fan_avg", "uniform"),
    }
    return nn.initializers.variance_scaling(*kinds[init], **axes)


def linear(layer: Affine, x: jax.Array) -> jax.Array:
    """Applies an affine map to the last axis, [..., C] -> [..., *outputs], in x's dtype."""
    y = jnp.tensordot(x, layer.kernel.astype(x.dtype), 1)
    return y if layer.bias is None else y + layer.bias.astype(x.dtype)


def wide_product(equation: str, x: jax.Array, y: jax.Array) -> jax.Array:
    """Computes an einsum of two arrays whose sums and result are float32, or wider.

    XLA's CPU backend has no such product of bfloat16, and is given wide factors.
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)

    def by_wide_factors(x, y):
        return jnp.einsum(equation, x.astype(wide), y.astype(wide))

    def directly(x, y):
        return jnp.einsum(equation, x, y, preferred_element_type=wide)

    if x.dtype == wide:
        return by_wide_factors(x, y)
    return jax.lax.platform_dependent(x, y, cpu=by_wide_factors, default=directly)


def side_by_side(*layers: Affine) -> Affine:
    """Joins maps of the same inputs into one, whose outputs [C, sum of all] are in a row."""
    kernels = [layer.kernel.reshape(layer.kernel.shape[0], -1) for layer in layers]
    biases = [
        jnp.zeros(kernel.shape[1], kernel.dtype) if layer.bias is None else layer.bias.reshape(-1)
        for layer, kernel in zip(layers, kernels, strict=True)
    ]
    return Affine(jnp.concatenate(kernels, 1), jnp.concatenate(biases))


def layer_norm(layer: Scale, x: jax.Array, *, axis: int = -1, dtype: Any = None) -> jax.Array:
    """Normalizes one axis, of length C, in float32 or wider.

    Args:
      layer: its parameters.
      x: [..., C, ...].
      axis: that of C.
      dtype: of the result; x's if None.
    """
    dtype = x.dtype if dtype is None else dtype
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    x = x - jnp.mean(x, axis, keepdims=True)
    spread = jax.lax.rsqrt(jnp.mean(x * x, axis, keepdims=True) + EPSILON)
    return (x * spread * layer.scale.reshape(shape) + layer.bias.reshape(shape)).astype(dtype)


def map_chunks(
    fn: Callable[..., jax.Array],
    arrays: Sequence[jax.Array],
    *,
    chunk: int | None,
    axis: int | Sequence[int] = 0,
    out_axis: int = 0,
) -> jax.Array:
    """Applies a function to parts of arrays, one after the other, and joins the results.

    What is computed within a part is computed again in the backward pass. Where parts do not
    divide the length, the last one overlaps the one before, so that all have one shape.

    Args:
      fn: parts -> part of the result, as long along `out_axis` as the parts along their axes.
      arrays: of one length along these axes.
      chunk: length of a part; None for all at once.
      axis: along which arrays are cut, of all or of each.
      out_axis: along which results are joined.

    Returns:
      What `fn` returns of whole arrays.
    """
    axes = [axis] * len(arrays) if isinstance(axis, int) else axis
    length = arrays[0].shape[axes[0]]
    if chunk is None or chunk >= length:
        return fn(*arrays)

    @jax.checkpoint
    def part_at(start, *arrays):
        cut = jax.lax.dynamic_slice_in_dim
        return fn(*(cut(x, start, chunk, axis) for x, axis in zip(arrays, axes, strict=True)))

    def body(whole, start):
        part = part_at(start, *arrays)
        return jax.lax.dynamic_update_slice_in_dim(whole, part, start, out_axis), None

    starts = jnp.minimum(jnp.arange(0, length, chunk), length - chunk)
    part = jax.eval_shape(part_at, starts[0], *arrays)
    shape = list(part.shape)
    shape[out_axis] = length
    # Every place is written once at least. It begins as a number of the input rather than as zero,
    # since XLA makes the zeros of all loops of a program at its start, and holds them side by side.
    some = jax.lax.stop_gradient(arrays[0].reshape(-1)[0]).astype(part.dtype)
    return jax.lax.scan(body, jnp.broadcast_to(some, shape), starts)[0]
