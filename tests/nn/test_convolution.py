"""Convolutions with gradients by hand."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import AXIS, make_mesh
from jaxdl.envs import Box
from jaxdl.nn.convolution import convolve, flax_convolution
from jaxdl.nn.pixel_encoder import pixel_encoder
from jaxdl.nn.winograd import winograd


def reference(x, kernel):
    """Loops over pixels in float64: 3 x 3, with the sides padded."""
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            window = padded[:, i : i + 3, j : j + 3]
            out[:, i, j] = np.einsum("bhwc,hwcf->bf", window, np.asarray(kernel, np.float64))
    return out


def arrays(*lead):
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (*lead, 3, 4, 5, 2))
    return x, jax.random.normal(kernel_key, (*lead, 3, 3, 2, 6))


def test_it_convolves():
    x, kernel = arrays()
    np.testing.assert_allclose(convolve(x, kernel), reference(x, kernel), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 3), (1, 6, 7), (3, 1, 2), (2, 5, 4)])
def test_winograds_tiles_give_the_same_sums(shape):
    x = jax.random.normal(jax.random.key(0), (*shape, 32))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 32, 33)) / 17
    expected = reference(x, kernel)
    np.testing.assert_allclose(winograd(x, kernel), expected, atol=1e-5)
    np.testing.assert_allclose(jax.jit(convolve)(x, kernel), expected, atol=1e-5)


def test_winograds_tiles_give_the_same_gradient():
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 32))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 32, 32)) / 17
    both = jax.jit(jax.grad(loss, argnums=(0, 1))), jax.jit(jax.grad(direct_loss, argnums=(0, 1)))
    ours, theirs = (gradient(x, kernel) for gradient in both)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), ours, theirs)


def loss(x, kernel):
    return jnp.sum(jnp.sin(convolve(x, kernel)))


def direct_loss(x, kernel):
    y = nn.Conv(kernel.shape[-1], (3, 3), use_bias=False).apply({"params": {"kernel": kernel}}, x)
    return jnp.sum(jnp.sin(y))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_side_by_side_it_is_the_same_in_value_and_gradient(axes):
    x, kernel = arrays(3)
    x = x if axes[0] == 0 else x[0]
    kernel = kernel if axes[1] == 0 else kernel[0]
    side_by_side = jax.vmap(jax.value_and_grad(loss, argnums=(0, 1)), axes)
    expected = jax.vmap(jax.value_and_grad(direct_loss, argnums=(0, 1)), axes)
    ours, theirs = jax.jit(side_by_side)(x, kernel), jax.jit(expected)(x, kernel)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), ours, theirs)


@pytest.mark.parametrize(
    "sides, kernel, strides, padding",
    [
        ((9, 8), (3, 3), (2, 2), "SAME"),
        ((8, 7), (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((11, 9), (7, 5), (2, 3), ((3, 3), (2, 1))),
        ((6, 5), (1, 1), (2, 2), "SAME"),
        ((10, 9), (4, 2), (3, 2), "VALID"),
        ((4, 4), (5, 5), (1, 1), ((1, 1), (1, 1))),
        ((3, 3), (5, 3), (1, 1), "SAME"),
    ],
)
def test_strides_and_borders_agree_with_xlas_in_value_and_gradient(sides, kernel, strides, padding):
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (2, *sides, 3))
    weights = jax.random.normal(keys[1], (*kernel, 3, 4))

    def theirs(x, weights):
        layout = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(x, weights, strides, padding, dimension_numbers=layout)
        return jnp.sum(jnp.sin(y)), y

    def ours(x, weights):
        y = convolve(x, weights, strides=strides, padding=padding)
        return jnp.sum(jnp.sin(y)), y

    found, expected = (
        jax.jit(jax.value_and_grad(f, (0, 1), has_aux=True))(x, weights) for f in (ours, theirs)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), found, expected)


@pytest.mark.parametrize("dilation, strides", [((2, 4), (1, 1)), ((3, 1), (2, 1))])
def test_a_dilated_kernel_agrees_with_xlas_in_value_and_gradient(dilation, strides):
    x, kernel = arrays()
    layer = nn.Conv(6, (3, 3), strides, kernel_dilation=dilation, use_bias=False)

    def theirs(x, kernel):
        return jnp.sum(jnp.sin(layer.apply({"params": {"kernel": kernel}}, x)))

    def ours(x, kernel):
        return jnp.sum(jnp.sin(convolve(x, kernel, strides=strides, dilation=dilation)))

    found, expected = (jax.jit(jax.value_and_grad(f, (0, 1)))(x, kernel) for f in (ours, theirs))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), found, expected)


def test_a_layer_of_flax_convolves_with_it_and_refuses_what_has_no_gradient():
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 3))
    layer = nn.Conv(4, (3, 3), (2, 1), kernel_dilation=2, conv_general_dilated=flax_convolution)
    params = layer.init(jax.random.key(1), x)
    expected = nn.Conv(4, (3, 3), (2, 1), kernel_dilation=2).apply(params, x)
    np.testing.assert_allclose(layer.apply(params, x), expected, atol=1e-5)
    for wrong in ({"input_dilation": 2}, {"feature_group_count": 3}):
        layer = nn.Conv(6, (3, 3), conv_general_dilated=flax_convolution, **wrong)
        with pytest.raises(NotImplementedError):
            layer.init(jax.random.key(1), x)


def test_kernels_side_by_side_are_as_alone_within_a_loop():
    """Under vmap over kernels, over pictures, and over both, as learners have it."""
    x = jax.random.normal(jax.random.key(0), (2, 4, 7, 7, 3))
    kernel = jax.random.normal(jax.random.key(1), (2, 3, 3, 3, 5))

    def step(kernel, x):
        def loss(kernel):
            return jnp.sum(jnp.tanh(convolve(x, kernel, strides=(2, 2), padding="VALID")))

        def one(kernel, _):
            return kernel - 0.1 * jax.grad(loss)(kernel), ()

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
