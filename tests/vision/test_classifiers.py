"""The probes that are no ridge: each against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from experiments.vision._options import CLASSIFIERS as NAMES
from experiments.vision._options import Probe
from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.data import load, open_images
from jaxdl.data.images import rows_per_class
from jaxdl.launch import Outcome
from jaxdl.vision import linear_probe, logistic, neighbors, neighbors_exhibit, ridge
from jaxdl.vision.logistic import PENALTIES, fit_logistic, predict_logits
from jaxdl.vision.neighbors import find_neighbors, vote
from jaxdl.vision.probe import CLASSIFIERS
from jaxdl.vision.ridge import Rows


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    train, test = (x.reshape(len(x), -1) / 255.0 for x in (data.train_images, data.test_images))
    return data, train, test


def rows_of(features, labels):
    return Rows(jnp.asarray(features), jnp.asarray(labels), range(len(labels)))


def standardized(train, test):
    scale = np.where(train.std(0) > 1e-6, train.std(0), 1.0)
    return (train - train.mean(0)) / scale, (test - train.mean(0)) / scale


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_logistic_agrees_with_sklearn_to_four_digits(digits, penalty):
    data, train, test = digits
    train, labels = train[:400], data.train_labels[:400]
    with jax.enable_x64(True):
        rows = rows_of(train, labels)
        solve = lambda: fit_logistic(rows, 10, penalty, iterations=2000, tolerance=1e-8)  # noqa: E731
        ours = jax.jit(solve)()
        got = np.asarray(jax.nn.softmax(predict_logits(ours, jnp.asarray(test))))
        weights = np.asarray(ours.weights)
    x, y = standardized(train, test)
    theirs = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-10, max_iter=10_000).fit(x, labels)
    # Constants added to a class's weights change nothing without a penalty; the bias has none.
    np.testing.assert_allclose(weights, theirs.coef_.T, atol=1e-4)
    np.testing.assert_allclose(got, theirs.predict_proba(y), atol=1e-4)
    assert weights.dtype == np.float64 and np.abs(weights).max() > 0.05


def test_logistic_in_single_precision_predicts_the_same(digits):
    data, train, test = digits
    train, labels = train[:400].astype(np.float32), data.train_labels[:400]
    ours = jax.jit(lambda: fit_logistic(rows_of(train, labels), 10, 1e-2))()
    assert ours.weights.dtype == jnp.float32
    x, y = standardized(train.astype(np.float64), test)
    theirs = LogisticRegression(C=100 / len(x), max_iter=10_000, tol=1e-8).fit(x, labels)
    got = jax.nn.softmax(predict_logits(ours, test.astype(np.float32)))
    np.testing.assert_allclose(got, theirs.predict_proba(y), atol=2e-3)


def test_the_penalty_is_chosen_on_a_fifth_of_the_training_rows(digits):
    data, train, test = digits
    train, labels = train[:200], data.train_labels[:200]
    x, held_out = standardized(train[40:], train[:40])

    def theirs(penalty, x, y):
        return LogisticRegression(C=1 / (penalty * len(x)), max_iter=10_000).fit(x, y)

    scores = [theirs(p, x, labels[40:]).score(held_out, labels[:40]) for p in PENALTIES]
    best = np.flatnonzero(np.array(scores) == max(scores))
    assert len(best) < len(PENALTIES)
    x, y = standardized(train, test)
    expected = theirs(PENALTIES[best[(len(best) - 1) // 2]], x, labels).score(y, data.test_labels)
    train, test = rows_of(train, labels), rows_of(test, data.test_labels)
    got = jax.jit(lambda: logistic.fit_and_score(train, test, num_classes=10))()
    np.testing.assert_allclose(got, expected, atol=0.0041)  # two of 500 images


@pytest.mark.parametrize("temperature", [None, 0.07])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_neighbors_vote_as_sklearns_do(digits, k, temperature):
    data, train, test = digits
    weigh = "uniform" if temperature is None else lambda d: np.exp((1 - d) / temperature)
    theirs = KNeighborsClassifier(k, metric="cosine", weights=weigh).fit(train, data.train_labels)
    rows = rows_of(train.astype(np.float32), data.train_labels)
    found = jax.jit(lambda: find_neighbors(rows, test.astype(np.float32), k))()
    votes = vote(found, rows.labels, num_classes=10, temperature=temperature)
    np.testing.assert_array_equal(jnp.argmax(votes, axis=1), theirs.predict(test))
    distances, indices = theirs.kneighbors(test)
    np.testing.assert_allclose(found.similarities, 1 - distances, atol=1e-5)
    assert np.mean(found.rows == indices) > 0.995  # but for ties within rounding


def test_blocks_change_no_neighbor(digits, monkeypatch):
    data, train, test = digits
    rows = Rows(jnp.asarray(data.train_images.reshape(len(train), -1)), None, range(7, 900))
    queries = jnp.asarray(test[:50], jnp.float32)
    whole = find_neighbors(rows, queries, 6)
    monkeypatch.setattr(ridge, "BLOCK", 100)
    parts = find_neighbors(rows, queries, 6)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    assert whole.rows.min() >= 7 and whole.rows.max() < 900
    assert all(len(set(row)) == 6 for row in np.asarray(parts.rows))


def test_few_rows_and_rows_of_zeros_have_neighbors_too():
    rows = rows_of(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -2.0]]), np.array([0, 1, 1]))
    found = find_neighbors(rows, jnp.array([[3.0, 0.0], [0.0, 0.0]]), 20)
    np.testing.assert_array_equal(found.rows[0], [1, 0, 2])
    np.testing.assert_allclose(found.similarities, [[1, 0, 0], [0, 0, 0]], atol=1e-6)
    votes = vote(found, rows.labels, num_classes=2, temperature=None)
    np.testing.assert_array_equal(votes, [[1, 2], [1, 2]])


@pytest.mark.parametrize("name", ["ridge", "logistic"])
def test_features_are_standardized_by_the_training_rows_alone(name):
    """A test row that is far out must not move the others' predictions."""
    key = jax.random.key(0)
    train = jax.random.normal(key, (60, 5))
    labels = jnp.int32(train[:, 0] > 0)
    test = jax.random.normal(jax.random.key(1), (40, 5))
    answers = jnp.int32(test[:, 0] > 0)
    far = jnp.full((1, 5), 1e4)
    classify = jax.jit(
        lambda test, answers: CLASSIFIERS[name](
            rows_of(train, labels), Rows(test, answers, range(len(test))), num_classes=2
        )
    )
    alone = classify(test, answers)
    beside = classify(jnp.concatenate([test, far]), jnp.append(answers, 5))  # it counts as wrong
    np.testing.assert_allclose(beside * 41, alone * 40, atol=1e-4)
    assert alone > 0.8
    moved = classify(test * 3 + 100, answers)  # with its own statistics, this would be no change
    assert moved < alone


