from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import make_mesh
from jaxdl.losses import ntxent
from jaxdl.losses.contrastive import unit


def views(n, d=16, seed=0, dtype=jnp.float32):
    keys = jax.random.split(jax.random.key(seed), 2)
    return [jax.random.normal(key, (n, d), dtype) for key in keys]


def reference(z1, z2, temperature):
    """Equation 1 in float64, with its gradient by hand, rows in lightly's order."""
    z = np.concatenate([z1, z2]).astype(np.float64)
    length = np.linalg.norm(z, axis=1, keepdims=True)
    unit_z, rows, n = z / length, len(z), len(z1)
    logits = unit_z @ unit_z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    peak = logits.max(1, keepdims=True)
    total = np.exp(logits - peak).sum(1, keepdims=True)
    target = np.roll(np.eye(rows), n, axis=1)
    loss = -(logits[target == 1] - peak[:, 0] - np.log(total[:, 0])).mean()
    error = (np.exp(logits - peak) / total - target) / rows
    gradient = (error + error.T) @ unit_z / temperature
    gradient = (gradient - unit_z * (gradient * unit_z).sum(1, keepdims=True)) / length
    return loss, gradient[:n], gradient[n:]


@partial(jax.jit, static_argnames="chunk")
def value_and_gradients(z1, z2, *, temperature, chunk=None):
    def loss(z):
        return ntxent(*z, temperature=temperature, chunk=chunk)

    value, gradients = jax.value_and_grad(loss)((z1, z2))
    return value, *gradients


@pytest.mark.parametrize("temperature", [0.01, 0.07, 0.5])
@pytest.mark.parametrize("n", [1, 2, 3, 17, 64])
def test_agrees_with_equation_1_in_float64(n, temperature):
    z1, z2 = views(n)
    expected = reference(np.asarray(z1), np.asarray(z2), temperature)
    for chunk in (None, 1, 5, 1000):
        got = value_and_gradients(z1, z2, temperature=temperature, chunk=chunk)
        for ours, theirs in zip(got, expected, strict=True):
            # A logit is at most 1 / temperature, and float32 keeps 6e-8 of it.
            atol = 3e-7 * max(10.0, 1.0 / temperature) * max(1.0, np.abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, atol=atol, err_msg=f"chunk={chunk}")


@pytest.mark.parametrize("chunk", [None, 7])
def test_agrees_with_optax(chunk):
    z1, z2 = views(12)
    labels = jnp.tile(jnp.arange(12), 2)

    def theirs(z):
        return optax.losses.ntxent(jnp.concatenate(z), labels, temperature=0.2)

    expected, gradients = jax.jit(jax.value_and_grad(theirs))((z1, z2))
    got = value_and_gradients(z1, z2, temperature=0.2, chunk=chunk)
    np.testing.assert_allclose(got[0], expected, rtol=1e-6)
    chex.assert_trees_all_close(got[1:], gradients, atol=1e-6)


def test_golden_value_of_two_pairs():
    # Two orthogonal pairs at temperature 1: each row sees e (its pair), 1 and 1.
    z = jnp.array([[3.0, 0.0], [0.0, 0.2]])
    for chunk in (None, 3):
        got = ntxent(z, 5.0 * z, temperature=1.0, chunk=chunk)
        np.testing.assert_allclose(got, np.log(np.e + 2.0) - 1.0, rtol=1e-6)


@pytest.mark.parametrize("chunk", [None, 3])
def test_one_pair_has_nothing_to_tell_apart(chunk):
    loss, *gradients = value_and_gradients(*views(1), temperature=0.01, chunk=chunk)
    np.testing.assert_allclose(loss, 0.0, atol=1e-5)
    chex.assert_trees_all_close(gradients, [jnp.zeros((1, 16))] * 2, atol=1e-4)


@pytest.mark.parametrize("chunk", [None, 3])
def test_zero_rows_are_finite_and_without_gradient(chunk):
    z1, z2 = views(5)
    z1 = z1.at[2].set(0.0)
    z2 = z2.at[4].set(1e-15)
    loss, g1, g2 = value_and_gradients(z1, z2, temperature=0.01, chunk=chunk)
    chex.assert_tree_all_finite((loss, g1, g2))
    np.testing.assert_array_equal(g1[2], 0.0)
    all_zero = value_and_gradients(0 * z1, 0 * z2, temperature=0.01, chunk=chunk)
    np.testing.assert_allclose(all_zero[0], np.log(9.0), rtol=1e-6)


def test_short_rows_have_a_direction():
    z1, _ = views(4)
    for scale in (1e-30, 1e30):
        np.testing.assert_allclose(unit(scale * z1), unit(z1), rtol=1e-5)
    np.testing.assert_allclose(jnp.linalg.norm(unit(z1), axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("chunk", [None, 16])
def test_accumulates_bfloat16_in_float32(chunk):
    z1, z2 = views(64, dtype=jnp.bfloat16)
    loss, g1, _ = value_and_gradients(z1, z2, temperature=0.07, chunk=chunk)
    assert loss.dtype == jnp.float32
    assert g1.dtype == jnp.bfloat16
    expected = reference(np.asarray(z1, np.float32), np.asarray(z2, np.float32), 0.07)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-6)
    scale = np.abs(expected[1]).max()
    np.testing.assert_allclose(g1.astype(jnp.float32), expected[1], atol=scale / 128)


def test_gradient_by_temperature_and_under_vmap():
    z1, z2 = views(6)

    def loss(temperature, chunk):
        return ntxent(z1, z2, temperature=temperature, chunk=chunk)

    dense, chunked = (
        jax.jit(jax.vmap(jax.grad(partial(loss, chunk=chunk))))(jnp.array([0.1, 0.5]))
        for chunk in (None, 5)
    )
    by_hand = (loss(0.5005, None) - loss(0.4995, None)) / 0.001
    np.testing.assert_allclose(chunked, dense, rtol=1e-4)
    np.testing.assert_allclose(dense[1], by_hand, rtol=2e-2)


def test_rejects_bad_shapes_and_chunks():
    z1, z2 = views(4)
    with pytest.raises(AssertionError):
        ntxent(z1, z2[:3])
    with pytest.raises(AssertionError):
        ntxent(z1[0], z2[0])
    with pytest.raises(ValueError, match="chunk"):
        ntxent(z1, z2, chunk=0)


def compiled(z, sharding=None, **options):
    def loss(z1, z2):
        return ntxent(z1, z2, **options)

    shardings = None if sharding is None else (sharding, sharding)
    return jax.jit(jax.value_and_grad(loss, (0, 1)), in_shardings=shardings).lower(*z).compile()


def test_memory_grows_with_the_chunk_and_not_with_the_square():
    z = views(1024, 128)
    temporary = compiled(z, chunk=512).memory_analysis().temp_size_in_bytes
    assert temporary <= 10e6
    assert temporary < compiled(z).memory_analysis().temp_size_in_bytes / 3


@pytest.mark.parametrize("chunk", [None, 32, 50])
def test_rows_are_divided_among_devices(chunk):
    mesh, z = make_mesh(4), views(128)
    one = compiled(z, chunk=chunk)
    with jax.set_mesh(mesh):
        split = NamedSharding(mesh, P("data"))
        four = compiled(z, split, chunk=chunk)
        got = four(*(jax.device_put(each, split) for each in z))
    chex.assert_trees_all_close(jax.device_get(got), jax.device_get(one(*z)), atol=1e-5)
    assert four.cost_analysis()["flops"] <= 0.3 * one.cost_analysis()["flops"]
