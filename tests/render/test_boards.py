"""Games in pictures: what is drawn on the device against what the reports draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.render import drawings
from jaxdl.render.boards import board_painter
from jaxdl.render.seen import has_camera, is_game, seen, seen_game, usual_repeat
from jaxdl.render.views import view_of

GAME = "gymnax/Breakout-MinAtar"


def random_board(shape):
    """A board of at most one thing in a cell."""
    draws = np.random.default_rng(0)
    channel = draws.integers(0, 2 * shape[2], shape[:2])
    return channel[..., None] == np.arange(shape[2])


@pytest.mark.parametrize("game", drawings.MINATAR)
def test_boards_are_drawn_as_the_reports_draw_them(game):
    """Byte by byte in negative, where cells share no pixel: they are of 29 pixels at this size."""
    marks = drawings.MINATAR[game]
    shape = (10, 10, len(marks))
    draw = jax.jit(board_painter(shape, marks, side=328, board=320))
    for board in (random_board(shape), np.zeros(shape)):
        found = np.asarray(draw(jnp.asarray(board, jnp.float32)))
        expected = 255 - drawings.minatar(board, marks, height=320, width=320)
        assert found.dtype == np.uint8 and found.shape == (328, 328, 3)
        np.testing.assert_array_equal(found[4:324, 4:324], expected)
        assert (found[:4] == found[0, 0]).all() and (found[:, 324:] == found[0, 0]).all()


@pytest.mark.parametrize("game", drawings.MINATAR)
def test_where_things_share_a_cell_the_first_is_seen(game):
    marks = drawings.MINATAR[game]
    shape = (10, 10, len(marks))
    draw = board_painter(shape, marks, side=84, board=84)
    middles = np.int32((np.arange(10) + 0.47) * 0.1 * 84 * 232 / 256 + 84 * 12 / 256)
    for first in range(len(marks)):
        full = jnp.zeros(shape).at[..., first:].set(1.0)
        alone = jnp.zeros(shape).at[..., first].set(1.0)
        places = np.ix_(middles, middles)
        np.testing.assert_array_equal(draw(full)[places], draw(alone)[places])


def test_every_crop_of_the_board_s_size_holds_the_whole_board():
    """The outermost cells lie at least as far from the edge as crops can leave out."""
    marks = drawings.MINATAR["breakout"]
    draw = board_painter((10, 10, 4), marks, side=92, board=84)
    bricks = np.asarray(draw(jnp.zeros((10, 10, 4)).at[..., 3].set(1.0)))
    paper = bricks[0, 0]
    rows, columns = np.nonzero((bricks != paper).any(-1))
    for places in (rows, columns):
        assert places.min() >= 92 - 84 - 1 and places.max() <= 84


def test_a_game_is_seen_as_it_is_played():
    """The picture, the world's own board beside it for views, and its rewards."""
    pytest.importorskip("gymnax")
    env, view = seen(GAME, side=84), view_of(GAME)
    assert is_game(GAME) and has_camera(GAME) and usual_repeat(GAME) == 1
    assert not is_game("swingup") and not is_game("gymnax/CartPole-v1")
    task = env.sample_task(jax.random.key(0))
    state, obs = jax.jit(env.reset)(jax.random.key(1), task)
    state, out = jax.jit(env.step)(jax.random.key(2), state, jnp.int32(1), task)
    board = np.asarray(view.keep(state, task, out.obs))
    assert board.shape == (10, 10, 4) and board.sum() > 30  # bricks
    expected = 255 - drawings.minatar(board, drawings.MINATAR["breakout"], height=84, width=84)
    assert ((np.asarray(out.obs) != expected).any(-1)).mean() < 0.03
    assert (np.asarray(out.obs) != np.asarray(obs)).any()


def test_boards_that_cannot_be_told_apart_are_refused_in_one_line():
    pytest.importorskip("gymnax")
    for sizes in ({"side": 40, "board": 12}, {"side": 30, "board": 40}):
        with pytest.raises(BadInput, match="a board of") as told:
            seen_game(GAME, **sizes)
        assert "\n" not in str(told.value)
    with pytest.raises(BadInput, match="ask for one frame"):
        seen(GAME, side=84, frame_stack=3)
    with pytest.raises(BadInput, match="no camera stands in pendulum"):
        seen("pendulum", side=84)
