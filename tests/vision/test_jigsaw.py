import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.nn import Puzzled
from jaxdl.vision import jigsaw, permutations
from jaxdl.vision.permutations import hamming_distances
from jaxdl.vision.tiles import (
    Grid,
    cut_tiles,
    drop_colors,
    fit_grid,
    restore_tiles,
    shuffle_tiles,
    standardize,
)
from tests.vision.pretexts import KEY, Detector, adam, make_noise, train_on


def greatest_minimum(tiles, count):
    """The greatest least distance that `count` permutations can have, by trying all sets."""
    every = list(itertools.permutations(range(tiles)))

    def exists(chosen, candidates, distance):
        if len(chosen) == count:
            return True
        for i, one in enumerate(candidates):
            rest = [
                other
                for other in candidates[i + 1 :]
                if sum(a != b for a, b in zip(one, other, strict=True)) >= distance
            ]
            if len(chosen) + 1 + len(rest) >= count and exists([*chosen, one], rest, distance):
                return True
        return False

    # Renumbering the tiles maps any set onto one with the first permutation in it.
    for distance in range(tiles, 1, -1):
        rest = [p for p in every[1:] if sum(a != b for a, b in enumerate(p)) >= distance]
        if exists(every[:1], rest, distance):
            return distance
    return 0


@pytest.mark.parametrize("tiles", [2, 3, 4])
def test_no_set_of_permutations_is_farther_apart(tiles):
    for count in range(2, math.factorial(tiles) + 1):
        best = greatest_minimum(tiles, count)
        for seed in range(3):
            chosen = permutations(count, tiles=tiles, seed=seed)
            assert hamming_distances(chosen).min() == best, (count, seed)


@pytest.mark.parametrize(("count", "tiles"), [(9, 9), (100, 9), (24, 4), (60, 5), (1, 3)])
def test_permutations_are_distinct_and_far_apart(count, tiles):
    chosen = permutations(count, tiles=tiles)
    assert chosen.shape == (count, tiles) and chosen.dtype == np.int32
    assert (np.sort(chosen, axis=1) == np.arange(tiles)).all()
    assert len({tuple(row) for row in chosen}) == count
    if 1 < count <= tiles:
        assert (hamming_distances(chosen) == tiles).all()
    if count == 100:  # of random ones the nearest two share five places or so
        drawn = np.stack([np.random.default_rng(i).permutation(9) for i in range(100)])
        assert hamming_distances(chosen).min() == 6 > hamming_distances(drawn).min()
        assert hamming_distances(chosen).mean() > 8.05 > hamming_distances(drawn).mean()


