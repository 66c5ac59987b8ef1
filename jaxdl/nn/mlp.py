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


class Zeros(NamedTuple):
    """The plan of an array that is zero at first.

    Attributes:
      shape: of the array.
    """

    shape: tuple[int, ...]


class Module(NamedTuple):
    """The plan of parameters that a function of their own makes, such as a flax module's.

    Attributes:
      init: key -> parameters.
    """

    init: Callable[[jax.Array], Any]


Plan = Any  # a tree of Layer, Zeros and Module
Activation = Callable[[jax.Array], jax.Array]
Affine = Callable[[Dense, jax.Array], jax.Array]  # layer, [..., D] -> [..., H]


def layers(inputs: int, widths: Sequence[int], scale: float = 1.0) -> list[Layer]:
    """Plans an MLP."""
    sizes = [inputs, *widths]
    return [Layer(sizes[i], width, scale) for i, width in enumerate(widths)]


def initial(key: jax.Array, plan: Plan) -> Any:
    """Puts parameters in the place of every Layer, Zeros and Module of a tree.

    Kernels are N(0, scale^2 / D) (LeCun et al. 1998, section 4.6), biases zero. All come of one
    draw, since every use of a key takes about as long to compile as a layer.
    """
    leaves, structure = jax.tree.flatten(plan, is_leaf=_is_plan)
    dense_layers = [leaf for leaf in leaves if isinstance(leaf, Layer)]
    modules = [leaf for leaf in leaves if isinstance(leaf, Module)]
    kernels = iter(_draw_kernels(key, dense_layers))
    keys = iter(jax.random.split(jax.random.fold_in(key, 1), len(modules)) if modules else ())

    def make(leaf):
        if isinstance(leaf, Layer):
            return Dense(next(kernels), jnp.zeros(leaf.width))
        return jnp.zeros(leaf.shape) if isinstance(leaf, Zeros) else leaf.init(next(keys))

    return structure.unflatten([make(leaf) for leaf in leaves])


def dense(layer: Dense, x: jax.Array) -> jax.Array:
    """Applies an affine map, [..., D] -> [..., H]."""
    return x @ layer.kernel + layer.bias


def fast_dense(layer: Dense, x: jax.Array) -> jax.Array:
    """Applies the same map with a gradient by hand, which CPUs compute faster.

    `./run bench --only=dense_gradient` tells how much. There is no forward-mode derivative.
    """
    return fast_product(x, layer.kernel) + layer.bias


def mlp(
    layers: Sequence[Dense], x: jax.Array, *, activation: Activation, affine: Affine = dense
) -> jax.Array:
    """Applies affine maps, each followed by the activation, [..., D] -> [..., H]."""
    for layer in layers:
        x = activation(affine(layer, x))
    return x


def hidden_layers(inputs: int, widths: Sequence[int], layer_norm: bool) -> list[Plan]:
    """Plans the layers of `normed_mlp`."""
    plan = layers(inputs, widths)
    if not layer_norm:
        return plan
    return [
        {"dense": layer, "gain": Zeros((layer.width,)), "shift": Zeros((layer.width,))}
        for layer in plan
    ]


def normed_mlp(layers: Sequence[Any], x: jax.Array, *, activation: Activation) -> jax.Array:
    """Applies an MLP [..., D] -> [..., H] whose layers may be normalized before the activation."""
    return mlp(layers, x, activation=activation, affine=_normed)


def layer_norm(x: jax.Array, gain: jax.Array, shift: jax.Array) -> jax.Array:
    """Normalizes each vector of [..., H]: Ba, Kiros & Hinton 2016, eq. 4, with a gain of 1 + gain.

    Args:
      x: [..., H].
      gain: [H], 0 at first.
      shift: [H].
    """
    centered = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(centered**2, axis=-1, keepdims=True)
    return centered * jax.lax.rsqrt(variance + 1e-6) * (1 + gain) + shift


def _normed(layer: Any, x: jax.Array) -> jax.Array:
    if isinstance(layer, Dense):
        return dense(layer, x)
    return layer_norm(dense(layer["dense"], x), layer["gain"], layer["shift"])


def _is_plan(leaf: Any) -> bool:
    return isinstance(leaf, Layer | Zeros | Module)


def _draw_kernels(key: jax.Array, plan: Sequence[Layer]) -> list[jax.Array]:
    if not plan:
        return []
    ends = np.cumsum([layer.inputs * layer.width for layer in plan])
    parts = jnp.split(jax.random.normal(key, (ends[-1],)), ends[:-1])
    return [
        noise.reshape(layer.inputs, layer.width) * layer.scale / layer.inputs**0.5
        for layer, noise in zip(plan, parts, strict=True)
    ]


@jax.custom_vjp
def fast_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiplies [..., D] by [D, H], with a gradient by hand as in `fast_dense`."""
    return x @ kernel


def _forward(x, kernel):
    return x @ kernel, (x, kernel)


def _backward(saved, dy):
    x, kernel = saved
    dkernel = jax.lax.platform_dependent(x, dy, cpu=_narrow_first, default=_at_once)
    return dy @ kernel.T, dkernel


def _at_once(x: jax.Array, dy: jax.Array) -> jax.Array:
    return jnp.einsum("...i,...o->io", x, dy)


def _narrow_first(x: jax.Array, dy: jax.Array) -> jax.Array:
    """Computes x^T dy with the narrower factor transposed by itself, before the product.

    XLA's products on CPUs are slow where they have to transpose their first factor: four times for
    [512, 64] and [512, 64], twenty for the two outputs of a head. The barriers keep XLA from
    putting the transpositions back into the product. Leading axes are not merged here, since one of
    them may be split over devices.
    """
    keep = jax.lax.optimization_barrier
    if x.shape[-1] <= dy.shape[-1]:
        return jnp.einsum("i...,...o->io", keep(jnp.moveaxis(x, -1, 0)), dy)
    return keep(jnp.einsum("o...,...i->oi", keep(jnp.moveaxis(dy, -1, 0)), x)).T


fast_product.defvjp(_forward, _backward)


def flax_product(x: jax.Array, kernel: jax.Array, *_: Any, **__: Any) -> jax.Array:
    """Multiplies [..., D] by [D, H], with the arguments of `flax.linen.Dense`'s `dot_general`."""
    return fast_product(x, kernel)
