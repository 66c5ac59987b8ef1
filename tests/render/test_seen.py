"""The control worlds by their cameras."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, make
from jaxdl.envs.worlds import varying_leaves
from jaxdl.render.seen import has_camera, seen, usual_repeat
from jaxdl.render.views import view_of

SIX = ("finger", "cartpole:task=swingup", "reacher", "cheetah", "walker", "ball_in_cup")


def test_which_worlds_have_cameras_and_how_often_actions_are_repeated():
    """Laskin et al. 2020, table 3."""
    expected = {"mjx/finger": 2, "mjx/cartpole:task=swingup": 8, "mjx/reacher": 4}
    expected |= {"mjx/cheetah": 4, "mjx/walker:task=run": 2, "mjx/ball_in_cup": 4, "swingup": 8}
    for name, repeat in expected.items():
        assert has_camera(name) and usual_repeat(name) == repeat
    for name in ("pendulum", "probe:actions=continuous", "brax/ant"):
        assert not has_camera(name) and usual_repeat(name) == 1
    with pytest.raises(BadInput, match="no setting 'tsk'"):
        seen("swingup:tsk=1", side=12)


def test_the_swing_up_is_seen_where_it_stands():
    """The cart's blue, and the pole below it at first; one frame, a byte a channel."""
    env = seen("swingup", side=28, action_repeat=8)
    assert env.obs_space == Box((28, 28, 3), 0, 255, np.uint8)
    task = env.sample_task(jax.random.key(0))
    state, obs = jax.jit(env.reset)(jax.random.key(1), task)
    obs = np.int32(obs)
    assert obs.dtype == np.int32 and obs.shape == (28, 28, 3)
    blue = obs[..., 2] > obs[..., 0] + 20
    brown = obs[..., 0] > obs[..., 2] + 20
    rows = np.arange(28)[:, None]
    assert blue.sum() >= 4 and brown.sum() >= 8
    assert (rows * brown).sum() / brown.sum() > (rows * blue).sum() / blue.sum() + 3
    kept = view_of("swingup").keep(state, task, obs)  # the world behind the camera
    assert kept[0].geom_xpos.shape == (3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIX)
def test_every_task_is_seen_to_move(name):
    """A picture of several colors, which pushes change, and the numbers' own rewards."""
    name = f"mjx/{name}"
    env, blind = seen(name, side=48, action_repeat=2), make(name)
    assert any(jax.tree.leaves(varying_leaves(env.sample_task))) or "reacher" not in name
    key = jax.random.key(0)
    push = jnp.ones(env.action_space.shape)

    @jax.jit
    def play(key):
        task = env.sample_task(key)
        state, first = env.reset(key, task)
        step = lambda state, key: (  # noqa: E731
            lambda after: (after[0], (after[1].obs, after[1].reward))
        )(env.step(key, state, push, task))
        state, (obs, reward) = jax.lax.scan(step, state, jax.random.split(key, 6))
        return first, obs, reward, state.world.time

    first, obs, reward, time = jax.device_get(play(key))
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 3
    assert (obs[-1] != first).any() and np.isfinite(reward).all() and time == 12
    assert env.action_space == blind.action_space
