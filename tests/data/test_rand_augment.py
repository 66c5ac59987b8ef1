"""RandAugment against Pillow, by which torchvision's own operations on images are made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from jaxdl.core.run import BadInput
from jaxdl.data import rand_augment
from jaxdl.data.rand_augment import (
    OPERATIONS,
    Distortion,
    amounts,
    as_levels,
    distort,
    distort_all_at_once,
)

KEY = jax.random.key(0)
SHAPES = [(9, 16, 1), (17, 12, 3), (1, 1, 1), (2, 7, 3), (40, 41, 1)]
SOME = {  # operation -> amounts in its own unit
    "identity": [0],
    "shear_x": [0.3, -0.21],
    "shear_y": [0.29, -0.1],
    "translate_x": [3, -5],
    "translate_y": [2, -1],
    "rotate": [29.0, -13.0],
    "brightness": [0.9, -0.35],
    "color": [0.8, -0.6],
    "contrast": [0.7, -0.9],
    "sharpness": [0.9, -0.45],
    "posterize": [4, 7],
    "solarize": [100.5, 0],
    "auto_contrast": [0],
    "equalize": [0],
}
BLENDS = ("brightness", "color", "contrast", "sharpness")
CASES = [(name, amount) for name, values in SOME.items() for amount in values]


def pictures(shape, rows=3, seed=0):
    """Images whose levels crowd in the middle, so that stretching and equalizing change them."""
    noise = np.random.default_rng(seed).normal(120, 40, (rows, *shape))
    return np.clip(noise, 0, 240).astype(np.uint8)


def affine(image, *coefficients):
    return image.transform(image.size, Image.Transform.AFFINE, coefficients, Image.NEAREST)


def by_pillow(image, name, amount):
    """One of torchvision's operations, which calls the same functions of Pillow."""
    enhancers = {
        "brightness": ImageEnhance.Brightness,
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "sharpness": ImageEnhance.Sharpness,
    }
    if name in enhancers:
        factor = np.float32(1) + np.float32(amount)  # Pillow blends in float32 too
        return enhancers[name](image).enhance(float(factor))
    return {
        "identity": lambda: image,
        "shear_x": lambda: affine(image, 1, amount, 0, 0, 1, 0),
        "shear_y": lambda: affine(image, 1, 0, 0, amount, 1, 0),
        "translate_x": lambda: affine(image, 1, 0, -amount, 0, 1, 0),
        "translate_y": lambda: affine(image, 1, 0, 0, 0, 1, -amount),
        "rotate": lambda: image.rotate(amount, Image.NEAREST),
        "posterize": lambda: ImageOps.posterize(image, int(amount)),
        "solarize": lambda: ImageOps.solarize(image, amount),
        "auto_contrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
    }[name]()


apply = jax.jit(distort)


