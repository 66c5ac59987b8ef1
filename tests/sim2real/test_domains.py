import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from jaxdl.core.run import BadInput
from jaxdl.data import load
from jaxdl.sim2real import crossing_training, few_labels, open_pair
from jaxdl.sim2real.domains import enlarge
from jaxdl.sim2real.textures import (
    HEIGHT,
    PICTURES,
    WIDTH,
    Patches,
    blend,
    cut_patches,
    draw_patches,
)


def pixels_of(patches):
    """[2, HEIGHT, WIDTH] bool: which pixels of the photographs are shown by any of the patches."""
    seen = np.zeros((len(PICTURES), HEIGHT, WIDTH), bool)
    for picture, row, column in zip(patches.picture, patches.row, patches.column, strict=True):
        seen[picture, row : row + patches.side, column : column + patches.side] = True
    return seen


@pytest.mark.parametrize("side", [28, 32])
def test_textures_of_training_and_of_tests_share_no_pixel(side):
    train, test = (pixels_of(draw_patches(part, 4000, side)) for part in ("train", "test"))
    assert not np.any(train & test)
    assert train.mean() > 0.6 and test.mean() > 0.2  # and nearly all of the photographs is used


def test_patches_are_the_photographs_pixels():
    patches = Patches(np.array([1, 0]), np.array([3, 100]), np.array([5, 600]), 8)
    cut = cut_patches(patches, 8)
    flower, china = load_sample_image("flower.jpg"), load_sample_image("china.jpg")
    np.testing.assert_array_equal(cut[0], flower[3:11, 5:13])
    np.testing.assert_array_equal(cut[1], china[100:108, 600:608])
    half = cut_patches(patches, 4)
    expected = flower[3:5, 5:7].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(half[0, 0, 0], expected, atol=0.51)


def test_blending_is_the_absolute_difference():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 4, 4, 1)).astype(np.uint8)
    patches = rng.integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    expected = np.abs(images.astype(int) - patches.astype(int))
    np.testing.assert_array_equal(blend(images, patches), expected)
    np.testing.assert_array_equal(blend(np.zeros_like(images), patches), patches)


def test_both_domains_have_their_own_digits_in_training():
    source, target = open_pair("textured_digits").read()
    digits = load("digits")
    half = len(digits.train_labels) // 2
    np.testing.assert_array_equal(source.train_labels, digits.train_labels[:half])
    np.testing.assert_array_equal(target.train_labels, digits.train_labels[half:])
    np.testing.assert_array_equal(source.test_labels, target.test_labels)
    assert source.train_images.shape == (half, 16, 16, 3)
    assert target.test_images.shape == source.test_images.shape == (500, 16, 16, 3)
    # Where there is no ink a texture shows through, where there is much it is inverted.
    large = enlarge(digits.test_images, 16)
    paper = np.broadcast_to(large == 0, target.test_images.shape)
    assert target.test_images[paper].std() > 30
    np.testing.assert_array_equal(source.test_images, np.repeat(large, 3, axis=3))


def test_enlarging_keeps_the_mean_and_what_is_flat():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    large = enlarge(images, 16)
    assert large.shape == (5, 16, 16, 1)
    np.testing.assert_allclose(large.mean(), images.mean(), rtol=0.02)
    np.testing.assert_array_equal(enlarge(np.full((1, 8, 8, 1), 77, np.uint8), 16), 77)
    np.testing.assert_array_equal(enlarge(images, 8), images)
    np.testing.assert_array_equal(large[:, 0, 0, 0], images[:, 0, 0, 0])  # corners go on


@pytest.fixture
def mnist(tmp_path):
    """A file packed like MNIST: 60 training images whose middle tells their number."""
    images = np.zeros((80, 28, 28), np.uint8)
    images[:, 11:17, 11:17] = np.arange(80)[:, None, None] + 100
    labels = np.arange(80) % 10
    np.savez(
        tmp_path / "mnist.npz",
        x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:],
    )  # fmt: skip
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "shape", "sizes"),
    [
        ("mnist_m", (28, 28, 3), (30, 30)),
        ("digits_to_mnist", (8, 8, 1), (1297, 60)),
        ("mnist_to_digits", (8, 8, 1), (60, 1297)),
    ],
)
def test_pairs_of_mnist_are_read_from_a_folder(mnist, name, shape, sizes):
    pair = open_pair(name, mnist)
    both = pair.read()
    assert pair.image_shape == shape
    for domain, size in zip(both, sizes, strict=True):
        assert domain.train_images.shape == (size, *shape)
        assert domain.train_images.dtype == np.uint8 and domain.num_classes == 10
    data = crossing_training(pair, 16)
    rows = {len(x) for x in data.arrays}
    assert rows == {max(sizes)}
    source, target = both
    np.testing.assert_array_equal(data.arrays.source_images[sizes[0] - 1], source.train_images[-1])
    np.testing.assert_array_equal(
        data.arrays.source_labels, np.resize(source.train_labels, max(sizes))
    )
    last = (max(sizes) - 1) % sizes[1]
    np.testing.assert_array_equal(data.arrays.target_images[-1], target.train_images[last])


def test_small_mnist_is_means_over_three_by_three(mnist):
    source, _ = open_pair("mnist_to_digits", mnist).read()
    image = source.train_images[0, :, :, 0]
    assert image[3:5, 3:5].min() >= 100 and image[:3].max() == 0 and image[5:].max() == 0


def test_few_labels_take_turns_and_come_again():
    pair = open_pair("textured_digits")
    arrays = few_labels(pair, 64, labels=23, seed=3).arrays
    assert len(arrays.labels) == 69
    _, counts = np.unique(arrays.labels[:23], return_counts=True)
    assert len(counts) == 10 and counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(arrays.images[:23], arrays.images[46:])
    target = {x.tobytes() for x in pair.read().target.train_images}
    assert {x.tobytes() for x in arrays.images} <= target
    other = few_labels(pair, 64, labels=23, seed=4).arrays
    assert not np.array_equal(other.images, arrays.images)


def test_fewer_images_are_the_first_of_each_domain():
    whole, fewer = (open_pair("textured_digits", train_images=n).read() for n in (0, 40))
    for all_images, first in zip(whole, fewer, strict=True):
        np.testing.assert_array_equal(first.train_images, all_images.train_images[:40])
        np.testing.assert_array_equal(first.test_images, all_images.test_images)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: open_pair("textured_digit"), "unknown pair.*did you mean 'textured_digits'"),
        (lambda: open_pair("mnist_m").read(), "--data_dir is not given"),
        (lambda: crossing_training(open_pair("textured_digits"), 649), "source.* has 648"),
        (
            lambda: crossing_training(open_pair("textured_digits", train_images=20), 32),
            "--batch_size=32: the source of textured_digits has 20 training images",
        ),
        (lambda: few_labels(open_pair("textured_digits"), 8, labels=9), "--target_labels=9.*10"),
        (lambda: few_labels(open_pair("textured_digits"), 8, labels=650), "to 649"),
    ],
)
def test_what_cannot_be_crossed_is_refused(act, text):
    with pytest.raises(BadInput, match=text):
        act()
