"""Convolutions with gradients by hand, against XLA's."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import AXIS, make_mesh
from jaxdl.envs import Box
from jaxdl.nn.convolution import convolve
from jaxdl.nn.pixel_encoder import pixel_encoder

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


def test_devices_sum_their_gradients_once_and_not_within_loops():
    """Pictures split over four devices, through features that are differentiated and fixed ones."""
    encoder = pixel_encoder(Box((11, 11, 3), 0, 255, np.uint8), channels=4, num_layers=2, size=4)
    params = encoder.init(jax.random.key(0))
    obs = np.random.default_rng(0).integers(0, 256, (32, 11, 11, 3), np.uint8)

    def loss(params, obs):
        fixed = encoder.latent(params["latent"], encoder.fixed_features(params, obs))
        z = encoder.latent(params["latent"], encoder.features(params, obs))
        return jnp.mean((z - 0.5 * jax.lax.stop_gradient(fixed)) ** 2 * jnp.arange(4.0))

    slope = jax.grad(loss)
    mesh = make_mesh(4)
    with jax.set_mesh(mesh):
        copied, split = NamedSharding(mesh, P()), NamedSharding(mesh, P(AXIS))
        shardings = {"in_shardings": (copied, split), "out_shardings": copied}
        program = jax.jit(slope, **shardings).lower(params, obs).compile()
        together = program(jax.device_put(params, copied), jax.device_put(obs, split))
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6),
        jax.device_get(together),
        jax.jit(slope)(params, obs),
    )
    body, entry = program.as_text().split("\nENTRY ", 1)
    collectives = re.compile(r"= .* (all-reduce|all-gather|all-to-all|collective-permute)\S*\(")
    assert not collectives.search(body) and len(collectives.findall(entry)) == 1
