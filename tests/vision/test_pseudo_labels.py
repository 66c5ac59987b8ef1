"""Which guesses are learned from, and pools that may not be learned from."""

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.data.images import Images
from jaxdl.data.pool import OUTSIDE, PoolFiles, make_pool, read_outside, read_pool, split_pool
from jaxdl.vision.pseudo_labels import choose_balanced, pseudo_labels

# Six images of three classes: 0 is seen in rows 1, 3, 0 by falling confidence, 1 in 4 and 5, 2
# in row 2.
GUESSES = np.float32(
    [
        [0.4, 0.3, 0.3],
        [0.9, 0.1, 0.0],
        [0.2, 0.2, 0.6],
        [0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1],
        [0.3, 0.5, 0.2],
    ]
)


def by_hand(probabilities, per_class, threshold):
    """The same rule, image by image."""
    rows = []
    for label in range(probabilities.shape[1]):
        mine = [
            i for i, p in enumerate(probabilities) if p.argmax() == label and p.max() > threshold
        ]
        mine.sort(key=lambda i: -probabilities[i].max())
        rows += [mine[:per_class][j % min(per_class, len(mine))] for j in range(per_class)]
    return rows


def test_the_most_confident_of_each_class_are_taken_and_small_classes_repeated():
    assert choose_balanced(GUESSES, 2).tolist() == [1, 3, 4, 5, 2, 2]
    assert choose_balanced(GUESSES, 1).tolist() == [1, 4, 2]
    assert choose_balanced(GUESSES, 2, threshold=0.55).tolist() == [1, 3, 4, 4, 2, 2]


def test_a_class_without_images_leaves_its_places_to_the_others():
    chosen = choose_balanced(GUESSES, 2, threshold=0.65)  # nothing of class 2
    assert chosen.tolist() == [1, 3, 4, 4, 1, 4]
    with pytest.raises(BadInput, match="--threshold=0.95: the teacher is so sure of none of 6"):
        choose_balanced(GUESSES, 2, threshold=0.95)


@pytest.mark.parametrize(("per_class", "threshold"), [(3, 0.0), (40, 0.0), (7, 0.5)])
def test_random_guesses_are_chosen_as_by_hand(per_class, threshold):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4) / 2, 100)
    got = choose_balanced(probabilities, per_class, threshold=threshold)
    assert got.dtype == np.int32
    assert got.tolist() == by_hand(probabilities, per_class, threshold)


def test_ranks_do_not_depend_on_how_sure_a_teacher_is_of_a_class():
    """Calibration that keeps the order within each class changes nothing; a threshold sees it."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.6, 0.9, 40)
    labels = rng.integers(0, 2, 40)
    shy = np.where(labels == 0, confidence, 0.5 + (confidence - 0.5) / 4)

    def of(values):
        return np.stack([np.where(labels == k, values, 1 - values) for k in range(2)], axis=1)

    np.testing.assert_array_equal(choose_balanced(of(confidence), 5), choose_balanced(of(shy), 5))
    assert set(labels[choose_balanced(of(shy), 5, threshold=0.65)]) == {0}


def test_hard_labels_are_the_best_guesses():
    np.testing.assert_array_equal(pseudo_labels(GUESSES, "soft"), GUESSES)
    hard = pseudo_labels(GUESSES, "hard")
    np.testing.assert_array_equal(hard.argmax(axis=1), GUESSES.argmax(axis=1))
    np.testing.assert_array_equal(np.sort(hard, axis=1), [[0, 0, 1]] * 6)


def data_of(count=60, classes=3, **changes):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count + 10, 5, 4, 1), np.uint8)
    labels = (np.arange(count + 10) % classes).astype(np.int32)
    parts = (images[:count], labels[:count], images[count:], labels[count:])
    return Images(*parts, classes, "noise")._replace(**changes)


def test_labels_are_balanced_and_a_pool_holds_none_of_the_labeled_or_test_images():
    pool = make_pool(data_of())
    first, again, other = (split_pool(pool, labels=6, unlabeled=40, seed=s) for s in (0, 0, 1))
    assert sorted(pool.labels[first.labeled]) == [0, 0, 1, 1, 2, 2]
    assert len(set(first.unlabeled)) == 40
    assert not set(first.labeled) & set(first.unlabeled)
    np.testing.assert_array_equal(first.labeled, again.labeled)
    assert set(first.labeled) != set(other.labeled)


def test_images_of_other_things_are_resized_and_never_labeled():
    outside = np.random.default_rng(1).integers(0, 256, (7, 10, 8), np.uint8)
    pool = make_pool(data_of(), outside)
    assert pool.images.shape == (67, 5, 4, 1)
    assert (pool.labels == OUTSIDE).sum() == 7
    split = split_pool(pool, labels=3, unlabeled=20, seed=0)
    assert (pool.labels[split.unlabeled] == OUTSIDE).sum() == 7
    assert (pool.labels[split.labeled] >= 0).all()
    assert len(split.unlabeled) == 27


def test_a_pool_with_test_images_is_refused():
    data = data_of()
    leaked = np.concatenate([data.train_images[:-2], data.test_images[:2]])
    with pytest.raises(BadInput, match="hold 2 of the test images"):
        make_pool(data._replace(train_images=leaked))
    with pytest.raises(BadInput, match="hold 1 of the test images"):
        make_pool(data, data.test_images[:1, ..., 0])


@pytest.mark.parametrize(
    ("labels", "unlabeled", "message"),
    [
        (2, 10, "fewer than the 3 classes"),
        (4, 10, "no multiple of the 3 classes"),
        (3, 58, "more than the 60 images"),
        (63, 1, "more than the 60 images"),
    ],
)
def test_splits_that_cannot_be_are_refused(labels, unlabeled, message):
    with pytest.raises(BadInput, match=message) as error:
        split_pool(make_pool(data_of()), labels=labels, unlabeled=unlabeled, seed=0)
    assert "\n" not in str(error.value)


def test_files_of_other_things(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 6, 6), np.uint8)
    np.savez(tmp_path / "others.npz", images)
    got = read_outside(tmp_path / "others.npz", 4)
    assert got.shape == (4, 6, 6)
    assert {x.tobytes() for x in got} <= {x.tobytes() for x in images}
    with pytest.raises(BadInput, match="holds 9 images"):
        read_outside(tmp_path / "others.npz", 10)
    with pytest.raises(BadInput, match="is no file"):
        read_outside(tmp_path / "none.npz", 1)
    np.savez(tmp_path / "floats.npz", images.astype(np.float32))
    with pytest.raises(BadInput, match="should be uint8 images"):
        read_outside(tmp_path / "floats.npz", 1)


def test_the_digits_are_read_once_with_what_joins_them(tmp_path):
    np.savez(tmp_path / "others.npz", np.zeros((9, 28, 28), np.uint8))
    files = PoolFiles("digits", "", 100, 50, False, str(tmp_path / "others.npz"), 5)
    pool = read_pool(files)
    assert pool is read_pool(files)
    assert pool.images.shape == (105, 8, 8, 1)
    assert (pool.labels[-5:] == OUTSIDE).all()
    assert len(pool.test_images) == 50
