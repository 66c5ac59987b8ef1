"""Worlds in pictures by their names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, make
from jaxdl.envs.names import check_name
from jaxdl.envs.registry import describe
from jaxdl.render.views import view_of

NAME = "pixels/swingup:side=24,stack=2,action_repeat=4"


def test_a_name_gives_stacked_pictures_of_a_world():
    """Both frames are the first at first; then the older one is what was the newer before."""
    check_name(NAME)
    env, blind = make(NAME), make("swingup")
    assert env.obs_space == Box((24, 24, 6), 0, 255, np.uint8)
    assert env.action_space == blind.action_space
    task = env.sample_task(jax.random.key(0))
    state, first = jax.jit(env.reset)(jax.random.key(1), task)
    np.testing.assert_array_equal(first[..., :3], first[..., 3:])
    push = jnp.ones(1)
    step = jax.jit(env.step)
    for i in range(6):
        before = state
        state, out = step(jax.random.key(i), state, push, task)
        np.testing.assert_array_equal(out.obs[..., :3], before.frames[..., 3:])
    assert (np.asarray(out.obs) != np.asarray(first)).any()
    assert int(state.world.time) == 24
    kept = view_of(NAME).keep(state, task, out.obs)
    assert kept[0].geom_xpos.shape == (3, 3)
    assert view_of(NAME).seconds == pytest.approx(0.04)


def test_what_a_game_s_name_stands_for():
    pytest.importorskip("gymnax")
    env = make("pixels/gymnax/Breakout-MinAtar:side=30")
    assert env.obs_space.shape == (30, 30, 3)  # a board is seen once
    assert view_of("pixels/gymnax/Breakout-MinAtar:side=30").seconds is None


def test_what_a_world_s_name_stands_for():
    assert describe("pixels/swingup").observation.startswith("uint8 [48, 48, 9]")
    assert view_of("pixels/swingup").seconds == pytest.approx(0.08)


@pytest.mark.parametrize(
    "name, message",
    {
        "pixels/pendulum": "no camera stands in pendulum",
        "pixels/swingup:sides=24": "no setting 'sides'.*did you mean 'side'",
        "pixels/mjx/cartpole:task=jump": "task",
        "pixels/swingup:side=0": "a picture of 0 x 0",
    }.items(),
)
def test_names_of_what_is_not_seen_are_refused(name, message):
    with pytest.raises(BadInput, match=message):
        make(name)