def pixels(state, images):
    return images.reshape(len(images), -1) / 255.0


def run_probe(probe, init=lambda key: TrainState((), ())):
    fold = probe(pixels, init)
    state = TrainState((), ())
    probed = jax.jit(fold.init)(jax.random.key(0), state)
    update = jax.jit(fold.update)
    for batch in fold.batches():
        probed = update(probed, state, batch)
    return jax.jit(fold.result)(probed)


def test_all_probes_inside_an_evaluation(digits):
    data, train, test = digits
    images = open_images("digits", train_images=300)
    probe = linear_probe(images.probe, probes=NAMES, baselines=False, per_class=5, draws=2)
    got = run_probe(probe)
    suffixes = ("", "_few", "_logistic", "_logistic_few", "_knn", "_knn_few")
    assert {n for n in got if "accuracy" in n} == {f"probe_accuracy{s}" for s in suffixes}
    theirs = KNeighborsClassifier(
        neighbors.NEIGHBORS, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.07)
    ).fit(train[:300], data.train_labels[:300])
    expected = theirs.score(test, data.test_labels)
    np.testing.assert_allclose(got["probe_accuracy_knn"], expected, atol=1e-6)
    assert got["probe_accuracy_logistic"] > 0.88
    assert 0.6 < got["probe_accuracy_logistic_few"] < got["probe_accuracy_logistic"]
    draws = [rows_per_class(data.train_labels[:300], 10, 5, seed) for seed in range(2)]
    few = [
        theirs.fit(train[rows], data.train_labels[rows]).score(test, data.test_labels)
        for rows in draws
    ]
    np.testing.assert_allclose(got["probe_accuracy_knn_few"], np.mean(few), atol=1e-6)
    assert got["probe_accuracy_knn_few"] < got["probe_accuracy_knn"]
    nearest = KNeighborsClassifier(5, metric="cosine").fit(train[:300], data.train_labels[:300])
    np.testing.assert_array_equal(
        got["neighbor_rows"], nearest.kneighbors(test[:10], return_distance=False)
    )


def test_the_picture_shows_a_query_above_its_neighbors(digits):
    data, *_ = digits
    images = open_images("digits", train_images=50, test_images=3)
    rows = np.array([[4, 0, 1, 2, 3], [7, 1, 2, 3, 4], [0, 1, 2, 3, 49]], np.int32)
    outcome = Outcome({}, {"neighbor_rows": np.stack([rows, rows + 1])}, [], num_seeds=2)
    (exhibit,) = neighbors_exhibit(outcome, images.probe, learned="SimCLR")
    axes = np.array(exhibit.content.axes).reshape(6, 3)
    for column in range(3):
        shown = [np.asarray(axis.images[0].get_array()) for axis in axes[:, column]]
        expected = [data.test_images[column], *data.train_images[rows[column]]]
        np.testing.assert_allclose(shown, np.stack(expected)[..., 0] / 255.0)
        for axis, row in zip(axes[1:, column], rows[column], strict=True):
            same = data.train_labels[row] == data.test_labels[column]
            assert (axis.spines["top"].get_edgecolor()[1] > 0.5) == same  # green, or orange
    assert (
        f"{np.mean(data.train_labels[rows] == data.test_labels[:3, None]):.0%}" in exhibit.caption
    )
    assert neighbors_exhibit(Outcome({}, {}, [], 1), images.probe, learned="SimCLR") == []


@pytest.mark.parametrize("probes", [("knn",), ("ridge", "svm"), ("ridge", "ridge"), ()])
def test_probes_that_are_none_are_refused(probes):
    with pytest.raises(BadInput, match="--probes="):
        Probe(probes=probes)
    assert set(NAMES) == set(CLASSIFIERS)
    with pytest.raises(BadInput, match="one of ridge, logistic, knn"):
        linear_probe(open_images("digits").probe, probes=("svm",))
