"""The robots of MuJoCo Playground."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import make


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco_playground", None)
    monkeypatch.delitem(sys.modules, "jaxdl.envs.playground", raising=False)
    with pytest.raises(BadInput, match=r"pip install 'jaxdl\[playground\]'"):
        make("playground/CheetahRun")


def test_names_and_episode_lengths(monkeypatch):
    pytest.importorskip("mujoco_playground")
    from jaxdl.envs import playground

    with pytest.raises(BadInput, match="did you mean 'playground/CheetahRun'"):
        make("playground/cheetahrun")
    with pytest.raises(BadInput, match="episode_length=0"):
        make("playground/CartpoleBalance:episode_length=0")

    def offline(*args, **kwargs):
        raise subprocess.CalledProcessError(128, ["git", "clone"])

    monkeypatch.setattr(playground.registry, "load", offline)
    with pytest.raises(BadInput, match="Menagerie, which git could not download") as caught:
        make("playground/Go1JoystickFlatTerrain")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_episode_of_playground():
    pytest.importorskip("mujoco_playground")
    env = make("playground/CartpoleBalance", episode_length=5)
    assert env.obs_space.shape == (5,) and env.action_space.shape == (1,)

    def run(key):
        state, obs = env.reset(key, ())
        step = lambda state, key: env.step(key, state, jnp.ones(1), ())  # noqa: E731
        return obs, jax.lax.scan(step, state, jax.random.split(key, 6))[1]

    start, out = jax.jit(run)(jax.random.key(0))
    assert np.isfinite(out.obs).all() and not out.terminated.any()
    assert out.truncated.tolist() == [False] * 4 + [True, True]
    assert out.obs[-1, 3] > start[3]  # pushed to the right
    assert out.reward.dtype == jnp.float32 and 0 < out.reward.min() <= out.reward.max() <= 1
