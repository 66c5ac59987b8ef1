import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as reference

from jaxdl.language.metrics import accuracy, matthews


@pytest.mark.parametrize("num_classes", [2, 4])
def test_scores_are_those_of_scikit_learn(num_classes):
    rng = np.random.default_rng(num_classes)
    for _ in range(5):
        labels = rng.integers(0, num_classes, 200)
        predicted = np.where(rng.random(200) < 0.6, labels, rng.integers(0, num_classes, 200))
        found = matthews(jnp.asarray(predicted), jnp.asarray(labels), num_classes)
        assert found == pytest.approx(reference.matthews_corrcoef(labels, predicted), abs=1e-5)
        found = accuracy(jnp.asarray(predicted), jnp.asarray(labels))
        assert found == pytest.approx(reference.accuracy_score(labels, predicted))


def test_weights_leave_rows_out():
    labels = jnp.array([0, 1, 1, 0, 1, 1])
    predicted = jnp.array([0, 1, 0, 1, 0, 0])
    weights = jnp.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    expected = reference.matthews_corrcoef(labels[:4], predicted[:4])
    assert matthews(predicted, labels, weights=weights) == pytest.approx(expected)
    assert accuracy(predicted, labels, weights) == pytest.approx(0.5)
    assert accuracy(predicted, labels, 0 * weights) == 0


@pytest.mark.parametrize("predicted, value", [([1, 1, 1], 0), ([0, 1, 1], 1), ([1, 0, 0], -1)])
def test_the_correlation_of_one_answer_is_zero_and_its_ends_are_one(predicted, value):
    labels = jnp.array([0, 1, 1])
    assert matthews(jnp.array(predicted), labels) == pytest.approx(value)
    assert matthews(labels, jnp.array([0, 0, 0])) == 0
