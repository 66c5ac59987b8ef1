import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import make_mesh
from jaxdl.nn import ConvNet, Projected, ResNet, resnet18, resnet50
from jaxdl.nn.convnet import Conv3x3, pool_to

KEY = jax.random.key(0)


def shapes_of(net, side, *, rows=2, channels=3):
    images = jnp.zeros((rows, side, side, channels))
    variables = jax.eval_shape(lambda: net.init(KEY, images, True))
    out = jax.eval_shape(lambda v: net.apply(v, images, False), variables)
    return variables, out


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("net", "side", "parameters", "features"),
    [
        # torchvision's totals without the classifiers of 513,000 and 2,049,000 parameters.
        (resnet18(), 64, 11_689_512 - 513_000, 512),
        (resnet50(), 64, 25_557_032 - 2_049_000, 2048),
        # The CIFAR stem has 3 x 3 instead of 7 x 7 weights from 3 to 64 channels.
        (resnet18(small_images=True), 32, 11_689_512 - 513_000 - 40 * 3 * 64, 512),
        (resnet18(width=0.25), 64, None, 128),
    ],
)
def test_parameters_and_features_of_the_standard_sizes(net, side, parameters, features):
    variables, out = shapes_of(net, side)
    assert parameters is None or count(variables["params"]) == parameters
    assert out.shape == (2, features)


def test_the_stem_decides_the_size_of_the_maps():
    def last_map(net):
        images = jnp.zeros((1, 32, 32, 3))

        def run():
            return net.init_with_output(KEY, images, False, capture_intermediates=True)[1]

        blocks = jax.eval_shape(run)["intermediates"]
        return blocks["BasicBlock_7"]["__call__"][0].shape

    assert last_map(resnet18(small_images=True)) == (1, 4, 4, 512)
    assert last_map(resnet18()) == (1, 1, 1, 512)


def test_bfloat16_is_of_the_computation_alone():
    variables, out = shapes_of(Projected(resnet18(dtype=jnp.bfloat16), 16, 8), 32)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert [part.dtype for part in out] == [jnp.float32, jnp.float32]
    net = ConvNet(8, dtype=jnp.bfloat16)
    images = jax.random.uniform(KEY, (4, 16, 16, 3))
    got, variables = jax.jit(lambda: net.init_with_output(KEY, images, False))()
    expected = jax.jit(lambda: ConvNet(8).apply(variables, images, False))()
    np.testing.assert_allclose(got, expected, atol=0.03 * np.abs(expected).max())
    assert np.abs(got - expected).max() > 0


def test_residual_blocks_start_as_the_identity():
    net = ResNet((2,), bottleneck=False, width=1 / 16, small_images=True)  # 4 channels
    images = jax.random.uniform(KEY, (2, 8, 8, 3))

    @jax.jit
    def run():
        return net.init_with_output(KEY, images, True, capture_intermediates=True)[1]

    blocks = run()["intermediates"]
    first, second = (blocks[f"BasicBlock_{i}"]["__call__"][0] for i in (0, 1))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() > 0


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_convolution_agrees_with_the_built_in_one(side, stride):
    x = jax.random.normal(KEY, (2, side, side, 3))
    got, variables = Conv3x3(5, stride).init_with_output(KEY, x)
    kernel = variables["params"]["Dense_0"]["kernel"].reshape(3, 3, 3, 5)
    expected = jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_maps_are_pooled_in_equal_parts():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_allclose(pool_to(x, 2)[0, ..., 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(pool_to(x[:, :1, :1], 2), x[:, :1, :1])


def test_batch_statistics_are_of_the_whole_batch_on_four_devices():
    net = ConvNet(4, (2,))
    images = jax.random.uniform(KEY, (8, 8, 8, 1)) * jnp.arange(8.0)[:, None, None, None]
    variables = jax.jit(lambda: net.init(KEY, images, True))()

    def run(images):
        return net.apply(variables, images, True, mutable=["batch_stats"])

    expected = jax.jit(run)(images)
    mesh = make_mesh(4)
    with jax.set_mesh(mesh):
        split = NamedSharding(mesh, P("data"))
        got = jax.jit(run)(jax.device_put(images, split))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, expected)
