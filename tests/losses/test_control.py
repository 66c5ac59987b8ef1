"""Losses of actors and critics of real actions, by hand, by NumPy, and beside rlax."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import (
    categorical_td_loss,
    pessimistic_target,
    project,
    soft_policy_loss,
    squared_td_loss,
    temperature_loss,
)

REWARD = jnp.array([1.0, -2.0, 0.5])
DISCOUNT = jnp.array([0.9, 0.0, 0.81])
NEXT = jnp.array([[2.0, 5.0, -1.0], [3.0, 4.0, -2.0]])
VALUES = jnp.array([[1.0, -1.0, 0.0], [2.8, -2.0, -1.12]])
WEIGHT = jnp.array([1.0, 1.0, 0.0])


def test_the_target_believes_the_lesser_critic_and_is_a_constant():
    target = pessimistic_target(REWARD, DISCOUNT, NEXT)
    np.testing.assert_allclose(target, [2.8, -2.0, -1.12], atol=1e-6)
    slope = jax.grad(lambda q: pessimistic_target(REWARD, DISCOUNT, q).sum())(NEXT)
    np.testing.assert_array_equal(slope, 0.0)


def test_squared_errors_by_hand():
    """Of 1.8, -1 and a weight of zero in the first critic, and of none in the second."""
    target = jnp.array([2.8, -2.0, -1.12])
    loss, error = squared_td_loss(VALUES, target, WEIGHT)
    np.testing.assert_allclose(loss, 0.5 * (1.8**2 + 1.0) / 3, rtol=1e-6)
    np.testing.assert_allclose(error, [0.9, -0.5, -0.56], atol=1e-6)
    slope = jax.grad(lambda q: squared_td_loss(q, target, WEIGHT)[0])(VALUES)
    np.testing.assert_allclose(slope, [[-0.6, 1 / 3, 0.0], [0.0, 0.0, 0.0]], atol=1e-6)


def test_projection_agrees_with_rlax():
    rlax = pytest.importorskip("rlax")
    support = np.linspace(-2.0, 3.0, 11, dtype=np.float32)
    draws = np.random.default_rng(0)
    probs = draws.dirichlet(np.ones(11), 64).astype(np.float32)
    reward = draws.normal(size=64, scale=3.0).astype(np.float32)
    discount = draws.choice([0.0, 0.5, 0.97], 64).astype(np.float32)
    found = project(support, probs, reward, discount)
    moved = reward[:, None] + discount[:, None] * support
    expected = jax.vmap(rlax.categorical_l2_project, (0, 0, None))(moved, probs, support)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-6)


def test_projection_keeps_the_mean_within_the_support_and_all_mass_beyond():
    support = np.linspace(0.0, 4.0, 5, dtype=np.float32)
    probs = jnp.array([[0.0, 0.5, 0.0, 0.5, 0.0]])
    near = project(support, probs, jnp.array([0.25]), jnp.array([0.5]))
    np.testing.assert_allclose(near @ support, 0.25 + 0.5 * 2.0, atol=1e-6)
    far = project(support, probs, jnp.array([9.0]), jnp.array([0.5]))
    np.testing.assert_allclose(far, [[0, 0, 0, 0, 1]], atol=1e-6)


def test_cross_entropy_and_its_gradient_by_numpy():
    draws = np.random.default_rng(1)
    logits = draws.normal(size=(2, 3, 4)).astype(np.float32)
    target = draws.dirichlet(np.ones(4), 3).astype(np.float32)
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -(WEIGHT * (target * np.log(probs)).sum(-1)).mean(-1).sum()
    loss, slope = jax.value_and_grad(categorical_td_loss)(jnp.asarray(logits), target, WEIGHT)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, WEIGHT[:, None] * (probs - target) / 3, atol=1e-6)
    np.testing.assert_array_equal(jax.grad(categorical_td_loss, 1)(logits, target, WEIGHT), 0.0)


def test_soft_policy_loss_and_its_gradients_by_hand():
    logp = jnp.array([-1.0, 2.0, 0.0])
    args = (logp, NEXT, jnp.float32(0.5))
    loss = soft_policy_loss(*args)
    np.testing.assert_allclose(loss, ((-0.5 - 2.0) + (1.0 - 4.0) + 2.0) / 3, rtol=1e-6)
    by_logp, by_values = jax.grad(soft_policy_loss, (0, 1))(*args)
    np.testing.assert_allclose(by_logp, 0.5 / 3, rtol=1e-6)
    least = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    np.testing.assert_allclose(by_values, -least / 3, rtol=1e-6)


@pytest.mark.parametrize("entropy, sign", [(-2.0, -1), (0.5, 1)])
def test_the_temperature_rises_where_entropy_is_below_its_target(entropy, sign):
    """dJ / d log alpha = alpha (entropy - target), and descent goes the other way."""
    logp = jnp.array([-entropy - 0.3, -entropy + 0.3])
    log_alpha = jnp.log(0.2)
    loss, slope = jax.value_and_grad(temperature_loss)(log_alpha, logp, -1.0)
    np.testing.assert_allclose(slope, 0.2 * (entropy + 1.0), rtol=1e-5)
    np.testing.assert_allclose(loss, slope, rtol=1e-5)
    assert np.sign(slope) == sign
    np.testing.assert_array_equal(jax.grad(temperature_loss, 1)(log_alpha, logp, -1.0), 0.0)


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(AssertionError):
        pessimistic_target(REWARD[:, None], DISCOUNT, NEXT)
    with pytest.raises(AssertionError):
        squared_td_loss(VALUES, REWARD[:1], WEIGHT)
    with pytest.raises(AssertionError):
        soft_policy_loss(REWARD[:1], NEXT, jnp.float32(1.0))
    with pytest.raises(AssertionError):
        temperature_loss(jnp.zeros(1), REWARD, -1.0)
    chex.assert_shape(project(np.arange(3.0), jnp.ones((2, 3)) / 3, *jnp.ones((2, 2))), (2, 3))
