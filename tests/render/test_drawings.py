import numpy as np
import pytest
from PIL import Image

from jaxdl.pages import COLORS
from jaxdl.render import drawings, film, houses, rooms, sessions, tables

BLUE, ORANGE, SKY = COLORS[0], COLORS[4], COLORS[5]
MEANS = np.array([0.25, 0.75])
NOTHING = np.zeros(0, int)


def of_color(picture, color):
    """Rows and columns of the pixels that have (about) that color."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return np.argwhere(np.abs(picture.astype(int) - wanted).max(-1) < 12)


DRAWINGS = {
    "cartpole": lambda **size: drawings.cartpole(0.3, 0.1, 1, **size),
    "cartpole beyond its limit": lambda **size: drawings.cartpole(-2.5, 0.1, -1, **size),
    "cartpole far away": lambda **size: drawings.cartpole(40.0, 3.0, 0, length=9.0, **size),
    "pendulum": lambda **size: drawings.pendulum(2.0, -0.5, **size),
    "bandit at first": lambda **size: drawings.bandit(MEANS, NOTHING, NOTHING, pulls=5, **size),
    "bandit of 50 arms": lambda **size: drawings.bandit(
        np.linspace(0, 1, 50), np.arange(100) % 50, np.ones(100), pulls=500, **size
    ),
    "decision process": lambda **size: tables.decision_process(
        np.eye(4)[:, :3], np.eye(4)[:, :3] * 9, 2, 1, [3.0, -1.0], **size
    ),
    "decision process at first": lambda **size: tables.decision_process(
        np.eye(40)[:, :2], np.zeros((40, 2)), 39, None, [], **size
    ),
    "house": lambda **size: houses.house(
        3, True, [(0, houses.FOOD), (35, houses.WATER)], thirsty=True, **size
    ),
    "boxes": lambda **size: houses.house(
        30, False, [(0, houses.BOX), (35, houses.BOX)], (0, 1), **size
    ),
    "maze": lambda **size: houses.maze(np.eye(5) > 0, np.array([1, 1]), 2, [4, 4], **size),
    "marks at first": lambda **size: rooms.path_among_marks(
        np.zeros((1, 2)), np.eye(2), 0, 0.3, **size
    ),
    "rooms": lambda **size: rooms.path_in_rooms(
        np.eye(9) < 1, np.array([(1, 0), (2, 0), (2, 1)]), (8, 0), **size
    ),
    "session": lambda **size: sessions.session(
        np.arange(30) % 2,
        np.arange(30) // 3 % 2,
        np.arange(30) % 5 > 0,
        np.arange(30) % 7 == 0,
        parts=100,
        **size,
    ),
    "session at first": lambda **size: sessions.session(NOTHING, NOTHING, NOTHING, parts=2, **size),
    "informative": lambda **size: sessions.informative(
        np.array([1.0, 5.0, 1.0, 0.2]), [3, 1, 1], [0.2, 5.0, 5.0], pulls=5, **size
    ),
    "vector": lambda **size: drawings.numbers(np.array([-1e9, 0.0, 2.0]), **size),
    "number": lambda **size: drawings.numbers(np.array(3), **size),
    "board": lambda **size: drawings.minatar(
        np.eye(10)[:, :, None] * np.arange(4), drawings.MINATAR["breakout"], **size
    ),
    "cells": lambda **size: drawings.numbers(np.eye(10)[:, :, None] * np.ones(12), **size),
}


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("size", [(256, 256), (48, 90), (300, 120)], ids=str)
def test_each_is_a_picture_of_the_size_asked_for(name, size):
    picture = DRAWINGS[name](height=size[0], width=size[1])
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2  # something is drawn
    corners = picture[[0, 0], [0, -1]]
    assert (corners > 240).all()  # on paper, without a frame


@pytest.mark.parametrize("angle", [-0.2, 0.0, 0.15, 1.0])
def test_the_poles_pixels_lean_by_its_angle(angle):
    rows, columns = of_color(drawings.cartpole(1.0, angle, 0), ORANGE).T
    (across,), (up,) = np.linalg.svd(
        np.stack([columns - columns.mean(), rows.mean() - rows]), full_matrices=False
    )[0][:, :1]
    assert np.arctan(across / up) == pytest.approx(angle, abs=0.02)
    assert rows.max() - rows.min() == pytest.approx(100 * np.cos(angle), abs=12)


def test_a_push_shows_where_it_goes():
    right = of_color(drawings.cartpole(0.0, 0.0, 1), BLUE)[:, 1]
    left = of_color(drawings.cartpole(0.0, 0.0, -1), BLUE)[:, 1]
    assert right.min() > 160 and left.max() < 96
    assert not len(of_color(drawings.cartpole(0.0, 0.0, 0), BLUE))


def test_mirrored_carts_give_mirrored_pictures():
    """At a size without words."""
    one = drawings.cartpole(0.7, 0.1, 1, height=128, width=128).astype(int)
    other = drawings.cartpole(-0.7, -0.1, -1, height=128, width=128).astype(int)
    assert np.abs(one - other[:, ::-1]).mean() < 1.5
    assert np.abs(one - other).mean() > 3


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0, -1.2, np.pi])
def test_the_rods_pixels_lie_at_its_angle(angle):
    rows, columns = of_color(drawings.pendulum(angle, 0.0), ORANGE).mean(0)
    left = 127.5 - columns
    up = 127.5 - rows
    assert np.cos(np.arctan2(left, up) - angle) > 0.999
    assert 40 < np.hypot(left, up) < 60


def test_a_torque_turns_its_arrow_ahead_of_the_rod():
    """By its sense: at angle 0 a positive torque, counterclockwise, is drawn at the left."""
    for torque in (1.0, -1.0):
        columns = of_color(drawings.pendulum(0.0, torque), BLUE)[:, 1]
        assert np.sign(columns.mean() - 127.5) == -np.sign(torque)


def test_bars_have_the_height_of_the_posterior_mean():
    """Arm 0 paid 3 times of 4: (3 + 1) / (4 + 2) of 154 units; arm 1 was not pulled."""
    arms = np.zeros(4, int)
    rewards = np.array([1, 1, 0, 1])
    picture = drawings.bandit(MEANS, arms, rewards, pulls=10)
    rows, columns = of_color(picture, SKY).T
    assert columns.max() < 128
    assert rows.max() - rows.min() + 1 == pytest.approx(154 * 4 / 6, abs=2)
    dots = [part for part in of_color(picture, BLUE) if part[0] > 222]
    assert len({column // 26 for _, column in dots}) == 5 - 1  # only pulls so far are blue


def test_the_triangle_is_above_the_last_arm():
    for arm in (0, 1):
        picture = drawings.bandit(MEANS, np.array([1 - arm, arm]), np.zeros(2))
        columns = of_color(picture[:30], BLUE)[:, 1]
        assert len(columns) and (columns > 128).all() == (arm == 1)


def test_what_pays_is_green_and_where_one_acts_is_framed():
    """Two states, two actions: only action 1 of state 0 pays, and is taken there."""
    means = np.array([[0.0, 4.0], [0.0, 0.0]])
    visits = np.array([[0, 3], [0, 0]])
    picture = tables.decision_process(means, visits, 0, 1, [2.0, 4.0]).astype(int)
    cells = [[picture[25 + 75 * a, 25 + 116 * s] for a in (0, 1)] for s in (0, 1)]
    green = [[cell[1] - cell[0] for cell in row] for row in cells]
    assert green[0][1] > 50 and max(green[0][0], *green[1]) <= 0
    dot = of_color(picture, "#3a3a3a")
    rows, columns = dot[(dot[:, 0] > 105) & (dot[:, 0] < 150) & (dot[:, 1] > 30)].T
    assert rows.mean() == pytest.approx(14 + 75 * 1.5, abs=6) and columns.max() < 128
    bars = of_color(picture[170:225], BLUE)  # the last return, twice as high as the one before
    before = of_color(picture[170:225], SKY)
    assert np.ptp(bars[:, 0]) == pytest.approx(2 * np.ptp(before[:, 0]), abs=4)
    assert bars[:, 1].min() > before[:, 1].max()


def test_cells_have_their_channels_color():
    obs = np.zeros((2, 2, 3))
    obs[0, 1, 2] = 1.0
    rows, columns = of_color(drawings.numbers(obs), COLORS[2]).mean(0)
    assert rows < 128 < columns


def test_every_channel_of_a_board_is_drawn_in_its_cell():
    for marks in drawings.MINATAR.values():
        for channel, mark in enumerate(marks):
            board = np.zeros((10, 10, len(marks)))
            board[2, 7, channel] = 1
            rows, columns = of_color(drawings.minatar(board, marks), mark.color).T
            assert rows.mean() == pytest.approx(12 + 23.2 * 2.5, abs=2)
            assert columns.mean() == pytest.approx(12 + 23.2 * 7.5, abs=2)


def test_the_first_channel_of_a_cell_is_seen():
    marks = drawings.MINATAR["breakout"]
    board = np.zeros((10, 10, 4))
    board[5, 5] = 1
    picture = drawings.minatar(board, marks)
    assert (picture[12 + int(23.2 * 5.5), 12 + int(23.2 * 5.5)] == (0, 114, 178)).all()


def frames_of(count):
    return [drawings.pendulum(0.1 * i, 1.0, height=64, width=64) for i in range(count)]


def test_a_gif_has_its_frames_colors_and_times(tmp_path):
    path = tmp_path / "one.gif"
    frames = frames_of(9)
    film.write_gif(path, frames, [40] * 8 + [1000])
    with Image.open(path) as gif:
        assert gif.n_frames == 9 and gif.info["loop"] == 0 and gif.size == (64, 64)
        for i, frame in enumerate(frames):
            gif.seek(i)
            assert gif.info["duration"] == (1000 if i == 8 else 40)
            seen = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(seen - frame).mean() < 2
            rows, columns = of_color(frame, ORANGE).T
            assert np.abs(seen - frame)[rows, columns].max() < 40


def test_what_stands_still_does_not_flicker(tmp_path):
    """Though it has more colors than a palette, and what moves beside it always other ones."""
    path = tmp_path / "one.gif"
    draws = np.random.default_rng(0)
    still = draws.integers(0, 255, (32, 64, 3))
    moving = [draws.integers(0, 255, 3) * draws.random((32, 64, 1)) for _ in range(12)]
    frames = [np.concatenate([still, part]).astype(np.uint8) for part in moving]
    film.write_gif(path, frames, [40] * 12)
    seen = []
    with Image.open(path) as gif:
        for i in range(gif.n_frames):
            gif.seek(i)
            seen.append(np.asarray(gif.convert("RGB")))
    assert len(seen) == 12
    assert (np.std(seen, axis=0)[:32] == 0).all() and (np.std(seen, axis=0)[32:] > 0).any()


def test_half_the_pictures_take_as_long():
    shots = [(np.full(1, i), 40) for i in range(6)] + [(np.full(1, 6), 1000)]
    halved = film.halved(shots)
    assert [(int(picture[0]), ms) for picture, ms in halved] == [
        (0, 80),
        (2, 80),
        (4, 80),
        (6, 1000),
    ]


def test_pictures_are_put_together_row_by_row():
    tiles = [np.full((10, 20, 3), i, np.uint8) for i in range(5)]
    whole = film.mosaic(tiles, 3, gap=2)
    assert whole.shape == (22, 64, 3)
    assert [int(whole[12 * (i // 3), 22 * (i % 3), 0]) for i in range(5)] == list(range(5))


@pytest.mark.parametrize("width", [48, 128, 256, 1024])
def test_captions_fit(width):
    """Both texts are whole: nothing is drawn at the very edges, and a gap is between them."""
    image = np.full((20, width, 3), 252, np.uint8)
    band = film.captioned(image, "return 12345.6", "t = 120.00 s")[20:]
    inked = (band < 200).any((0, 2))
    assert len(band) == film.band_of(width) and inked.any() and not inked[[0, -1]].any()
    both = (
        film.captioned(image, a, b)[20:] < 200 for a, b in (("return 12345.6", ""), ("", "t = 1"))
    )
    left, right = (part.any((0, 2)) for part in both)
    assert left[: width // 2].any() and right[width // 2 :].any()


def test_the_way_is_drawn_where_it_leads_and_the_paying_mark_is_green():
    """Right and up are to the right and up; the mark's disc is about its place."""
    path = np.array([(0.0, 0.0), (1.0, 0.5)])
    picture = rooms.path_among_marks(path, np.array([(-1.0, 0.0), (0.0, -1.0)]), 1, 0.3)
    rows, columns = of_color(picture, BLUE).T
    end = 128 - 80 * 0.5, 128 + 80  # a radius of the circle is 80 pixels
    assert np.hypot(rows - end[0], columns - end[1]).min() < 2
    assert columns.max() < end[1] + 9 and rows.min() > end[0] - 9
    green = of_color(picture, COLORS[2])
    np.testing.assert_allclose(green.mean(0), (128 + 80, 128), atol=2)


def test_walls_goal_and_walker_are_in_their_cells():
    free = np.ones((4, 4), bool)
    free[0, 3] = False
    picture = rooms.path_in_rooms(free, np.array([(3, 0)]), (2, 2))
    for cell, color in (((0, 3), "#3a3a3a"), ((2, 2), COLORS[2]), ((3, 0), BLUE)):
        middle = of_color(picture, color).mean(0)
        np.testing.assert_allclose(middle, 12 + 58 * (np.array(cell) + 0.5), atol=3)
