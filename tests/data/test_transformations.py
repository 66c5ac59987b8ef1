"""SimCLR's transformations against NumPy, SciPy and Pillow, and what is composed of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from jaxdl.core.run import BadInput
from jaxdl.data import compositions, transformations
from jaxdl.data.compositions import draw_some, in_turn, named_transformations, on_one_branch
from jaxdl.vision.contrastive import in_pairs

KEY = jax.random.key(0)
# Odd, non-square and tiny images, of one channel and several, one alone and many.
SHAPES = [(4, 9, 9, 3), (1, 7, 12, 1), (1, 1, 1, 1), (3, 13, 2, 2), (5, 1, 6, 4)]
NAMES = tuple(named_transformations(8))


def pictures(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def chain_of(*names, size=12):
    known = named_transformations(size, flip=False)
    return on_one_branch(known["crop"], in_turn([known[name] for name in names]))


@pytest.mark.parametrize("shape", SHAPES)
def test_turns_are_those_of_numpy_and_others_are_resized_as_pillow_does(shape):
    images = pictures(shape)
    for quarters in range(4):
        got = transformations.turn_quarters(images, np.full(len(images), quarters))
        assert got.shape == shape
        expected = np.rot90(images, quarters, axes=(1, 2))
        if expected.shape == shape:
            np.testing.assert_array_equal(got, expected)
            continue
        for ours, image in zip(got, expected, strict=True):
            for channel in range(shape[-1]):
                side = Image.fromarray(image[..., channel]).resize(
                    (shape[2], shape[1]), Image.BILINEAR
                )
                np.testing.assert_allclose(ours[..., channel], side, atol=2e-6)


def test_each_image_has_its_own_turn_and_all_are_as_frequent():
    images = pictures((4, 5, 5, 3))
    turns = np.array([3, 0, 2, 1])
    got = transformations.turn_quarters(images, turns)
    for ours, image, quarters in zip(got, images, turns, strict=True):
        np.testing.assert_array_equal(ours, np.rot90(image, quarters))
    corner = np.zeros((4000, 2, 2, 1), np.float32)
    corner[:, 0, 0] = 1.0
    places = np.asarray(transformations.random_quarter_turn(KEY, corner)).mean(0)
    np.testing.assert_allclose(places, 0.25, atol=0.03)  # 4 standard errors


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_hides_a_square_around_its_middle(shape, side):
    images = pictures(shape)
    rng = np.random.default_rng(1)
    row, column = (rng.integers(0, pixels, len(images)) for pixels in shape[1:3])
    got = transformations.cut_out(images, row, column, side=side)
    expected = images.copy()
    for image, y, x in zip(expected, row, column, strict=True):
        top, left = (max(middle - side // 2, 0) for middle in (y, x))
        image[top : y - side // 2 + side, left : x - side // 2 + side] = transformations.GRAY
    np.testing.assert_array_equal(got, expected)


def test_cutouts_lie_anywhere_and_are_half_as_wide_as_the_image():
    images = np.zeros((4000, 8, 12, 1), np.float32)
    hidden = np.asarray(transformations.random_cutout(KEY, images))[..., 0] == transformations.GRAY
    assert hidden.any(axis=2).sum(axis=1).max() == hidden.any(axis=1).sum(axis=1).max() == 4
    places = hidden.mean(0)
    # A pixel away from all borders is hidden by 4 of 8 rows and 4 of 12 columns of middles.
    np.testing.assert_allclose(places[2:6, 2:10], 4 / 8 * 4 / 12, atol=0.03)
    np.testing.assert_allclose(places[0, 0], 3 / 8 * 3 / 12, atol=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_sobel_is_the_length_of_scipys_gradient(shape):
    images = pictures(shape)
    down, across = (np.empty_like(images) for _ in range(2))
    for row, channel in np.ndindex(shape[0], shape[3]):
        plane = images[row, ..., channel]
        down[row, ..., channel] = ndimage.sobel(plane, axis=0, mode="nearest") / 4
        across[row, ..., channel] = ndimage.sobel(plane, axis=1, mode="nearest") / 4
    expected = np.minimum(np.hypot(down, across), 1)
    np.testing.assert_allclose(transformations.sobel(images), expected, atol=1e-6)


def test_a_flat_image_has_no_edges_and_a_step_has_full_ones():
    flat = np.full((1, 5, 4, 1), 0.7, np.float32)
    np.testing.assert_allclose(transformations.sobel(flat), 0.0, atol=1e-7)
    step = np.zeros((1, 5, 6, 1), np.float32)
    step[:, :, 3:] = 1.0
    edges = np.asarray(transformations.sobel(step))[0, :, :, 0]
    np.testing.assert_allclose(edges, np.tile([0, 0, 1, 1, 0, 0], (5, 1)), atol=1e-6)


def test_noise_has_the_strength_that_is_asked_for_and_stays_in_range():
    images = np.full((400, 16, 16, 1), 0.5, np.float32)
    got = np.asarray(transformations.random_noise(KEY, images, deviation=(0.02, 0.1)))
    scales = got.std(axis=(1, 2, 3))
    # Nothing is clipped, five deviations away: the scale of 256 pixels is known to about 4 %.
    assert 0.015 < scales.min() < 0.03
    assert 0.09 < scales.max() < 0.12
    np.testing.assert_allclose(scales.mean(), 0.06, atol=0.005)
    np.testing.assert_allclose(got.mean(), 0.5, atol=1e-3)
    strong = np.asarray(transformations.random_noise(KEY, images, deviation=(5.0, 5.0)))
    assert strong.min() == 0.0
    assert strong.max() == 1.0
    known = np.float32([-0.2, 0.6]).reshape(1, 2, 1, 1)
    got = transformations.add_noise(images[:1, :2, :1], known)
    np.testing.assert_allclose(got.ravel(), [0.3, 1.0], rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_transformation_works_on_every_shape_of_bytes_and_floats(shape):
    size = min(shape[1:3])
    known = named_transformations(size)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    @jax.jit
    def apply_all(images):
        floats = images.astype(jnp.float32) / 255
        return {name: (f(KEY, images), f(KEY, floats)) for name, f in known.items()}

    for name, (got, of_floats) in apply_all(images).items():
        expected = (shape[0], size, size, shape[3]) if name == "crop" else shape
        assert got.shape == expected, name
        assert np.isfinite(got).all(), name
        assert got.min() >= 0.0, name
        assert got.max() <= 1.0 + 1e-6, name
        np.testing.assert_allclose(got, of_floats, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_every_transformation_changes_images_one_by_one_and_refuses_integers(name):
    images = np.repeat(pictures((1, 32, 32, 3)), 8, axis=0)
    transform = named_transformations(32)[name]
    got = np.asarray(jax.jit(transform)(KEY, images))
    different = len({picture.tobytes() for picture in got})
    assert different == 1 if name == "sobel" else different >= 3
    changed = np.abs(got - images).max(axis=(1, 2, 3)) > 0.01
    assert changed.sum() >= 4  # a turn by 0 and a color that is left alone change nothing
    with pytest.raises(BadInput, match="uint8, or floats"):
        transform(KEY, images.astype(np.int32))


def test_colors_are_distorted_as_simclrs_views_have_them():
    """Of 4,000 images, the shares that stay as they are and that become gray: appendix A."""
    images = np.tile(np.float32([0.6, 0.4, 0.2]), (4000, 1, 1, 1))
    got = np.asarray(named_transformations(1)["color"](KEY, images))
    stays = np.abs(got - images).max((1, 2, 3)) < 1e-6
    gray = np.ptp(got, axis=-1).max((1, 2)) < 1e-6
    np.testing.assert_allclose(stays.mean(), 0.2 * 0.8, atol=0.025)
    np.testing.assert_allclose(gray.mean(), 0.2, atol=0.03)


def test_one_branch_alone_is_transformed():
    images = in_pairs(jnp.asarray(pictures((6, 16, 16, 3))))
    known = named_transformations(12, flip=False)
    crop_key, own_key = jax.random.split(KEY)
    plain = jax.jit(known["crop"])(crop_key, images[::2])
    views = jax.jit(chain_of("noise", "sobel"))(KEY, images).reshape(6, 2, 12, 12, 3)
    np.testing.assert_allclose(views[:, 0], plain, atol=1e-6)
    keys = jax.random.split(own_key)
    expected = transformations.sobel(known["noise"](keys[0], plain))
    np.testing.assert_allclose(views[:, 1], expected, atol=1e-5)


def test_the_order_of_transformations_counts():
    images = in_pairs(jnp.asarray(pictures((6, 12, 12, 3))))
    one, other = (
        np.asarray(chain_of(*names)(KEY, images))
        for names in (("noise", "sobel"), ("sobel", "noise"))
    )
    np.testing.assert_array_equal(one[::2], other[::2])
    assert np.abs(one[1::2] - other[1::2]).max() > 0.1


@pytest.mark.parametrize("shape", [(1, 7, 12, 1), (3, 9, 9, 3)])
def test_views_of_one_branch_have_any_shape(shape):
    views = jax.jit(chain_of(*NAMES, size=5))(KEY, in_pairs(jnp.asarray(pictures(shape))))
    assert views.shape == (2 * shape[0], 5, 5, shape[3])
    assert np.isfinite(views).all()


def test_a_share_of_the_images_is_changed_and_the_rest_stays():
    images = pictures((4000, 2, 2, 1))
    invert = lambda key, images: 1.0 - images  # noqa: E731
    views, is_chosen = draw_some(KEY, images, invert, 0.3)
    np.testing.assert_allclose(is_chosen.mean(), 0.3, atol=0.03)
    np.testing.assert_allclose(
        views, np.where(is_chosen[:, None, None, None], 1 - images, images), atol=1e-6
    )
    np.testing.assert_array_equal(compositions.on_some(invert, 0.3)(KEY, images), views)
