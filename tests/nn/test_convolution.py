"""Convolutions with gradients by hand, against XLA's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.convolution import convolve

LAYOUT = ("NHWC", "HWIO", "NHWC")


def theirs(x, kernel, stride):
    strides = (stride, stride)
    return jax.lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=LAYOUT)


# batch, height, width, side, stride: also where a stride leaves rows over, and of odd batches
SHAPES = [(3, 9, 12, 3, 1), (16, 10, 9, 3, 2), (6, 8, 8, 1, 1), (1, 13, 11, 5, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_both_gradients_are_those_of_xla(shape):
    batch, height, width, side, stride = shape
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (batch, height, width, 4))
    kernel = jax.random.normal(keys[1], (side, side, 4, 5))
    dy = jax.random.normal(
        keys[2], jax.eval_shape(lambda x, k: theirs(x, k, stride), x, kernel).shape
    )

    def all_of(function):
        y, pull = jax.vjp(lambda x, kernel: function(x, kernel, stride), x, kernel)
        return y, *pull(dy)

    ours, expected = jax.jit(lambda: (all_of(convolve), all_of(theirs)))()
    for x, y in zip(ours, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


def test_kernels_side_by_side_are_as_alone():
    """Under vmap over kernels, over pictures, and over both, in a loop as learners have it."""
    x = jax.random.normal(jax.random.key(0), (2, 4, 7, 7, 3))
    kernel = jax.random.normal(jax.random.key(1), (2, 3, 3, 3, 5))

    def step(kernel, x):
        loss = lambda kernel: jnp.sum(jnp.tanh(convolve(x, kernel, 2)))  # noqa: E731
        one = lambda kernel, _: (kernel - 0.1 * jax.grad(loss)(kernel), ())  # noqa: E731
        return jax.lax.scan(one, kernel, length=2)[0]

    alone = jax.jit(step)
    for axes in ((0, 0), (0, None), (None, 0)):
        args = [a if axis == 0 else a[0] for a, axis in zip((kernel, x), axes, strict=True)]
        both = jax.jit(jax.vmap(step, axes))(*args)
        for i in range(2):
            one = [a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)]
            np.testing.assert_allclose(both[i], alone(*one), rtol=1e-4, atol=1e-4)