def test_permutations_are_a_function_of_the_seed():
    one, again, other = (permutations(20, tiles=5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    again[:] = 0  # a copy: the next caller gets what was chosen
    np.testing.assert_array_equal(one, permutations(20, tiles=5, seed=1))


@pytest.mark.parametrize(("count", "tiles"), [(0, 4), (25, 4), (10, 11), (2, 1)])
def test_permutations_that_do_not_exist_are_refused(count, tiles):
    with pytest.raises(BadInput, match="permutations|tiles"):
        permutations(count, tiles=tiles)


def test_shuffling_is_undone_exactly():
    tiles = make_noise(0, (24, 4, 3, 3, 2))
    order = jnp.asarray(permutations(24, tiles=4))
    shuffled = shuffle_tiles(tiles, order)
    np.testing.assert_array_equal(restore_tiles(shuffled, order), tiles)
    np.testing.assert_array_equal(shuffled[5, 0], tiles[5, order[5, 0]])
    assert (shuffled != tiles).any()


@pytest.mark.parametrize("shape", [(1, 9, 9, 1), (3, 13, 10, 3), (2, 10, 17, 4)])
def test_tiles_lie_in_their_cells(shape):
    """Pixels that tell where they are: every tile is whole, in order, and within its cell."""
    rows, columns = np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij")
    image = np.broadcast_to((100 * rows + columns)[None, ..., None], shape).astype(np.float32)
    grid = fit_grid(shape[1:], side=3)
    tiles = np.asarray(jax.jit(lambda k: cut_tiles(k, image, grid, jitter=2))(KEY))
    assert tiles.shape == (shape[0], 9, grid.tile, grid.tile, shape[3])
    np.testing.assert_array_equal(np.diff(tiles, axis=2), 100)
    np.testing.assert_array_equal(np.diff(tiles, axis=3), 1)
    y, x = tiles[:, :, 0, 0] // 100, tiles[:, :, 0, 0] % 100  # [B, T, C]
    place = np.arange(9)
    for first, cells, side in ((y, place // 3, shape[1]), (x, place % 3, shape[2])):
        offset = first - grid.cell * cells[None, :, None]
        spread = offset.max(axis=(1, 2)) - offset.min(axis=(1, 2))
        assert (spread <= grid.gap).all()  # of one corner, and at most a gap from it
        assert offset.min() >= 0 and first.max() + grid.tile <= side


def test_every_place_in_a_cell_is_drawn_and_channels_are_apart():
    image = np.broadcast_to(np.arange(8.0)[None, None, :, None], (400, 8, 8, 3))
    cut = jax.jit(lambda jitter: cut_tiles(KEY, jnp.asarray(image), Grid(2, 2, 2), jitter=jitter))
    tiles = np.asarray(cut(1))
    first = tiles[:, 0, 0, 0]  # [B, C], the column at which the first tile begins
    assert set(np.unique(first)) == {0.0, 1.0, 2.0}
    assert (np.abs(first - first[:, :1]) <= 2).all() and (first != first[:, :1]).any()
    together = np.asarray(cut(0))
    assert (together == together[..., :1]).all()


def test_the_default_grid_is_that_of_the_paper():
    assert fit_grid((225, 300, 3), side=3) == Grid(3, 64, 11)
    assert fit_grid((225, 225, 3), side=3, tile=64) == Grid(3, 64, 11)
    assert fit_grid((8, 8, 1), side=2) == Grid(2, 3, 1)
    assert fit_grid((28, 28, 1), side=3, gap=3) == Grid(3, 6, 3)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((32, 32, 3), {"tile": 64}), ((5, 40, 1), {}), ((8, 8, 1), {"side": 2, "tile": 4})],
)
def test_tiles_larger_than_the_image_are_refused_in_a_line(shape, options):
    with pytest.raises(BadInput, match=f"need images of at least .* got {shape[0]} x") as error:
        fit_grid(shape, **options)
    assert "\n" not in str(error.value)


def test_tiles_that_make_no_square_are_refused():
    with pytest.raises(BadInput, match="5 tiles do not make a square"):
        jigsaw(None, adam(), permutations(4, tiles=5), image_shape=(9, 9, 1))


def test_each_tile_is_normalized_alone():
    tiles = make_noise(0, (2, 4, 5, 5, 3)) * np.arange(1, 5).reshape(1, 4, 1, 1, 1)
    tiles[0, 0] = 0.7
    got = np.asarray(standardize(jnp.asarray(tiles)))
    assert (got[0, 0] == 0).all()
    np.testing.assert_allclose(got.mean((2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(got[1].std((1, 2)), 1, atol=1e-3)
    np.testing.assert_allclose(got[1, 0], standardize(jnp.asarray(3 * tiles[1, 0] + 2)), atol=1e-4)


def test_dropped_colors_are_those_of_one_channel():
    images = make_noise(0, (300, 2, 2, 3))
    got = np.asarray(drop_colors(KEY, jnp.asarray(images), probability=0.4))
    gray = (got == got[..., :1]).all((1, 2, 3))
    assert 0.3 < gray.mean() < 0.5
    np.testing.assert_array_equal(got[~gray], images[~gray])
    kept = [(got[gray] == images[gray][..., [c]]).all((1, 2, 3)) for c in range(3)]
    assert (np.sum(kept, axis=0) == 1).all() and np.sum(kept, axis=1).min() > 10


class Matcher(nn.Module):
    """A trunk that keeps the pixels of small tiles: what a head can compare is what they hold."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.Dense(64)(x.reshape(len(x), -1)))


def solve(make_images, *, shape, grid, steps=300, trunk=Matcher, **guards):
    net = Puzzled(trunk(), 24, code=32, hidden=256)
    orders = permutations(24, tiles=4)
    sizes = {"image_shape": shape, "tile": grid.tile, "gap": grid.gap}
    learner = jigsaw(net, adam(), orders, **sizes, **guards)
    return train_on(learner, make_images, steps=steps)


def make_seams(key, count):
    """Cells of 5 x 5 without content, but for a shade that goes on across each border."""
    noise_key, seam_key = jax.random.split(key)
    noise = 0.5 + 0.02 * jax.random.normal(noise_key, (count, 10, 10, 1))
    shades = jax.random.uniform(seam_key, (count, 12))
    # Borders 0 to 5 are vertical, of both rows of cells from left to right; the others horizontal.
    images = noise
    for row in range(2):
        cells = slice(5 * row + 1, 5 * row + 4)
        for border, columns in enumerate((slice(0, 1), slice(4, 6), slice(9, 10))):
            vertical = shades[:, 3 * row + border, None, None, None]
            images = images.at[:, cells, columns].set(vertical)
            horizontal = shades[:, 6 + 3 * row + border, None, None, None]
            images = images.at[:, columns, cells].set(horizontal)
    return images


@pytest.mark.slow
def test_edges_that_go_on_solve_puzzles_without_a_gap_and_not_with_one():
    """With a gap of two pixels one pair of neighbors in nine shows the border between them."""
    guards = {"drop": 0.0, "jitter": 0, "normalize": False}
    leaking = solve(make_seams, shape=(10, 10, 1), grid=Grid(2, 5, 0), **guards)
    guarded = solve(make_seams, shape=(10, 10, 1), grid=Grid(2, 3, 2), **guards)
    assert leaking > 0.25 > 0.08 > guarded, (leaking, guarded)


@pytest.mark.slow
def test_brightness_tells_the_place_of_tiles_that_are_not_normalized_alone():
    shades = jnp.linspace(0.3, 0.5, 4).reshape(2, 2).repeat(5, 0).repeat(5, 1)[..., None]

    def make_shaded(key, count):
        return shades + 0.1 * jax.random.normal(key, (count, 10, 10, 1))

    options = {"shape": (10, 10, 1), "grid": Grid(2, 4, 1), "drop": 0.0, "jitter": 0}
    leaking = solve(make_shaded, normalize=False, steps=200, **options)
    guarded = solve(make_shaded, steps=200, **options)
    assert leaking > 0.5 > 0.08 > guarded, (leaking, guarded)


def make_aberrant(key, count):
    """Gray noise whose red lies a pixel farther from the center than its green and blue."""
    noise = jax.random.uniform(key, (count, 18, 18, 1))
    green = noise[:, 1:17, 1:17]
    red = green
    for y, x in itertools.product((0, 1), repeat=2):
        rows, columns = slice(8 * y, 8 * y + 8), slice(8 * x, 8 * x + 8)
        shifted = noise[:, 2 - 2 * y :, 2 - 2 * x :][:, rows, columns]
        red = red.at[:, rows, columns].set(shifted)
    return jnp.concatenate([red, green, green], axis=-1)


@pytest.mark.slow
def test_chromatic_aberration_tells_the_place_of_tiles_in_color():
    options = {"shape": (16, 16, 3), "trunk": Detector, "steps": 300}
    leaking = solve(make_aberrant, grid=Grid(2, 7, 1), drop=0.0, jitter=0, **options)
    jittered = solve(make_aberrant, grid=Grid(2, 6, 2), drop=0.0, jitter=2, **options)
    dropped = solve(make_aberrant, grid=Grid(2, 7, 1), drop=1.0, jitter=0, **options)
    assert leaking > 0.5 > 0.08 > dropped, (leaking, dropped)
    assert jittered < leaking / 2, (leaking, jittered)
