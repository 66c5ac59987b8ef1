"""Errors of action values against rlax and optax, in value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.losses import double_q_learning, huber, q_learning

BATCH, ACTIONS = 32, 5


@pytest.fixture(scope="module")
def batch():
    keys = jax.random.split(jax.random.key(0), 6)
    q_tm1, q_t, selector_t = (jax.random.normal(key, (BATCH, ACTIONS)) for key in keys[:3])
    a_tm1 = jax.random.randint(keys[3], (BATCH,), 0, ACTIONS)
    r_t = jax.random.normal(keys[4], (BATCH,))
    discount_t = jax.random.choice(keys[5], jnp.array([0.0, 0.9, 0.99]), (BATCH,))
    return q_tm1, a_tm1, r_t, discount_t, q_t, selector_t


def check(ours, theirs, batch):
    """Values, and the gradients of a loss of them on all value arrays."""
    floats = [i for i, x in enumerate(batch) if x.dtype == jnp.float32]

    def loss(function):
        return lambda *args: jnp.sum(jnp.sin(function(*args)))  # no two entries weigh alike

    np.testing.assert_allclose(ours(*batch), theirs(*batch), rtol=1e-6)
    found, wanted = (jax.grad(loss(f), floats)(*batch) for f in (ours, theirs))
    assert np.abs(wanted[0]).max() > 0.1
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_q_learning_agrees_with_rlax(batch):
    rlax = pytest.importorskip("rlax")
    check(q_learning, jax.vmap(rlax.q_learning), batch[:5])


def test_double_q_learning_agrees_with_rlax(batch):
    rlax = pytest.importorskip("rlax")
    check(double_q_learning, jax.vmap(rlax.double_q_learning), batch)


def test_errors_by_hand():
    """Two actions; the target net likes the first, the online net the second."""
    q_tm1, q_t = jnp.array([[1.0, 2.0]]), jnp.array([[10.0, 4.0]])
    rest = jnp.array([1]), jnp.array([3.0]), jnp.array([0.5])
    assert q_learning(q_tm1, *rest, q_t)[0] == 3 + 0.5 * 10 - 2
    assert double_q_learning(q_tm1, *rest, q_t, jnp.array([[0.0, 1.0]]))[0] == 3 + 0.5 * 4 - 2


def test_targets_are_constants(batch):
    def total(q_t, selector_t):
        return jnp.sum(double_q_learning(*batch[:4], q_t, selector_t))

    gradients = jax.grad(total, (0, 1))(*batch[4:])
    assert not any(np.any(x) for x in gradients)


@pytest.mark.parametrize("delta", [0.5, 1.0])
def test_huber_agrees_with_optax(delta):
    errors = jnp.linspace(-3.0, 3.0, 61)

    def total(function):
        return lambda x: jnp.sum(jnp.sin(function(x)))

    ours = lambda x: huber(x, delta=delta)  # noqa: E731
    theirs = lambda x: optax.huber_loss(x, delta=delta)  # noqa: E731
    np.testing.assert_allclose(ours(errors), theirs(errors), rtol=1e-6, atol=1e-7)
    found, wanted = (jax.grad(total(f))(errors) for f in (ours, theirs))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_shapes_that_differ_are_refused(batch):
    q_tm1, a_tm1, r_t, discount_t, q_t, _ = batch
    with pytest.raises(AssertionError):
        q_learning(q_tm1, a_tm1, r_t[:, None], discount_t, q_t)
    with pytest.raises(AssertionError):
        q_learning(q_tm1, a_tm1, r_t, discount_t, q_t[:, :-1])
