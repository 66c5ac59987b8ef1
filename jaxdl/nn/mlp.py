"""The multi-layer perceptron, as functions of its layers' parameters."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Dense(NamedTuple):
    """The parameters of an affine map.

    Attributes:
      kernel: [D, H].
      bias: [H].
    """

    kernel: jax.Array
    bias: jax.Array


class Layer(NamedTuple):
    """The plan of a Dense.

    Attributes:
      inputs: D.
      width: H.
      scale: of the initial kernel.
    """

    inputs: int
    width: int
    scale: float = 1.0


def layers(inputs: int, widths: Sequence[int]) -> list[Layer]:
    """The plan of an MLP."""
    return [Layer(*sizes) for sizes in zip((inputs, *widths), widths, strict=False)]


def initial(key: jax.Array, plan: Any) -> Any:
    """Puts a Dense in the place of every Layer of a tree.

    Kernels are N(0, scale^2 / D) (LeCun et al. 1998, section 4.6), biases zero. All come of one
    draw, since every use of a key takes about as long to compile as a layer.
    """
    tree, structure = jax.tree.flatten(plan, is_leaf=lambda x: isinstance(x, Layer))
    ends = np.cumsum([layer.inputs * layer.width for layer in tree])
    parts = jnp.split(jax.random.normal(key, (ends[-1],)), ends[:-1])

    def one(layer, noise):
        kernel = noise.reshape(layer.inputs, layer.width) * layer.scale / layer.inputs**0.5
        return Dense(kernel, jnp.zeros(layer.width))

    return jax.tree.unflatten(structure, list(map(one, tree, parts)))


def dense(layer: Dense, x: jax.Array) -> jax.Array:
    """[..., D] -> [..., H]. There is no forward-mode derivative for unrolls [T, E, D]."""
    return (_product(x, layer.kernel) if x.ndim == 3 else x @ layer.kernel) + layer.bias


def mlp(
    layers: Sequence[Dense], x: jax.Array, *, activation: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    """[..., D] -> [..., H]: affine maps, each followed by the activation."""
    for layer in layers:
        x = activation(dense(layer, x))
    return x


@jax.custom_vjp
def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return x @ kernel


def _forward(x, kernel):
    return x @ kernel, (x, kernel)


def _backward(saved, dy):
    def at_once(x, dy):
        return jnp.einsum("tei,teo->io", x, dy)

    def by_time(x, dy):  # XLA's CPU backend is twice as slow where the sum is long
        return jnp.sum(jnp.einsum("tei,teo->tio", x, dy), axis=0)

    x, kernel = saved
    return dy @ kernel.T, jax.lax.platform_dependent(x, dy, cpu=by_time, default=at_once)


_product.defvjp(_forward, _backward)
