import colorsys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate1d

from jaxdl.core.run import BadInput
from jaxdl.data import augment, blur, colors
from jaxdl.data import crops as crops_of
from jaxdl.data.colors import BRIGHTNESS, CONTRAST, HUE, SATURATION
from jaxdl.data.crops import Crops

KEY = jax.random.key(0)


def pictures(rows=6, height=12, width=10, channels=3, seed=0):
    return np.random.default_rng(seed).random((rows, height, width, channels), np.float32)


def crops(*boxes):
    return Crops(*jnp.asarray(boxes, jnp.int32).T)


@pytest.mark.parametrize("size", [4, 9, 16])  # smaller, mixed and larger than the crops
def test_crop_and_resize_agrees_with_pillow(size):
    images = pictures()
    boxes = [(0, 0, 12, 10), (2, 3, 5, 7), (11, 9, 1, 1), (0, 4, 12, 6), (7, 0, 5, 3), (1, 1, 8, 8)]
    flips = np.array([0, 1, 0, 1, 0, 0], bool)
    got = jax.jit(partial(crops_of.crop_and_resize, size=size))(images, crops(*boxes), flips)
    for i, (top, left, height, width) in enumerate(boxes):
        for channel in range(3):
            part = images[i, top : top + height, left : left + width, channel]
            expected = np.asarray(Image.fromarray(part).resize((size, size), Image.BILINEAR))
            expected = expected[:, ::-1] if flips[i] else expected
            np.testing.assert_allclose(got[i, ..., channel], expected, atol=2e-6)


def test_the_whole_image_at_its_size_stays_and_two_flips_cancel():
    images = pictures(2, 8, 8)
    whole = crops((0, 0, 8, 8), (0, 0, 8, 8))
    same = crops_of.crop_and_resize(images, whole, np.zeros(2, bool), size=8)
    np.testing.assert_array_equal(same, images)
    once = crops_of.crop_and_resize(images, whole, np.ones(2, bool), size=8)
    np.testing.assert_array_equal(once, images[:, :, ::-1])


def torchvision_crop(rng, height, width, scale, ratio):
    """RandomResizedCrop.get_params, written again for NumPy."""
    for _ in range(10):
        area = height * width * rng.uniform(*scale)
        aspect = np.exp(rng.uniform(*np.log(ratio)))
        w, h = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return rng.integers(0, height - h + 1), rng.integers(0, width - w + 1), h, w
    raise AssertionError("the fallback is tested by itself")


def test_crops_follow_torchvisions_law():
    law = {"scale": (0.2, 1.0), "ratio": (3 / 4, 4 / 3)}
    rng = np.random.default_rng(0)
    expected = np.array([torchvision_crop(rng, 16, 12, **law) for _ in range(20_000)])
    got = jax.jit(lambda key: crops_of.sample_crops(key, 20_000, 16, 12, **law))(KEY)
    got = np.stack(got, axis=1)
    assert (got[:, :2] >= 0).all()
    assert (got[:, 0] + got[:, 2] <= 16).all()
    assert (got[:, 1] + got[:, 3] <= 12).all()
    # 20,000 draws of a deviation below 5 pixels: a standard error of the difference below 0.05.
    np.testing.assert_allclose(got.mean(0), expected.mean(0), atol=0.2)
    np.testing.assert_allclose(got.std(0), expected.std(0), atol=0.2)
    np.testing.assert_allclose(np.corrcoef(got.T), np.corrcoef(expected.T), atol=0.05)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [((2.0, 3.0), (2, 0, 4, 8)), ((0.25, 0.5), (0, 2, 8, 4)), ((0.5, 2.0), (0, 0, 8, 8))],
)
def test_where_nothing_fits_the_largest_centered_crop_is_taken(ratio, expected):
    got = crops_of.sample_crops(KEY, 3, 8, 8, scale=(4.5, 5.0), ratio=ratio)
    np.testing.assert_array_equal(np.stack(got, axis=1), [expected] * 3)


def gray_of(image):
    return (image @ np.array([0.2989, 0.587, 0.114]))[..., None]


def adjusted(image, kind, factor):
    """One of torchvision's adjust_* functions on one image."""
    if kind == HUE:
        turned = np.empty_like(image)
        for place in np.ndindex(image.shape[:2]):
            h, s, v = colorsys.rgb_to_hsv(*image[place].tolist())
            turned[place] = colorsys.hsv_to_rgb((h + factor) % 1.0, s, v)
        return turned
    other = {BRIGHTNESS: 0.0, CONTRAST: gray_of(image).mean(), SATURATION: gray_of(image)}[kind]
    return np.clip(factor * image + (1 - factor) * other, 0, 1)


