from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import info_nce, ntxent


def rows(n, k, d=16, dtype=jnp.float32):
    keys = jax.random.split(jax.random.key(0), 3)
    return [jax.random.normal(key, (m, d), dtype) for key, m in zip(keys, (n, n, k), strict=True)]


def reference(query, key, queue, temperature):
    """Equation 1 of MoCo in float64, with its gradients by hand."""
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (query, key, queue)]
    q, k, others = (np.float64(x) / n for x, n in zip((query, key, queue), lengths, strict=True))
    logits = np.concatenate([(q * k).sum(1, keepdims=True), q @ others.T], axis=1) / temperature
    peak = logits.max(1, keepdims=True)
    total = np.exp(logits - peak).sum(1, keepdims=True)
    loss = (peak + np.log(total) - logits[:, :1]).mean()
    error = np.exp(logits - peak) / total
    error[:, 0] -= 1
    error /= len(q) * temperature
    outer = error[:, :1] * k + error[:, 1:] @ others, error[:, :1] * q, error[:, 1:].T @ q
    return loss, *(
        (g - x * (g * x).sum(1, keepdims=True)) / n
        for g, x, n in zip(outer, (q, k, others), lengths, strict=True)
    )


@jax.jit
def value_and_gradients(query, key, queue, temperature):
    def loss(args):
        return info_nce(*args, temperature=temperature)

    value, gradients = jax.value_and_grad(loss)((query, key, queue))
    return value, *gradients


@pytest.mark.parametrize("temperature", [0.01, 0.07, 0.5])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 2), (17, 64)])
def test_agrees_with_equation_1_in_float64(n, k, temperature):
    args = rows(n, k)
    expected = reference(*map(np.asarray, args), temperature)
    got = value_and_gradients(*args, temperature)
    for ours, theirs in zip(got, expected, strict=True):
        # A logit is at most 1 / temperature, and float32 keeps 6e-8 of it.
        atol = 3e-7 * max(10.0, 1.0 / temperature) * max(1.0, np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, atol=atol)


@pytest.mark.parametrize("temperature", [0.01, 0.07, 0.5])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 2), (17, 64)])
def test_agrees_with_lightlys_loss_and_memory_bank(n, k, temperature):
    torch = pytest.importorskip("torch")
    loss_of = pytest.importorskip("lightly.loss").NTXentLoss(temperature, (k, 16))
    args = rows(n, k)
    query, key = (torch.tensor(np.asarray(x), requires_grad=True) for x in args[:2])
    queue = np.asarray(args[2]) / np.linalg.norm(args[2], axis=1, keepdims=True)
    loss_of.memory_bank.bank = torch.tensor(queue)
    value = loss_of(query, key)
    value.backward()
    got = value_and_gradients(*args, temperature)
    expected = value.detach(), query.grad, key.grad
    for ours, theirs in zip(got[:3], expected, strict=True):
        atol = 3e-7 * max(10.0, 1.0 / temperature) * max(1.0, np.abs(theirs.numpy()).max())
        np.testing.assert_allclose(ours, theirs, atol=atol)


def test_golden_value_of_orthogonal_keys():
    # Each query sees e (its key, whatever its length) and three negatives at right angles.
    query, key, queue = jnp.eye(5)[:2], 7.0 * jnp.eye(5)[:2], 0.1 * jnp.eye(5)[2:]
    expected = np.log(np.e + 3.0) - 1.0
    np.testing.assert_allclose(info_nce(query, key, queue, temperature=1.0), expected, rtol=1e-6)


def test_of_two_pairs_it_is_half_of_ntxent_with_the_other_views_as_the_queue():
    z1, z2, _ = rows(2, 1)
    halves = [
        info_nce(a[i : i + 1], b[i : i + 1], jnp.stack([z1[1 - i], z2[1 - i]]), temperature=0.3)
        for a, b in ((z1, z2), (z2, z1))
        for i in range(2)
    ]
    np.testing.assert_allclose(np.mean(halves), ntxent(z1, z2, temperature=0.3), rtol=1e-5)


def test_zero_rows_are_finite_and_without_gradient():
    query, key, queue = rows(5, 6)
    query, key, queue = query.at[2].set(0.0), key.at[3].set(0.0), queue.at[1].set(0.0)
    value, *gradients = value_and_gradients(query, key, queue, 0.01)
    chex.assert_tree_all_finite((value, gradients))
    for gradient, row in zip(gradients, (2, 3, 1), strict=True):
        np.testing.assert_array_equal(gradient[row], 0.0)
    nothing = value_and_gradients(0 * query, 0 * key, 0 * queue, 0.01)
    np.testing.assert_allclose(nothing[0], np.log(7.0), rtol=1e-6)


def test_an_empty_queue_leaves_nothing_to_tell_apart():
    query, key, _ = rows(4, 1)
    np.testing.assert_allclose(info_nce(query, key, jnp.zeros((0, 16)), temperature=0.07), 0.0)


def test_accumulates_bfloat16_in_float32():
    args = rows(32, 64, dtype=jnp.bfloat16)
    value, *gradients = value_and_gradients(*args, 0.07)
    assert value.dtype == jnp.float32
    assert {gradient.dtype for gradient in gradients} == {jnp.dtype(jnp.bfloat16)}
    expected = reference(*(np.asarray(x, np.float32) for x in args), 0.07)
    np.testing.assert_allclose(value, expected[0], rtol=1e-6)
    for ours, theirs in zip(gradients, expected[1:], strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, atol=scale / 64)


def test_gradient_by_temperature():
    args = rows(6, 9)
    loss = partial(info_nce, *args)
    by_hand = (loss(temperature=0.505) - loss(temperature=0.495)) / 0.01
    got = jax.grad(lambda temperature: loss(temperature=temperature))(0.5)
    np.testing.assert_allclose(got, by_hand, rtol=1e-2)


def test_rejects_bad_shapes():
    query, key, queue = rows(4, 5)
    with pytest.raises(AssertionError):
        info_nce(query, key[:3], queue)
    with pytest.raises(AssertionError):
        info_nce(query, key, queue[:, :3])
    with pytest.raises(AssertionError):
        info_nce(query[0], key[0], queue)
