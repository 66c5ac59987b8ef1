"""Convolutions that train on CPUs too, where XLA's own gradients are slow within loops."""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxdl.nn.winograd import winograd
from jaxdl.ops import apart

LAYOUT = ("NHWC", "HWIO", "NHWC")
ONE = ((1, 1), (1, 1))
AT_ONCE = 2_048  # pixels of a device that a kernel's gradient takes at a time, in whole images


class Frame(NamedTuple):
    """How a kernel is laid upon images.

    Attributes:
      strides: down and across.
      padding: zeros above and below, left and right.
      dilation: pixels from one of the kernel's squares to the next, down and across.
    """

    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int] = (1, 1)


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: Sequence[int] = (1, 1),
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: Sequence[int] = (1, 1),
) -> jax.Array:
    """Convolves [B, H, W, C] with [h, w, C, F] to [B, H', W', F].

    On CPUs the gradients are by hand: within a loop, as the driver's scan over steps is one, XLA
    does not bring its own into the form that it is fast in. A training step of two layers of 64
    channels took 80 times as long there as outside. Under `vmap` over kernels, as over seeds, it
    loops over them: XLA's grouped convolutions are slower than that. There is no forward-mode
    derivative.

    Args:
      x: images.
      kernel: weights, in the dtype of the images.
      strides: down and across.
      padding: "SAME", "VALID", or zeros at (above, below) and (left, right).
      dilation: pixels from one of the kernel's squares to the next, down and across.
    """
    strides, dilation = tuple(strides), tuple(dilation)
    if isinstance(padding, str):
        reach = _reach(kernel.shape[:2], dilation)
        padding = jax.lax.padtype_to_pads(x.shape[1:3], reach, strides, padding)
    return _convolution(Frame(strides, tuple(map(tuple, padding)), dilation))(x, kernel)


def flax_convolution(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Any, **layout: Any
) -> jax.Array:
    """Is `convolve` as the argument `conv_general_dilated` of flax's Conv.

    Raises:
      NotImplementedError: dilated images or groups of channels are asked for.
    """
    if {*(layout["lhs_dilation"] or ()), layout["feature_group_count"]} - {1}:
        raise NotImplementedError("of dilated images and grouped channels there is no gradient")
    dilation = layout["rhs_dilation"] or (1, 1)
    return convolve(x, kernel, strides=strides, padding=padding, dilation=dilation)


@cache
def _convolution(frame: Frame) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Makes the function of images and kernel, with its gradient."""
    forward = custom_vmap(partial(_fastest, frame))
    backward = custom_vmap(partial(_gradient, frame))

    @forward.def_vmap
    def convolve_each(axis_size, in_batched, x, kernel):
        if not in_batched[1]:  # more images for one kernel
            y = forward(x.reshape(-1, *x.shape[2:]), kernel)
            return y.reshape(*x.shape[:2], *y.shape[1:]), True
        arrays = _repeat(axis_size, in_batched, x, kernel)
        return jax.lax.map(lambda one: forward(*one), arrays), True

    @backward.def_vmap
    def gradient_of_each(axis_size, in_batched, x, kernel, dy):
        arrays = _repeat(axis_size, in_batched, x, kernel, dy)
        return jax.lax.map(lambda one: backward(*one), arrays), (True, True)

    function = jax.custom_vjp(forward)
    function.defvjp(
        lambda x, kernel: (forward(x, kernel), (x, kernel)),
        lambda saved, dy: backward(*saved, dy),
    )
    return function


def _repeat(axis_size: int, in_batched: Any, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Repeats the arrays that the axis does not run over."""
    return tuple(
        x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
        for x, batched in zip(arrays, in_batched, strict=True)
    )