@pytest.mark.parametrize("kind", [BRIGHTNESS, CONTRAST, SATURATION, HUE])
def test_each_adjustment_agrees_with_torchvisions_formula(kind):
    images = pictures(4)
    images[0, 0, 0], images[0, 0, 1], images[0, 0, 2] = 0.0, 1.0, 0.5  # no hue, no saturation
    amounts = [-0.4, 0.0, 0.3, 0.5] if kind == HUE else [0.0, 0.6, 1.0, 1.8]
    factors = np.tile(np.float32([1, 1, 1, 0]), (4, 1))
    factors[:, kind] = amounts
    got = colors.adjust_colors(images, factors, np.tile(np.arange(4), (4, 1)))
    for i, amount in enumerate(amounts):
        np.testing.assert_allclose(got[i], adjusted(images[i], kind, amount), atol=2e-6)


def as_torch(image):
    torch = pytest.importorskip("torch")
    return torch.tensor(np.moveaxis(image, -1, 0).copy())


@pytest.mark.parametrize("kind", [BRIGHTNESS, CONTRAST, SATURATION, HUE])
def test_each_adjustment_agrees_with_torchvision(kind):
    functional = pytest.importorskip("torchvision.transforms.functional")
    name = {BRIGHTNESS: "brightness", CONTRAST: "contrast", SATURATION: "saturation", HUE: "hue"}
    adjust = getattr(functional, f"adjust_{name[kind]}")
    images = pictures(4)
    amounts = [-0.4, 0.0, 0.3, 0.5] if kind == HUE else [0.0, 0.6, 1.0, 1.8]
    factors = np.tile(np.float32([1, 1, 1, 0]), (4, 1))
    factors[:, kind] = amounts
    got = colors.adjust_colors(images, factors, np.tile(np.arange(4), (4, 1)))
    for i, amount in enumerate(amounts):
        expected = np.moveaxis(adjust(as_torch(images[i]), amount).numpy(), 0, -1)
        np.testing.assert_allclose(got[i], expected, atol=2e-6)


@pytest.mark.parametrize("size", [4, 9, 16])
def test_crop_and_resize_agrees_with_torchvision(size):
    functional = pytest.importorskip("torchvision.transforms.functional")
    images = pictures()
    boxes = [(0, 0, 12, 10), (2, 3, 5, 7), (11, 9, 1, 1), (0, 4, 12, 6), (7, 0, 5, 3), (1, 1, 8, 8)]
    got = crops_of.crop_and_resize(images, crops(*boxes), np.zeros(6, bool), size=size)
    for i, box in enumerate(boxes):
        expected = functional.resized_crop(as_torch(images[i]), *box, [size, size], antialias=True)
        np.testing.assert_allclose(got[i], np.moveaxis(expected.numpy(), 0, -1), atol=2e-6)


def test_adjustments_are_made_in_the_order_given():
    images = pictures(24)
    order = np.array([p for p in np.ndindex(4, 4, 4, 4) if len(set(p)) == 4])
    rng = np.random.default_rng(1)
    factors = rng.uniform([0.4, 0.4, 0.4, -0.3], [1.6, 1.6, 1.6, 0.3], (24, 4)).astype(np.float32)
    got = jax.jit(colors.adjust_colors)(images, factors, order)
    for i in range(24):
        expected = images[i].astype(np.float64)
        for kind in order[i]:
            expected = adjusted(expected, kind, factors[i, kind])
        np.testing.assert_allclose(got[i], expected, atol=1e-5)


def test_gray_images_keep_their_hue_and_saturation():
    images = pictures(2, channels=1)
    order = np.array(
        [[HUE, SATURATION, CONTRAST, BRIGHTNESS], [BRIGHTNESS, CONTRAST, HUE, SATURATION]]
    )
    factors = np.float32([[0.5, 1.5, 0.2, 0.3], [1.2, 0.7, 1.9, -0.3]])
    got = colors.adjust_colors(images, factors, order)
    for i in range(2):
        expected = images[i]
        for kind in order[i]:
            if kind in (BRIGHTNESS, CONTRAST):
                other = 0.0 if kind == BRIGHTNESS else expected.mean()
                expected = np.clip(factors[i, kind] * (expected - other) + other, 0, 1)
        np.testing.assert_allclose(got[i], expected, atol=2e-6)


