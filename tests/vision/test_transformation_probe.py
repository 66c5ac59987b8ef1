import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import load, transformations
from jaxdl.data.colors import to_gray
from jaxdl.vision.transformation_probe import (
    QUESTIONS,
    encode_in_blocks,
    transformation_accuracy,
)

KEY = jax.random.key(0)


def pictures(rows=600, side=6, channels=3, seed=0):
    return np.random.default_rng(seed).random((rows, side, side, channels), np.float32)


def flat(images):
    return images.reshape(len(images), -1)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_what_was_done_to_the_image(name):
    images = pictures()
    views, answers = map(np.asarray, QUESTIONS[name].pose(KEY, images))
    assert views.shape == images.shape
    assert answers.dtype == np.int32
    changed = np.abs(views - images).max(axis=(1, 2, 3)) > 0
    np.testing.assert_array_equal(answers > 0, changed)
    expected = {
        "color": lambda: np.broadcast_to(to_gray(images), images.shape),
        "rotation": lambda: np.stack(
            [np.rot90(x, k) for x, k in zip(images, answers, strict=True)]
        ),
        "sobel": lambda: transformations.sobel(images),
        "noise": lambda: views,
    }[name]()
    np.testing.assert_allclose(views[changed], np.asarray(expected)[changed], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "chance"), [("color", 0.8), ("rotation", 0.25), ("noise", 0.5), ("sobel", 0.5)]
)
def test_chance_is_as_good_as_in_table_3(name, chance):
    _, answers = QUESTIONS[name].pose(KEY, np.zeros((4000, 4, 4, 3), np.float32))
    counts = np.bincount(answers, minlength=QUESTIONS[name].answers) / 4000
    assert len(counts) == QUESTIONS[name].answers
    np.testing.assert_allclose(counts.max(), chance, atol=0.03)


def test_features_that_tell_are_read_and_features_that_do_not_are_guessed():
    """Rotated digits are told by their pixels, not by their mean, which no turn changes."""
    digits = load("digits")
    halves = digits.train_images[:600], digits.test_images[:200]

    def read(encode):
        return float(transformation_accuracy(KEY, encode, QUESTIONS["rotation"], *halves))

    assert read(flat) > 0.7
    assert read(lambda images: jnp.mean(flat(images), axis=1, keepdims=True)) < 0.35


def test_training_and_test_images_are_transformed_by_their_own_draws():
    """A probe that has only seen the same turns of other images is right as often as it should."""
    corner = np.zeros((400, 4, 4, 1), np.float32)
    corner[:, 0, 0] = 1.0
    got = transformation_accuracy(KEY, flat, QUESTIONS["rotation"], corner, corner)
    np.testing.assert_allclose(got, 1.0)


@pytest.mark.parametrize("rows", [1, 5, 6, 13])
def test_blocks_are_padded_and_cut_again(rows):
    images = pictures(rows)
    got = jax.jit(lambda x: encode_in_blocks(flat, x, 6))(images)
    np.testing.assert_array_equal(got, flat(images))


def test_bytes_are_asked_the_same_as_floats():
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3), np.uint8)
    first, second = (
        transformation_accuracy(KEY, flat, QUESTIONS["noise"], x, x)
        for x in (images, images.astype(np.float32) / 255)
    )
    np.testing.assert_allclose(first, second)
