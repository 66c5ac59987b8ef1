"""The residual net of policy and value that AlphaGo Zero and AlphaZero search with."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxdl.nn.winograd import winograd


class BoardNet(nn.Module):
    """A tower of residual blocks with two heads (Silver et al. 2017, Methods, Neural network).

    [B, H, W, C] -> logits [B, A], value [B] within [-1, 1]. Instead of batch normalization, whose
    statistics differ between search and training, each block begins as the identity: its branch is
    scaled by a number that is zero at first (De and Smith 2020, SkipInit).

    Attributes:
      actions: A.
      channels: of every block.
      blocks: how many, of two convolutions each.
      head_planes: of the 1 x 1 convolution of either head (2 and 1 in the paper).
      dtype: of the computation; parameters are float32.
    """

    actions: int
    channels: int = 32
    blocks: int = 2
    head_planes: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, obs):
        """Applies the net."""
        x = nn.relu(self._convolution()(obs.astype(self.dtype)))
        for block in range(self.blocks):
            y = nn.relu(self._convolution()(x))
            y = self._convolution()(y)
            scale = self.param(f"scale_{block}", nn.initializers.zeros, ())
            x = nn.relu(x + scale.astype(self.dtype) * y)
        logits = self._dense(self.actions)(self._head(x))
        value = nn.relu(self._dense(self.channels)(self._head(x)))
        value = jnp.tanh(self._dense(1)(value)[..., 0])
        return logits.astype(jnp.float32), value.astype(jnp.float32)

    def _head(self, x: jax.Array) -> jax.Array:
        """A 1 x 1 convolution, flattened: [B, H, W, C] -> [B, H * W * planes]."""
        planes = nn.relu(self._dense(self.head_planes)(x))
        return planes.reshape(planes.shape[0], -1)

    def _convolution(self) -> nn.Module:
        return Convolution(self.channels, self.dtype)

    def _dense(self, width: int) -> nn.Dense:
        return nn.Dense(width, dtype=self.dtype, kernel_init=nn.initializers.lecun_uniform())


class Convolution(nn.Module):
    """A 3 x 3 convolution with bias: [B, H, W, C] -> [B, H, W, features].

    Attributes:
      features: channels that come out.
      dtype: of the computation.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        """Convolves."""
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return convolve(x, kernel.astype(self.dtype)) + bias.astype(self.dtype)


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves [B, H, W, C] with [3, 3, C, F] to [B, H, W, F]; the sides are padded with zeros.

    Under `vmap` over kernels, as over seeds, it loops over them: XLA's grouped convolutions are
    slower than that, their gradients on CPUs thirty times. There is no forward-mode derivative.
    """
    return _convolution(x, kernel)


def _fastest(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Chooses by platform and size: winograd's tiles are slow to make, and fast while in cache."""
    if min(kernel.shape[2:]) < 32 or x.shape[0] > 256:
        return _plain(x, kernel)
    return jax.lax.platform_dependent(x, kernel, cpu=winograd, default=_plain)


def _plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)


def _plain_gradient(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Computes the gradients of both arguments.

    XLA's own are slow within loops on CPUs, as a scan over minibatches is: 55 times slower than
    these for 512 boards and 32 channels. That of the inputs is a convolution with the kernel turned
    around; that of the kernel is, for each of its nine squares, a product over boards and squares.
    """
    dx = _fastest(dy, kernel[::-1, ::-1].swapaxes(2, 3))
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def square(i, j):
        seen = padded[:, i : i + height, j : j + width]
        return seen.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])  # [C, F]

    dkernel = jnp.stack([jnp.stack([square(i, j) for j in range(3)]) for i in range(3)])
    return dx, dkernel


_convolution = custom_vmap(_fastest)
_gradient = custom_vmap(_plain_gradient)


@_convolution.def_vmap
def _convolve_each(axis_size, in_batched, x, kernel):
    if not in_batched[1]:  # more boards for one kernel
        y = _convolution(x.reshape(-1, *x.shape[2:]), kernel)
        return y.reshape(*x.shape[:2], *y.shape[1:]), True
    return jax.lax.map(lambda one: _convolution(*one), _all(axis_size, in_batched, x, kernel)), True


@_gradient.def_vmap
def _gradient_of_each(axis_size, in_batched, x, kernel, dy):
    arrays = _all(axis_size, in_batched, x, kernel, dy)
    return jax.lax.map(lambda one: _gradient(*one), arrays), (True, True)


def _all(axis_size: int, in_batched: Any, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Repeats the arrays that the axis does not run over."""
    return tuple(
        x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
        for x, batched in zip(arrays, in_batched, strict=True)
    )


def _forward(x, kernel):
    return _convolution(x, kernel), (x, kernel)


def _backward(saved, dy):
    return _gradient(*saved, dy)


convolve.defvjp(_forward, _backward)
