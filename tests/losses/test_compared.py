"""The losses of SimCLR's table 2, beside their terms written out view by view in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import margin_triplet, nt_logistic

LOSSES = {"nt_logistic": nt_logistic, "margin_triplet": margin_triplet}
ARGUMENTS = {"nt_logistic": {"temperature": 0.3}, "margin_triplet": {"margin": 0.4}}


def views(n, d=6, seed=0):
    keys = jax.random.split(jax.random.key(seed), 2)
    return [jax.random.normal(key, (n, d)) for key in keys]


def term(loss, positive, negative):
    """What one negative adds; None is the positive's own term."""
    if loss == "margin_triplet":
        return 0.0 if negative is None else max(negative - positive + 0.4, 0.0)
    sign, cosine = (-1, positive) if negative is None else (1, negative)
    return np.log1p(np.exp(sign * cosine / 0.3))


def reference(loss, mining, z1, z2):
    """Loops over views and negatives, float64."""
    z = np.stack([z1, z2], 1).reshape(-1, z1.shape[1])
    x = z / np.linalg.norm(z, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(x)):
        positive = x[i] @ x[i ^ 1]
        negatives = [x[i] @ x[j] for j in range(len(x)) if j // 2 != i // 2]
        if mining == "semi-hard":
            negatives = sorted(s for s in negatives if s < positive)[-1:]
        total += term(loss, positive, None)
        total += sum(term(loss, positive, s) for s in negatives) / max(len(negatives), 1)
    return total / len(x)


def slopes(loss, mining, z1, z2, step=1e-6):
    """The gradient by central differences."""
    z = np.stack([z1, z2])
    gradient = np.zeros_like(z)
    for place in np.ndindex(z.shape):
        move = np.zeros_like(z)
        move[place] = step
        up, down = (reference(loss, mining, *(z + sign * move)) for sign in (1, -1))
        gradient[place] = (up - down) / (2 * step)
    return gradient


@pytest.mark.parametrize("mining", ["all", "semi-hard"])
@pytest.mark.parametrize("loss", LOSSES)
def test_agrees_with_the_terms_written_out(loss, mining):
    for n in (2, 5):
        z = views(n)
        ours = jax.jit(
            jax.value_and_grad(lambda z: LOSSES[loss](*z, mining=mining, **ARGUMENTS[loss]))
        )
        value, gradient = ours(z)
        exact = [np.float64(x) for x in z]
        np.testing.assert_allclose(value, reference(loss, mining, *exact), rtol=1e-5)
        np.testing.assert_allclose(gradient, slopes(loss, mining, *exact), atol=1e-5)


def test_golden_values_of_two_orthogonal_pairs():
    # Every positive has cosine 1, every negative 0.
    z = jnp.array([[3.0, 0.0], [0.0, 0.2]])
    for mining in ("all", "semi-hard"):
        expected = np.log1p(np.exp(-1.0)) + np.log(2.0)
        np.testing.assert_allclose(nt_logistic(z, 5 * z, temperature=1.0, mining=mining), expected)
        near = margin_triplet(z, 5 * z, margin=0.8, mining=mining)
        np.testing.assert_allclose(near, 0.0)
        far = margin_triplet(z, 5 * z, margin=1.5, mining=mining)
        np.testing.assert_allclose(far, 0.5, rtol=1e-6)


def test_without_a_semi_hard_negative_there_is_none():
    # The other view points the other way, so that every negative is nearer.
    z1, z2 = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[-1.0, 0.0], [0.0, -1.0]])
    np.testing.assert_allclose(margin_triplet(z1, z2, mining="semi-hard"), 0.0)
    assert margin_triplet(z1, z2) > 1.0
    attraction = nt_logistic(z1, z2, temperature=1.0, mining="semi-hard")
    np.testing.assert_allclose(attraction, np.log1p(np.e), rtol=1e-6)


@pytest.mark.parametrize("mining", ["all", "semi-hard"])
@pytest.mark.parametrize("loss", LOSSES)
def test_one_pair_and_zero_rows_are_finite(loss, mining):
    for z1, z2 in (views(1), [x.at[1].set(0.0) for x in views(3)], [0 * x for x in views(3)]):
        both = jax.value_and_grad(lambda z: LOSSES[loss](*z, mining=mining))
        chex.assert_tree_all_finite(both((z1, z2)))


@pytest.mark.parametrize("loss", LOSSES)
def test_rejects_bad_shapes(loss):
    z1, z2 = views(4)
    with pytest.raises(AssertionError):
        LOSSES[loss](z1, z2[:3])
