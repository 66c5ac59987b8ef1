"""Cross entropy against optax, scikit-learn and the gradient by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import log_loss

from jaxdl import vision
from jaxdl.losses import softmax_cross_entropy

ROWS, CLASSES = 17, 5
RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(ROWS, CLASSES))).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, ROWS)
SOFT = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def smoothed(targets, epsilon):
    probabilities = np.eye(CLASSES)[targets] if targets.ndim == 1 else targets
    return (1 - epsilon) * probabilities + epsilon / CLASSES


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("targets", [LABELS, SOFT], ids=["integers", "probabilities"])
def test_value_and_gradient_agree_with_optax_and_with_those_by_hand(targets, epsilon):
    loss = jax.jit(lambda x: softmax_cross_entropy(x, targets, label_smoothing=epsilon))
    q = smoothed(targets, epsilon)
    theirs = lambda x: optax.losses.softmax_cross_entropy(x, jnp.float32(q)).mean()  # noqa: E731
    value, gradient = jax.value_and_grad(loss)(LOGITS)
    expected, expected_gradient = jax.value_and_grad(theirs)(LOGITS)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-7)
    by_hand = -(q * np.log(softmax(LOGITS.astype(np.float64)))).sum(axis=1).mean()
    np.testing.assert_allclose(value, by_hand, rtol=1e-6)
    np.testing.assert_allclose(gradient, (softmax(LOGITS) - q) / ROWS, atol=1e-7)


def test_integer_labels_agree_with_scikit_learn():
    expected = log_loss(LABELS, softmax(LOGITS.astype(np.float64)), labels=range(CLASSES))
    np.testing.assert_allclose(softmax_cross_entropy(LOGITS, LABELS), expected, rtol=1e-6)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_one_hot_probabilities_are_the_integers(epsilon):
    one_hot = np.eye(CLASSES, dtype=np.float32)[LABELS]
    loss, other = (
        jax.value_and_grad(lambda x, q=q: softmax_cross_entropy(x, q, label_smoothing=epsilon))(
            LOGITS
        )
        for q in (LABELS, one_hot)
    )
    np.testing.assert_allclose(loss[0], other[0], rtol=1e-6)
    np.testing.assert_allclose(loss[1], other[1], atol=1e-7)


def test_a_uniform_guess_costs_the_logarithm_of_the_classes():
    flat = jnp.zeros((3, CLASSES))
    np.testing.assert_allclose(softmax_cross_entropy(flat, jnp.array([0, 1, 2])), np.log(CLASSES))
    np.testing.assert_allclose(softmax_cross_entropy(flat, SOFT[:3]), np.log(CLASSES), rtol=1e-6)


def test_half_precision_is_summed_in_float32():
    half = jnp.asarray(LOGITS, jnp.bfloat16)
    value, gradient = jax.value_and_grad(softmax_cross_entropy)(half, LABELS)
    assert value.dtype == jnp.float32
    assert gradient.dtype == jnp.bfloat16
    expected = softmax_cross_entropy(half.astype(jnp.float32), LABELS)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_large_logits_give_finite_values_and_gradients(scale):
    for targets in (LABELS, SOFT):
        value, gradient = jax.value_and_grad(softmax_cross_entropy)(scale * LOGITS, targets)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_a_class_that_is_ruled_out_costs_nothing():
    logits = jnp.asarray(LOGITS).at[:, -1].set(-jnp.inf)
    targets = np.float32(SOFT[:, :-1] / SOFT[:, :-1].sum(axis=1, keepdims=True))
    padded = np.pad(targets, ((0, 0), (0, 1)))
    value, gradient = jax.value_and_grad(softmax_cross_entropy)(logits, padded)
    np.testing.assert_allclose(value, softmax_cross_entropy(LOGITS[:, :-1], targets), rtol=1e-6)
    np.testing.assert_array_equal(gradient[:, -1], 0)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(ROWS - 1,), (ROWS, CLASSES + 1), (ROWS, 1), (ROWS, CLASSES, 1)])
def test_targets_of_another_shape_are_refused(shape):
    with pytest.raises(AssertionError):
        softmax_cross_entropy(LOGITS, np.zeros(shape, np.int32))


def test_smoothing_beyond_its_range_is_refused():
    with pytest.raises(ValueError, match="within 0 to 1"):
        softmax_cross_entropy(LOGITS, LABELS, label_smoothing=1.5)


def test_the_name_stands_where_it_was():
    from jaxdl.vision.supervised import softmax_cross_entropy as earlier

    assert vision.softmax_cross_entropy is softmax_cross_entropy
    assert earlier is softmax_cross_entropy
