import hashlib
from importlib import resources

import jax
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.data import (
    drawn_characters,
    has_omniglot,
    read_omniglot,
    read_runs,
    sample_tasks,
    split_classes,
)
from jaxdl.data.omniglot import CLASSES_FILE, CLASSES_SHA256, FILE, RUNS

SIZES = {"ways": 3, "shots": 2, "queries": 4, "tasks": 5}


@pytest.fixture(scope="module")
def images():
    """[6, 8, 4, 4]: which class and which of its images a picture is can be read off its corner."""
    x = np.zeros((6, 8, 4, 4), np.uint8)
    x[:, :, 0, 0] = 10 * (1 + np.arange(6))[:, None] + np.arange(8)
    return x


@pytest.fixture(scope="module")
def draw():
    return jax.jit(sample_tasks, static_argnames=(*SIZES, "rotations"))


def marks(x):
    """The number in a picture, and the corner that it is in: 0, 1, 2, 3 counterclockwise."""
    x = np.round(255 * np.asarray(x)[..., 0]).astype(int)
    corners = np.stack([x[..., 0, 0], x[..., 3, 0], x[..., 3, 3], x[..., 0, 3]], -1)
    np.testing.assert_array_equal(corners.sum(-1), x.sum((-1, -2)))
    return corners.max(-1), corners.argmax(-1)


def test_a_task_has_classes_and_images_once_each_and_labels_by_class(images, draw):
    tasks = draw(jax.random.key(0), images, **SIZES)
    assert tasks.support_x.shape == (5, 6, 4, 4, 1)
    assert tasks.query_x.shape == (5, 12, 4, 4, 1)
    support, corner = marks(tasks.support_x)
    query, _ = marks(tasks.query_x)
    assert not corner.any()
    for task in range(5):
        assert len({*support[task], *query[task]}) == 18  # none is drawn twice
        of = support[task, ::2] // 10  # the class that a label means
        assert len(set(of)) == 3
        np.testing.assert_array_equal(of[tasks.support_y[task]], support[task] // 10)
        np.testing.assert_array_equal(of[tasks.query_y[task]], query[task] // 10)
    assert len({tuple(row) for row in support}) == 5
    again = draw(jax.random.key(0), images, **SIZES)
    np.testing.assert_array_equal(again.query_x, tasks.query_x)


def test_every_class_is_drawn_equally_often(images, draw):
    tasks = draw(jax.random.key(1), images, **SIZES | {"tasks": 2000})
    support, _ = marks(tasks.support_x)
    _, counts = np.unique(support[:, ::2] // 10, return_counts=True)
    # 2000 tasks of 3 of 6 classes: 1000 each, with a deviation of 22.
    assert len(counts) == 6 and abs(counts - 1000).max() < 110
    _, counts = np.unique(support[:, 0] % 10, return_counts=True)
    assert len(counts) == 8 and abs(counts - 250).max() < 75


def test_a_turned_class_is_a_class_of_its_own(images, draw):
    tasks = draw(jax.random.key(0), images, **SIZES | {"ways": 24}, rotations=True)
    support, corner = marks(tasks.support_x)
    query, query_corner = marks(tasks.query_x)
    classes = support[:, ::2] // 10, corner[:, ::2]
    for task in range(5):
        assert len(set(zip(classes[0][task], classes[1][task], strict=True))) == 24
        y = tasks.query_y[task]
        np.testing.assert_array_equal(classes[0][task][y], query[task] // 10)
        np.testing.assert_array_equal(classes[1][task][y], query_corner[task])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ways": 7}, "--ways=7 should be at most 6, the classes there are"),
        ({"ways": 25, "rotations": True}, "--ways=25 should be at most 24"),
        ({"shots": 5}, "--shots=5 and --queries=4 should be at most 8 together"),
    ],
)
def test_more_than_there_is_cannot_be_drawn(images, change, message):
    with pytest.raises(BadInput, match=message):
        sample_tasks(jax.random.key(0), images, **SIZES | change)


def test_oblong_images_cannot_be_turned():
    with pytest.raises(BadInput, match="4 x 5 pixels are no squares"):
        sample_tasks(jax.random.key(0), np.zeros((6, 8, 4, 5), np.uint8), **SIZES, rotations=True)


def test_drawn_characters_are_told_by_their_nearest_neighbor():
    data = drawn_characters((4, 2, 30), samples=4, side=14)
    assert [x.shape[0] for x in data[:3]] == [4, 2, 30]
    assert data.test.shape == (30, 4, 14, 14) and data.test.dtype == np.uint8
    ink = data.test.reshape(30, 4, -1).astype(float)
    assert len({x.tobytes() for x in data.test.reshape(-1, 14, 14)}) == 120
    distance = ((ink[:, None, 1] - ink[None, :, 0]) ** 2).sum(-1)
    right = (distance.argmin(1) == np.arange(30)).mean()
    assert 0.3 < right < 1  # by chance 0.03; not so alike that there is nothing to learn
    again = drawn_characters((4, 2, 30), samples=4, side=14)
    np.testing.assert_array_equal(again.test, data.test)


def test_the_split_is_the_one_that_was_written_once():
    text = resources.files("jaxdl.data").joinpath(CLASSES_FILE).read_bytes()
    assert hashlib.sha256(text).hexdigest() == CLASSES_SHA256
    parts = split_classes()
    assert [len(rows) for rows in parts] == [1100, 100, 423]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1623))
    train, validation, test = split_classes("alphabets")
    assert (len(train), len(validation), len(test)) == (964, 0, 659)
    assert train.max() < test.min()


def test_what_is_no_omniglot_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    assert not has_omniglot()
    with pytest.raises(BadInput, match=r"omniglot_28.npz is looked for in --data_dir, or in meta/"):
        read_omniglot()
    with pytest.raises(BadInput, match="has no all_runs.zip"):
        read_runs(tmp_path)
    (tmp_path / FILE).write_bytes(b"no archive")
    with pytest.raises(BadInput, match="SHA-256 [0-9a-f]{12}..., should be 07b29382e182..."):
        read_omniglot(tmp_path)
    monkeypatch.setenv("JAXDL_DATA", str(tmp_path))
    with pytest.raises(BadInput, match="meta has no omniglot_28.npz"):
        read_omniglot()


def test_omniglot_and_its_runs_hold_the_same_drawings(real_data):
    if not has_omniglot():
        pytest.skip(f"needs {FILE} and {RUNS}")
    data = read_omniglot(split="alphabets")
    assert data.train.shape == (964, 20, 28, 28)
    runs = read_runs()
    class_of = {x.tobytes(): i for i, of in enumerate(data.test) for x in of}
    support = [[class_of[x.tobytes()] for x in run] for run in runs.support]
    query = [[class_of[x.tobytes()] for x in run] for run in runs.query]
    np.testing.assert_array_equal(np.take_along_axis(np.array(support), runs.labels, 1), query)
    one, other = ({x.tobytes() for run in part for x in run} for part in runs[:2])
    assert len(one) == len(other) == 400 and not one & other
    random = read_omniglot()
    assert random.test.shape == (423, 20, 28, 28)
    seen = {x.tobytes() for x in data.train[:, 0]} & {x.tobytes() for x in random.train[:, 0]}
    assert 0 < len(seen) < 964