def _fastest(frame: Frame, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Chooses by platform and size: winograd's tiles are slow to make, and fast while in cache."""
    plain = partial(_plain, frame)
    if not _is_tiled(frame, kernel) or min(kernel.shape[2:]) < 32 or x.shape[0] > 256:
        return plain(x, kernel)
    return jax.lax.platform_dependent(x, kernel, cpu=winograd, default=plain)


def _is_tiled(frame: Frame, kernel: jax.Array) -> bool:
    """Tells whether it is a convolution of 3 x 3 that keeps the sides."""
    return kernel.shape[:2] == (3, 3) and frame == Frame((1, 1), ONE)


def _plain(frame: Frame, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        frame.strides,
        frame.padding,
        rhs_dilation=frame.dilation,
        dimension_numbers=LAYOUT,
    )


def _reach(sides: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Returns how many pixels a kernel spans, down and across."""
    return tuple((side - 1) * step + 1 for side, step in zip(sides, dilation, strict=True))


def _gradient(
    frame: Frame, x: jax.Array, kernel: jax.Array, dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the gradients of both arguments."""

    def own(x, kernel, dy):
        return jax.vjp(partial(_plain, frame), x, kernel)[1](dy)

    by_hand = partial(_gradient_by_hand, frame)
    return jax.lax.platform_dependent(x, kernel, dy, cpu=by_hand, default=own)


def _gradient_by_hand(
    frame: Frame, x: jax.Array, kernel: jax.Array, dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the gradients of both arguments in forms that are fast within loops.

    That of the images is a convolution with the kernel turned around, of what has zeros between its
    pixels where there are strides.
    """
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    if _is_tiled(frame, kernel):
        dx = _fastest(frame, dy, turned)
    else:
        reach = _reach(kernel.shape[:2], frame.dilation)
        sides = zip(x.shape[1:3], reach, frame.strides, frame.padding, dy.shape[1:3], strict=True)
        stretched = [
            (side - 1 - before, size + before - (steps - 1) * stride - 1)
            for size, side, stride, (before, _), steps in sides
        ]
        dx = jax.lax.conv_general_dilated(
            dy,
            turned,
            (1, 1),
            stretched,
            lhs_dilation=frame.strides,
            rhs_dilation=frame.dilation,
            dimension_numbers=LAYOUT,
        )
    return dx, _kernel_gradient(frame, x, dy, kernel.shape[:2])


def _kernel_gradient(
    frame: Frame, x: jax.Array, dy: jax.Array, sides: tuple[int, int]
) -> jax.Array:
    """Computes the gradient of a kernel [h, w, C, F] of those sides.

    For each of the kernel's squares it is a product over images and pixels. Each device takes a few
    images at a time, which stay in a core's cache while all squares are laid upon them, and sums by
    itself until the end.
    """
    batch, rows, columns, features = dy.shape
    channels = x.shape[-1]
    (down, across), padding, (below, right) = frame
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    mesh = jax.sharding.get_abstract_mesh()
    devices = 1 if mesh.empty else math.gcd(batch, mesh.size)
    images = 1 << max(AT_ONCE // (rows * columns) - 1, 0).bit_length()
    group = math.gcd(batch, images * devices)
    x, dy = (y.reshape(group, -1, *y.shape[1:]) for y in (x, dy))

    def add(part, total):
        some, slope = (jax.lax.dynamic_index_in_dim(y, part, 1, keepdims=False) for y in (x, dy))
        turned = apart(slope.reshape(devices, -1, features).swapaxes(1, 2))

        def square(i, j):
            top, left = i * below, j * right
            seen = some[:, top : top + (rows - 1) * down + 1 : down]
            seen = seen[:, :, left : left + (columns - 1) * across + 1 : across]
            return turned @ seen.reshape(devices, -1, channels)  # [devices, F, C]

        squares = [[square(i, j) for j in range(sides[1])] for i in range(sides[0])]
        return total + jnp.stack([jnp.stack(row) for row in squares])

    nothing = jnp.zeros((*sides, devices, features, channels), x.dtype)
    total = jax.lax.fori_loop(0, batch // group, add, nothing)
    return jnp.sum(total, axis=2).swapaxes(2, 3)