@pytest.mark.parametrize("kernel", [3, 7])
def test_blur_agrees_with_a_reflected_correlation(kernel):
    images, sigmas = pictures(3), np.float32([0.1, 0.8, 2.0])
    got = blur.gaussian_blur(images, sigmas, kernel=kernel)
    for image, sigma, ours in zip(images, sigmas, got, strict=True):
        taps = np.exp(-0.5 * ((np.arange(kernel) - kernel // 2) / sigma) ** 2)
        expected = correlate1d(image, taps / taps.sum(), axis=0, mode="mirror")
        expected = correlate1d(expected, taps / taps.sum(), axis=1, mode="mirror")
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_blur_kernel_is_a_tenth_of_the_side():
    assert [blur.blur_kernel(size) for size in (8, 28, 32, 96, 224)] == [1, 3, 3, 9, 23]


def test_gray_is_drawn_for_a_share_of_the_images():
    images = pictures(2000, 2, 2)
    got = np.asarray(colors.random_grayscale(KEY, images, probability=0.2))
    gray = np.ptp(got, axis=-1).max((1, 2)) < 1e-6
    np.testing.assert_allclose(gray.mean(), 0.2, atol=0.04)
    np.testing.assert_allclose(got[gray][..., :1], gray_of(images[gray]), atol=1e-6)
    np.testing.assert_array_equal(got[~gray], images[~gray])


def test_jitter_is_drawn_for_a_share_of_the_images_within_its_range():
    images = np.full((2000, 1, 1, 1), 0.5, np.float32)
    none = {"contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    got = colors.color_jitter(KEY, images, brightness=0.4, **none, probability=0.8)[:, 0, 0, 0]
    changed = np.asarray(got)[np.asarray(got) != 0.5] / 0.5
    np.testing.assert_allclose(len(changed) / 2000, 0.8, atol=0.04)
    np.testing.assert_allclose(
        [changed.min(), changed.mean(), changed.max()], [0.6, 1, 1.4], atol=0.02
    )
    same = colors.color_jitter(KEY, pictures(), brightness=0.0, **none)
    np.testing.assert_allclose(same, pictures(), atol=1e-6)


@pytest.mark.parametrize(("channels", "flip"), [(3, True), (1, False)])
def test_views_stay_in_range_and_are_drawn_image_by_image(channels, flip):
    view = jax.jit(augment.simclr_augmentation(24, flip=flip))
    images = np.repeat(pictures(1, 16, 16, channels), 8, axis=0)
    got = np.asarray(view(KEY, images))
    assert got.shape == (8, 24, 24, channels)
    assert got.min() >= 0.0
    assert got.max() <= 1.0 + 1e-6
    assert len({picture.tobytes() for picture in got}) == 8
    np.testing.assert_array_equal(got, view(KEY, images))
    assert np.abs(got - np.asarray(view(jax.random.key(1), images))).max() > 0.1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_bytes_are_scaled_to_the_same_views_as_floats(channels):
    images = np.random.default_rng(0).integers(0, 256, (4, 14, 10, channels), np.uint8)
    view = jax.jit(augment.simclr_augmentation(10))
    got = np.asarray(view(KEY, images))
    np.testing.assert_allclose(got, view(KEY, images.astype(np.float32) / 255), atol=1e-5)
    assert got.shape == (4, 10, 10, channels)
    assert got.std() > 0.05  # not flat


def test_every_part_scales_bytes_and_refuses_integers():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    jitter = partial(colors.color_jitter, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    parts = [
        jitter,
        colors.random_grayscale,
        partial(crops_of.random_resized_crop, size=8),
        partial(blur.random_blur, kernel=3),
    ]
    for part in parts:
        expected = part(KEY, images.astype(np.float32) / 255)
        np.testing.assert_allclose(part(KEY, images), expected, atol=1e-6)
        with pytest.raises(BadInput, match="uint8, or floats"):
            part(KEY, images.astype(np.int32))


def test_images_without_three_channels_have_brightness_and_contrast_alone():
    images = pictures(2, channels=4)
    order = np.tile([BRIGHTNESS, SATURATION, CONTRAST, HUE], (2, 1))
    factors = np.float32([[0.5, 1.5, 0.2, 0.3], [1.2, 0.7, 1.9, -0.3]])
    got = colors.adjust_colors(images, factors, order)
    for i in range(2):
        expected = np.clip(factors[i, BRIGHTNESS] * images[i], 0, 1)
        mean = expected.mean()
        expected = np.clip(factors[i, CONTRAST] * (expected - mean) + mean, 0, 1)
        np.testing.assert_allclose(got[i], expected, atol=2e-6)


@pytest.mark.parametrize("side", [8, 28, 32, 33])
def test_crops_of_the_whole_area_are_no_crops(side):
    drawn = crops_of.sample_crops(
        jax.random.key(0), 200, side, side, scale=(1.0, 1.0), ratio=(3 / 4, 4 / 3)
    )
    for start, length in ((drawn.top, drawn.height), (drawn.left, drawn.width)):
        np.testing.assert_array_equal(start, 0)
        np.testing.assert_array_equal(length, side)
