import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

from jaxdl.core.run import BadInput
from jaxdl.data import load
from jaxdl.vision import linear_probe, probe_accuracy
from jaxdl.vision.probe import PENALTIES, fit_ridge, in_batches, predict


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    train, test = (x.reshape(len(x), -1) / 255.0 for x in (data.train_images, data.test_images))
    return data, train.astype(np.float32), test.astype(np.float32)


def standardized(train, test):
    scale = np.where(train.std(0) > 1e-6, train.std(0), 1.0)
    return (train - train.mean(0)) / scale, (test - train.mean(0)) / scale


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_agrees_with_sklearn(digits, penalty):
    data, train, test = digits
    targets = np.eye(10, dtype=np.float32)[data.train_labels]
    got = predict(jax.jit(fit_ridge)(train, targets), penalty, test)
    x, y = standardized(train.astype(np.float64), test.astype(np.float64))
    theirs = Ridge(alpha=penalty * len(x)).fit(x, targets)
    np.testing.assert_allclose(got, theirs.predict(y), atol=1e-3)
    classifier = RidgeClassifier(alpha=penalty * len(x)).fit(x, data.train_labels)
    agreement = np.mean(np.argmax(got, axis=1) == classifier.predict(y))
    assert agreement > 0.995


def test_the_penalty_is_chosen_on_a_fifth_of_the_training_rows(digits):
    data, train, test = digits
    train, labels = train[:200], data.train_labels[:200]
    targets = np.eye(10)[labels]
    x, held_out = standardized(train[40:], train[:40])
    scores = [
        np.mean(
            Ridge(alpha=p * 160).fit(x, targets[40:]).predict(held_out).argmax(1) == labels[:40]
        )
        for p in PENALTIES
    ]
    best = np.flatnonzero(np.array(scores) == max(scores))
    x, y = standardized(train, test)
    chosen = Ridge(alpha=PENALTIES[best[len(best) // 2]] * 200).fit(x, targets)
    expected = np.mean(chosen.predict(y).argmax(1) == data.test_labels)
    got = probe_accuracy(train, labels, test, data.test_labels, num_classes=10)
    np.testing.assert_allclose(got, expected, atol=0.0041)  # two of 500 images
    assert len(best) < len(PENALTIES)


def test_test_rows_choose_nothing():
    key = jax.random.key(0)
    train, labels = jax.random.normal(key, (60, 5)), jnp.arange(60) % 2
    test = jax.random.normal(jax.random.key(1), (40, 5))
    labels_of = jnp.argmax(
        predict(fit_ridge(train, jax.nn.one_hot(labels, 2)), PENALTIES[0], test), axis=1
    )
    right = probe_accuracy(train, labels, test, labels_of, num_classes=2)
    wrong = probe_accuracy(train, labels, test, 1 - labels_of, num_classes=2)
    np.testing.assert_allclose(right + wrong, 1.0, atol=1e-6)


def test_constant_and_repeated_features_do_no_harm(digits):
    data, train, test = digits

    def with_more(x):
        return np.concatenate([x, x[:, :9], np.full((len(x), 2), 7.0, np.float32)], axis=1)

    plain = probe_accuracy(train, data.train_labels, test, data.test_labels, num_classes=10)
    more = probe_accuracy(
        with_more(train), data.train_labels, with_more(test), data.test_labels, num_classes=10
    )
    np.testing.assert_allclose(more, plain, atol=0.01)
    assert plain > 0.9


def test_encodes_in_batches_of_any_size():
    images = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2, 1)
    expected = images.reshape(7, 4) * 2.0
    for size in (1, 3, 7, 100):
        got = in_batches(lambda x: x.reshape(len(x), -1) * 2.0, jnp.asarray(images), size)
        np.testing.assert_array_equal(got, expected)


def test_probes_each_encoder_with_all_and_with_few_labels(digits):
    data, *_ = digits

    def pixels(images):
        return images.reshape(len(images), -1) / 255.0

    encoders = {"good": pixels, "blind": lambda images: pixels(images)[:, :1] * 0.0}
    got = jax.jit(lambda: linear_probe(data, per_class=10)(encoders))()
    assert sorted(got) == [
        "blind_accuracy",
        "blind_accuracy_few",
        "good_accuracy",
        "good_accuracy_few",
    ]
    assert got["good_accuracy"] > 0.92
    assert 0.78 < got["good_accuracy_few"] < 0.9
    assert got["blind_accuracy"] < 0.15
    with pytest.raises(BadInput, match="fewer than 1000"):
        linear_probe(data, per_class=1000)