def all_cases(images):
    """Every case for every image [R, H, W, C]: as ours, and as Pillow has it."""
    rows = [(image, name, amount) for name, amount in CASES for image in images]
    operation = jnp.array([OPERATIONS.index(name) for _, name, _ in rows], jnp.int32)
    amount = jnp.array([amount for *_, amount in rows], jnp.float32)
    ours = apply(as_levels(np.stack([image for image, *_ in rows])), Distortion(operation, amount))
    modes = [image[..., 0] if image.shape[-1] == 1 else image for image, *_ in rows]
    theirs = [
        np.asarray(by_pillow(Image.fromarray(mode), *case))
        for mode, (_, *case) in zip(modes, rows, strict=True)
    ]
    theirs = np.stack(theirs).reshape(len(rows), *images.shape[1:])
    shape = (len(CASES), *images.shape)
    return np.asarray(ours).reshape(shape), theirs.reshape(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_operation_agrees_with_pillow(shape):
    ours, theirs = all_cases(pictures(shape))
    for (name, amount), got, expected in zip(CASES, ours, theirs, strict=True):
        gap = np.abs(got - expected)
        if name in OPERATIONS[1:6]:  # Pillow counts in units of 2^-16 of a pixel
            assert (gap > 0).mean() <= 0.005, (name, amount)
        elif name in BLENDS:  # Pillow cuts a whole number at times to the one below, by rounding
            assert gap.max() <= 1, (name, amount)
            assert (gap > 0).mean() <= 0.02, (name, amount)
        elif name == "auto_contrast":  # Pillow cuts what it has multiplied in 64 bits
            assert gap.max() <= 1, (name, amount)
        else:
            np.testing.assert_array_equal(got, expected, f"{name} {amount}")


@pytest.mark.parametrize("shape", [(12, 9, 1), (7, 8, 3)])
def test_all_at_once_is_one_by_one(shape):
    images = as_levels(pictures(shape, rows=40))
    rng = np.random.default_rng(0)
    operation = jnp.asarray(rng.integers(0, len(OPERATIONS), 40), jnp.int32)
    ones = jnp.ones(40)
    drawn = amounts(operation, 20 * ones, rng.choice([-1.0, 1.0], 40), *shape[:2])
    one_by_one = apply(images, drawn)
    np.testing.assert_array_equal(jax.jit(distort_all_at_once)(images, drawn), one_by_one)
    halves = jax.tree.map(lambda x: x.reshape(2, 20, *x.shape[1:]), (images, drawn))
    several = jax.jit(jax.vmap(distort))(*halves)
    np.testing.assert_array_equal(several.reshape(images.shape), one_by_one)
    same = jax.jit(jax.vmap(distort, (None, 0)))(halves[0][0], halves[1])
    np.testing.assert_array_equal(same[0], several[0])


def test_the_cases_would_notice_an_operation_that_does_nothing():
    images = pictures((40, 41, 3))
    ours, _ = all_cases(images)
    changed = (ours != images).mean(axis=(1, 2, 3, 4))
    for (name, _), share in zip(CASES, changed, strict=True):
        assert share == 0 if name == "identity" else share > 0.2, name


def drawn(name, magnitude, sign=1.0, height=20, width=30):
    operation = jnp.array([OPERATIONS.index(name)], jnp.int32)
    arrays = jnp.array([float(magnitude)]), jnp.array([sign])
    return float(amounts(operation, *arrays, height, width).amount[0])


@pytest.mark.parametrize("magnitude", [0, 1, 9, 14, 27, 30])
def test_amounts_are_those_of_torchvisions_table(magnitude):
    """`RandAugment._augmentation_space` with 31 bins, whose indices are the magnitudes."""

    def bin_of(low, high):
        return np.linspace(low, high, 31)[magnitude]

    table = {
        "shear_x": bin_of(0, 0.3),
        "shear_y": bin_of(0, 0.3),
        "translate_x": int(bin_of(0, 150 / 331 * 30)),
        "translate_y": int(bin_of(0, 150 / 331 * 20)),
        "rotate": bin_of(0, 30),
        **dict.fromkeys(BLENDS, bin_of(0, 0.9)),
    }
    for name, amount in table.items():
        np.testing.assert_allclose(drawn(name, magnitude), amount, rtol=1e-6)
        np.testing.assert_allclose(drawn(name, magnitude, -1.0), -amount, rtol=1e-6)
    bits = (8 - np.round(np.arange(31) / (30 / 4)))[magnitude]
    assert drawn("posterize", magnitude, -1.0) == bits
    if magnitude:  # at 0 torchvision's inverts white
        np.testing.assert_allclose(drawn("solarize", magnitude, -1.0), bin_of(255, 0), rtol=1e-6)


def levels_of(views):
    """The levels of views, which are within rounding of 256 steps from 0 to 1."""
    levels = np.round(np.asarray(views) * 255)
    np.testing.assert_allclose(views, levels / 255, atol=1e-7)
    return levels


def test_at_magnitude_0_nothing_changes():
    images = np.random.default_rng(0).integers(0, 256, (60, 9, 16, 1), np.uint8)
    images[0] = 255
    without = tuple(name for name in OPERATIONS if name not in ("auto_contrast", "equalize"))
    view = jax.jit(rand_augment(count=3, magnitude=0, operations=without))
    np.testing.assert_array_equal(levels_of(view(KEY, images)), images)
    none = rand_augment(count=0, magnitude=9)
    np.testing.assert_array_equal(levels_of(none(KEY, images)), images)


@pytest.mark.parametrize("shape", [(1, 9, 16, 1), (5, 7, 4, 3)])
def test_views_stay_in_range_and_are_the_same_of_bytes_and_of_floats(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    view = jax.jit(rand_augment(magnitude=27))
    got = np.asarray(view(KEY, images))
    assert got.shape == shape
    assert got.dtype == np.float32
    assert got.min() >= 0 and got.max() <= 1
    levels_of(got)
    np.testing.assert_array_equal(got, view(KEY, images.astype(np.float32) / 255))


def test_each_image_has_its_own_draw():
    images = np.repeat(pictures((16, 16, 1), rows=1), 64, axis=0)
    view = jax.jit(rand_augment(count=1, magnitude=15))
    got = np.asarray(view(KEY, images))
    assert 16 <= len({picture.tobytes() for picture in got}) <= 2 * len(OPERATIONS)
    np.testing.assert_array_equal(got, view(KEY, images))
    assert np.any(got != np.asarray(view(jax.random.key(1), images)))


def test_only_the_operations_that_are_asked_for_are_drawn():
    images = pictures((16, 16, 1), rows=40)
    view = jax.jit(rand_augment(count=1, magnitude=30, operations=("solarize",)))
    np.testing.assert_array_equal(levels_of(view(KEY, images)), 255 - images)


def test_images_of_other_channels_keep_their_colors():
    images = as_levels(pictures((6, 5, 2)))
    operation = jnp.full(3, OPERATIONS.index("color"))
    np.testing.assert_array_equal(apply(images, Distortion(operation, jnp.ones(3))), images)


@pytest.mark.parametrize(
    "options",
    [
        {"count": -1},
        {"magnitude": 31},
        {"magnitude": -1},
        {"operations": ()},
        {"operations": ("flip",)},
    ],
)
def test_what_is_no_augmentation_is_refused(options):
    with pytest.raises(BadInput, match="RandAugment"):
        rand_augment(**options)
    with pytest.raises(BadInput, match="uint8, or floats"):
        rand_augment()(KEY, np.zeros((1, 4, 4, 1), np.int32))
