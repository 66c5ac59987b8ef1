import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import Ridge, RidgeClassifier

from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.data import load, open_images
from jaxdl.vision import linear_probe, probe_accuracy, ridge
from jaxdl.vision.probe import raw_pixels
from jaxdl.vision.ridge import PENALTIES, Rows, fit_ridge, predict


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    train, test = (x.reshape(len(x), -1) / 255.0 for x in (data.train_images, data.test_images))
    return data, train.astype(np.float32), test.astype(np.float32)


def fitted(features, labels, num_classes=10):
    rows = Rows(jnp.asarray(features), jnp.asarray(labels), range(len(labels)))
    return jax.jit(lambda: fit_ridge(rows, num_classes))()


def standardized(train, test):
    scale = np.where(train.std(0) > 1e-6, train.std(0), 1.0)
    return (train - train.mean(0)) / scale, (test - train.mean(0)) / scale


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_agrees_with_sklearn(digits, penalty):
    data, train, test = digits
    targets = np.eye(10, dtype=np.float32)[data.train_labels]
    got = predict(fitted(train, data.train_labels), penalty, test)
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
    labels_of = jnp.argmax(predict(fitted(train, labels, 2), PENALTIES[0], test), axis=1)
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


def test_fewer_rows_than_features_are_fitted_by_their_gram_matrix(digits):
    data, train, test = digits
    labels = data.train_labels[:40]
    x, y = standardized(train[:40].astype(np.float64), test)
    theirs = Ridge(alpha=0.1 * 40).fit(x, np.eye(10)[labels]).predict(y)
    dual = fitted(train[:40], labels)
    assert dual.values.shape == (40,)
    np.testing.assert_allclose(predict(dual, 0.1, test), theirs, atol=1e-3)


def test_blocks_of_rows_and_bytes_change_nothing(digits, monkeypatch):
    data, train, test = digits
    images = (data.train_images.reshape(len(train), -1), data.test_images.reshape(len(test), -1))
    plain = probe_accuracy(train, data.train_labels, test, data.test_labels, num_classes=10)
    monkeypatch.setattr(ridge, "BLOCK", 100)
    got = probe_accuracy(images[0], data.train_labels, images[1], data.test_labels, num_classes=10)
    np.testing.assert_allclose(got, plain, atol=0.0041)  # two of 500 images
    by_block = fitted(images[0], data.train_labels)
    monkeypatch.undo()
    whole = fitted(images[0], data.train_labels)
    np.testing.assert_allclose(by_block.values, whole.values, atol=1e-4)


def pixels(state, images):
    return images.reshape(len(images), -1) / 255.0


def start(key):
    return TrainState((), ())


def run_probe(fold):
    probed = jax.jit(fold.init)(jax.random.key(0), start(None))
    for batch in fold.batches():
        probed = jax.jit(fold.update)(probed, start(None), batch)
    return jax.jit(fold.result)(probed)


def test_probes_with_all_and_with_few_labels(digits):
    data, train, test = digits
    fold = linear_probe(open_images("digits").probe, per_class=10)(pixels, start)
    got = run_probe(fold)
    accuracies = [name for name in got if "_accuracy" in name]
    encoders = ("probe", "random_feature", "raw_pixel")
    assert set(accuracies) == {f"{e}_accuracy{s}" for e in encoders for s in ("", "_few")}
    expected = probe_accuracy(train, data.train_labels, test, data.test_labels, num_classes=10)
    assert expected > 0.92
    for name in encoders:  # all of them are the pixels here
        np.testing.assert_allclose(got[f"{name}_accuracy"], expected, atol=0.0041)
        assert 0.78 < got[f"{name}_accuracy_few"] < 0.9
    np.testing.assert_array_equal(got["pictures"], data.train_images[:10])


@pytest.mark.parametrize("batch_size", [7, 1797, 5000])
def test_batches_of_any_size_give_the_same_features(digits, batch_size):
    data, *_ = digits
    fold = linear_probe(open_images("digits").probe, baselines=False, batch_size=batch_size)
    fold = fold(pixels, start)
    probed = jax.jit(fold.init)(jax.random.key(0), start(None))
    update = jax.jit(fold.update)
    batches = list(fold.batches())
    assert len({jax.tree.map(np.shape, batch) for batch in batches}) == 1
    for batch in batches:
        probed = update(probed, start(None), batch)
    expected = np.concatenate([data.train_images, data.test_images]).reshape(1797, -1) / 255.0
    np.testing.assert_allclose(probed.features["probe"][:1797], expected, rtol=1e-6)
    labels = np.concatenate([data.train_labels, data.test_labels])
    np.testing.assert_array_equal(probed.labels[:1797], labels)


def test_what_a_probe_lacks_is_missed_before_training(digits):
    probe = linear_probe(open_images("digits", train_images=60).probe, per_class=10)
    with pytest.raises(BadInput, match="fewer than 10 training images: choose fewer by --few"):
        jax.eval_shape(probe(pixels, start).init, jax.random.key(0), start(None))
    probe = linear_probe(open_images("digits", train_images=4).probe)
    with pytest.raises(BadInput, match="at least 5 training images"):
        jax.eval_shape(probe(pixels, start).init, jax.random.key(0), start(None))
    probe = linear_probe(open_images("digits").probe, max_bytes=100_000)
    with pytest.raises(BadInput, match=r"need 1.\d GB|need 0.\d GB"):
        jax.eval_shape(probe(pixels, start).init, jax.random.key(0), start(None))


def test_raw_pixels_of_large_images_are_pooled():
    images = np.zeros((2, 256, 128, 3), np.uint8)
    images[:, :8, :4] = 200
    got = np.asarray(raw_pixels(jnp.asarray(images))).reshape(2, 32, 32, 3)
    assert got.dtype == np.uint8
    assert (got[:, 0, 0] == 200).all() and got[:, 1:].sum() == 0
    small = images[:, :30, :20]
    np.testing.assert_array_equal(raw_pixels(jnp.asarray(small)), small.reshape(2, -1))


def test_without_labels_there_are_pictures_and_no_accuracies(tmp_path):
    for i in range(3):
        Image.new("RGB", (20, 20), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
    fold = linear_probe(open_images("imagenet", tmp_path).probe, per_class=10)(pixels, start)
    got = run_probe(fold)
    assert set(got) == {"pictures"}
    assert sorted(got["pictures"][:, 0, 0, 0]) == [0, 60, 120]
