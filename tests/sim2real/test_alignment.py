import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.sim2real import gradient_reversal, mmd

KEY = jax.random.key(0)
WIDTHS = (0.5, 1.0, 3.0)


def double_sum(x, y, widths):
    """MMD^2 pair by pair, and its gradient by x, in float64."""
    x, y = np.float64(x), np.float64(y)
    n, m = len(x), len(y)
    value, gradient = 0.0, np.zeros_like(x)
    for left, right, weight in ((x, x, 1 / n**2), (y, y, 1 / m**2), (x, y, -2 / (n * m))):
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                for w in widths:
                    k = weight * np.exp(-np.sum((a - b) ** 2) / (2 * w**2))
                    value += k
                    if left is x:
                        gradient[i] -= k * (a - b) / w**2
                    if right is x:
                        gradient[j] += k * (a - b) / w**2
    return value, gradient


def samples(n, m, features, shift=0.5):
    x_key, y_key = jax.random.split(KEY)
    x = jax.random.normal(x_key, (n, features))
    return x, jax.random.normal(y_key, (m, features)) + shift


@pytest.mark.parametrize("chunk", [None, 1, 4, 100])
@pytest.mark.parametrize(("n", "m"), [(7, 9), (1, 5), (6, 6)])
def test_the_mean_discrepancy_is_the_double_sum(n, m, chunk):
    x, y = samples(n, m, 4)
    loss = lambda x, y: mmd(x, y, bandwidths=WIDTHS, chunk=chunk)  # noqa: E731
    value, (by_x, by_y) = jax.jit(jax.value_and_grad(loss, (0, 1)))(x, y)
    expected, gradient = double_sum(x, y, WIDTHS)
    _, other = double_sum(y, x, WIDTHS)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_x, gradient, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(by_y, other, rtol=1e-4, atol=1e-6)
    assert np.abs(gradient).max() > 1e-3


def test_far_from_zero_the_discrepancy_keeps_its_digits():
    """Without centering, squares of 1e6 would swallow distances of 1."""
    x, y = samples(8, 8, 4)
    far = mmd(x + 1000.0, y + 1000.0, bandwidths=WIDTHS)
    expected, _ = double_sum(x + 1000.0, y + 1000.0, WIDTHS)
    np.testing.assert_allclose(far, expected, rtol=1e-4)


def test_it_is_zero_for_equal_samples_and_grows_with_their_distance():
    x, y = samples(64, 64, 3, shift=0.0)
    np.testing.assert_allclose(mmd(x, x, bandwidths=WIDTHS), 0.0, atol=1e-6)
    values = [float(mmd(x, y + shift, bandwidths=WIDTHS)) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values) and values[-1] > 5 * values[0]


def test_half_precision_is_computed_in_float32():
    x, y = (rows.astype(jnp.bfloat16) for rows in samples(16, 16, 4))
    value = mmd(x, y, bandwidths=WIDTHS)
    assert value.dtype == jnp.float32
    expected, _ = double_sum(np.float32(x), np.float32(y), WIDTHS)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_its_memory_grows_with_the_rows_and_not_with_their_square():
    """Value and gradient of 4,096 rows of 16, of which 128 are held at a time."""
    rows = jax.ShapeDtypeStruct((4096, 16), jnp.float32)

    def bytes_of(chunk):
        loss = lambda x, y: mmd(x, y, bandwidths=(1.0, 2.0), chunk=chunk)  # noqa: E731
        compiled = jax.jit(jax.value_and_grad(loss, (0, 1))).lower(rows, rows).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    held = 4096 * 128 * 4
    assert bytes_of(128) < 10 * held < bytes_of(None)


@pytest.mark.parametrize("widths", [(), (0.0,), (1.0, -2.0), (float("nan"),), (float("inf"),)])
def test_bandwidths_that_make_no_kernel_are_refused_in_one_line(widths):
    x, y = samples(3, 3, 2)
    with pytest.raises(BadInput, match="bandwidths=.*should be positive numbers") as error:
        mmd(x, y, bandwidths=widths)
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="chunk should be at least 1"):
        mmd(x, y, bandwidths=(1.0,), chunk=0)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 2])
def test_a_reversed_gradient_is_minus_scale_times_the_plain_one(scale):
    x = jax.random.normal(KEY, (5, 3))
    plain = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(x) ** 3)))(x)
    loss = lambda x, s: jnp.sum(jnp.sin(gradient_reversal(x, s)) ** 3)  # noqa: E731
    value, reversed_gradient = jax.jit(jax.value_and_grad(loss))(x, scale)
    np.testing.assert_array_equal(reversed_gradient, -jnp.float32(scale) * plain)
    np.testing.assert_array_equal(gradient_reversal(x, scale), x)
    np.testing.assert_allclose(value, jnp.sum(jnp.sin(x) ** 3), rtol=1e-6)


def test_trees_are_reversed_and_the_scale_learns_nothing():
    tree = {"a": jnp.arange(3.0), "b": jnp.ones((2, 2), jnp.bfloat16)}

    def loss(tree, scale):
        turned = gradient_reversal(tree, scale)
        return jnp.sum(turned["a"] ** 2) + jnp.sum(turned["b"].astype(jnp.float32))

    by_tree, by_scale = jax.grad(loss, (0, 1))(tree, jnp.float32(0.5))
    np.testing.assert_array_equal(by_tree["a"], -np.arange(3.0))
    assert by_tree["b"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(by_tree["b"].astype(jnp.float32), -0.5 * np.ones((2, 2)))
    assert by_scale == 0.0
