"""Convolutions of pictures without padding, whose gradients are fast within loops on CPUs.

There XLA computes them up to forty times slower within a `lax.scan` than outside (docs/log.md).
Under `vmap` over kernels, as over seeds, they are computed one after the other, which is faster
than a grouped convolution. There is no forward-mode derivative.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxdl.ops import apart

LAYOUT = ("NHWC", "HWIO", "NHWC")
AT_ONCE = 8  # pictures whose patches are held at a time: they stay in a core's cache


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: jax.Array, kernel: jax.Array, stride: int = 1) -> jax.Array:
    """Convolves pictures with a square kernel, without padding.

    Args:
      x: [B, H, W, C].
      kernel: [K, K, C, F].
      stride: in both directions.

    Returns:
      [B, (H - K) // stride + 1, (W - K) // stride + 1, F].
    """
    return _one_by_one(stride)(x, kernel)


def _forward(x, kernel, stride):
    return _one_by_one(stride)(x, kernel), (x, kernel)


def _backward(stride, saved, dy):
    return _gradient_one_by_one(stride)(*saved, dy)


convolve.defvjp(_forward, _backward)


def _plain(x: jax.Array, kernel: jax.Array, *, stride: int) -> jax.Array:
    strides = (stride, stride)
    return jax.lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=LAYOUT)


def _gradient(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, *, stride: int
) -> tuple[jax.Array, jax.Array]:
    """Computes the gradients of both arguments; accelerators have libraries for that."""

    def by_library(x, kernel, dy):
        return jax.vjp(partial(_plain, stride=stride), x, kernel)[1](dy)

    by_hand = partial(_gradient_by_hand, stride=stride)
    return jax.lax.platform_dependent(x, kernel, dy, cpu=by_hand, default=by_library)


def _gradient_by_hand(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, *, stride: int
) -> tuple[jax.Array, jax.Array]:
    """Computes the inputs' gradient as a convolution with the kernel turned around."""
    side = kernel.shape[0]
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    left_over = [(size - side) % stride for size in x.shape[1:3]]
    padding = [(side - 1, side - 1 + more) for more in left_over]
    dx = jax.lax.conv_general_dilated(
        dy, turned, (1, 1), padding, lhs_dilation=(stride, stride), dimension_numbers=LAYOUT
    )
    return dx, _kernel_gradient(x, dy, side, stride)


def _kernel_gradient(x: jax.Array, dy: jax.Array, side: int, stride: int) -> jax.Array:
    """Multiplies what each place has seen with its gradient, a few pictures at a time.

    A row of the kernel sees neighbors, which are laid side by side once for all of its rows. XLA's
    products on CPUs are slow where they transpose their first factor, so that of the outputs is
    transposed by itself. Pictures are taken across the batch, and summed at the end: parts of it
    that lie on different devices need nothing of each other before.
    """
    batch, rows, columns, features = dy.shape
    channels = x.shape[-1]
    down, across = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    group = math.gcd(batch, AT_ONCE)
    x = x.reshape(group, -1, *x.shape[1:])
    dy = dy.reshape(group, -1, *dy.shape[1:])

    def add(i, totals):
        some = jax.lax.dynamic_index_in_dim(x, i, 1, keepdims=False)  # [group, H, W, C]
        slope = jax.lax.dynamic_index_in_dim(dy, i, 1, keepdims=False)
        turned = apart(slope.reshape(group, -1, features).swapaxes(1, 2))
        wide = [some[:, :, j : j + across : stride] for j in range(side)]
        wide = apart(jnp.concatenate(wide, axis=-1))  # [group, H, columns, K C]
        rows_seen = [wide[:, i : i + down : stride] for i in range(side)]
        seen = [one.reshape(group, -1, side * channels) for one in rows_seen]
        return [total + turned @ one for total, one in zip(totals, seen, strict=True)]

    totals = [jnp.zeros((group, features, side * channels), x.dtype)] * side
    totals = jax.lax.fori_loop(0, batch // group, add, totals)
    sums = [jnp.sum(total, axis=0).T for total in totals]  # [K C, F]
    return jnp.stack(sums).reshape(side, side, channels, features)


@cache
def _one_by_one(stride: int) -> Callable[..., Any]:
    convolution = custom_vmap(partial(_plain, stride=stride))

    @convolution.def_vmap
    def _each(axis_size, in_batched, x, kernel):
        if not in_batched[1]:  # more pictures for one kernel
            y = convolution(x.reshape(-1, *x.shape[2:]), kernel)
            return y.reshape(*x.shape[:2], *y.shape[1:]), True
        arrays = _all(axis_size, in_batched, x, kernel)
        return jax.lax.map(lambda one: convolution(*one), arrays), True

    return convolution


@cache
def _gradient_one_by_one(stride: int) -> Callable[..., Any]:
    gradient = custom_vmap(partial(_gradient, stride=stride))

    @gradient.def_vmap
    def _each(axis_size, in_batched, *arrays):
        arrays = _all(axis_size, in_batched, *arrays)
        return jax.lax.map(lambda one: gradient(*one), arrays), (True, True)

    return gradient


def _all(axis_size: int, in_batched: Any, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Repeats the arrays that the axis does not run over."""
    return tuple(
        x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
        for x, batched in zip(arrays, in_batched, strict=True)
    )
