"""Our worlds as Gymnasium's environments, by Gymnasium's own checks and by our own steps."""

import importlib
import sys
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl.envs
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, MultiDiscrete, Step, as_gymnasium, make

gymnasium = pytest.importorskip("gymnasium")
from gymnasium.utils.env_checker import check_env  # noqa: E402

OWN = (
    *("bandit", "tabular_mdp", "tiny_bamdp", "cartpole", "pendulum", "point_nav", "grid_goal"),
    *("bandit", "tabular_mdp", "tiny_bamdp", "two_step", "cartpole", "pendulum"),
    *("probe", "probe:actions=continuous"),
)
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("mjx/cartpole", "mjx/reacher")]


class Pair(NamedTuple):
    which: Discrete | jax.Array
    how: Box | jax.Array


def counter():
    """A world with every kind of space, which counts to 3 or terminates at once when told to."""
    obs_space = {"time": Discrete(4), "last": (MultiDiscrete((2, 3)), Box((2,), -1.0, (1.0, 2.0)))}
    action_space = Pair(Discrete(2), Box((2,), -1.0, (1.0, 2.0)))

    def observe(time, action):
        both = jnp.stack([action.which, time % 3]).astype(jnp.int32)
        return {"time": time, "last": (both, jnp.float32(action.how))}

    def reset(key, task):
        return jnp.int32(0), observe(jnp.int32(0), Pair(jnp.int32(0), jnp.zeros(2)))

    def step(key, state, action, task):
        time = state + 1
        terminated = action.which == 1
        info = {"twice": 2.0 * time}
        done = terminated, (time >= 3) & ~terminated
        return time, Step(observe(time, action), jnp.float32(time), *done, info)

    return Env(lambda key: (), reset, step, obs_space, action_space)


@pytest.mark.parametrize("name", [*OWN, *SLOW])
def test_passes_gymnasiums_check(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Bounds that are infinite, equal or not [-1, 1], and worlds without a spec, are not wrong.
        warnings.filterwarnings("ignore", message=".*(infinity|symmetric|spec|values are equal).*")
        check_env(as_gymnasium(name))


def test_every_kind_of_space_passes_the_check():
    env = as_gymnasium(counter())
    check_env(env)
    spaces = gymnasium.spaces
    assert env.observation_space["time"] == spaces.Discrete(4)
    assert env.observation_space["last"][0] == spaces.MultiDiscrete([2, 3])
    high = np.array([1.0, 2.0], np.float32)
    assert env.action_space[1] == spaces.Box(np.float32([-1, -1]), high)
    obs, info = env.reset()
    assert obs["time"] == 0 and info == {}
    how = np.array([0.5, 1.5], np.float32)
    obs, reward, terminated, truncated, info = env.step((0, how))
    np.testing.assert_array_equal(obs["last"][1], how)
    assert (reward, terminated, truncated) == (1.0, False, False)
    assert info["twice"] == 2 and info["discount"] == 1
    assert env.step((1, how))[2:4] == (True, False)
    env.reset()
    ends = [env.step((0, how))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    for bad in ((0,), (2, how), (0, np.zeros(3)), {"which": 0}):
        with pytest.raises(BadInput, match="an action"):
            env.step(bad)


def test_spaces_of_whole_numbers_and_truths():
    convert = importlib.import_module("jaxdl.envs.gymnasium_env").to_gymnasium_space
    picture = convert(Box((2, 2, 3), 0, 255, np.uint8))
    assert picture == gymnasium.spaces.Box(0, 255, (2, 2, 3), np.uint8)
    whole = convert(Box((2,), 0, np.inf, np.int32))
    assert whole == gymnasium.spaces.Box(0, 2**31 - 1, (2,), np.int32)
    assert convert(Box((3,), 0, 1, np.bool_)) == gymnasium.spaces.MultiBinary((3,))


def test_plays_as_our_own_world_does():
    env = as_gymnasium("pendulum", seed=3)
    ours = make("pendulum")
    obs, _ = env.reset()
    state, _, task = env._now
    for value in (0.5, -0.25, 9.0):
        action = np.array([value], np.float32)
        state, out = ours.step(jax.random.key(0), state, action, task)
        obs, reward, *_ = env.step(action)
        np.testing.assert_allclose(obs, out.obs, rtol=1e-6)
        np.testing.assert_allclose(reward, out.reward, rtol=1e-6)


@pytest.mark.parametrize("num_envs", [None, 2])
def test_seeds_repeat_and_differ(num_envs):
    def first(env, **seed):
        return env.reset(**seed)[0].tolist()

    one, other, third = (as_gymnasium("cartpole", num_envs, seed=seed) for seed in (1, 1, 2))
    begun = first(one)
    assert begun == first(other) and begun != first(third)
    again = first(one)
    assert again == first(other) and again != begun  # later episodes are others, but the same ones
    assert first(one, seed=7) == first(third, seed=7) != begun
    assert first(one, seed=2**70) == first(third, seed=2**70)


def test_many_worlds_begin_again_in_the_same_step():
    env = as_gymnasium(counter(), 3)
    assert env.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.SAME_STEP
    obs, info = env.reset(seed=1)
    assert env.observation_space.contains(obs) and info == {}
    how = np.zeros((3, 2), np.float32)
    for time, which in ((1, [0, 0, 0]), (2, [0, 1, 0]), (3, [0, 0, 0])):
        obs, reward, terminated, truncated, info = env.step((np.array(which), how))
        assert env.observation_space.contains(obs)
        np.testing.assert_array_equal(info["twice"], 2 * reward)
        if time == 1:
            assert not terminated.any() and not truncated.any() and "final_obs" not in info
        if time == 2:
            assert terminated.tolist() == [False, True, False] and not truncated.any()
            assert info["_final_obs"].tolist() == [False, True, False]
            assert info["final_obs"][0] is None and info["final_obs"][1]["time"] == 2
            assert obs["time"].tolist() == [2, 0, 2]
    assert truncated.tolist() == [True, False, True] and not terminated.any()
    assert obs["time"].tolist() == [0, 1, 0] and reward.tolist() == [3, 1, 3]
    np.testing.assert_array_equal(info["final_info"]["twice"], [6, 2, 6])
    with pytest.raises(BadInput, match="an action has the shape"):
        env.step((np.zeros(2, int), how))
    env.close()


def test_gymnasiums_wrappers_count_episodes():
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(as_gymnasium("probe", 4))
    env.reset(seed=0)
    *_, info = env.step(env.action_space.sample())
    ended = info["_episode"]
    assert ended.any() and set(info["episode"]["l"][ended]) == {1}


def test_pictures():
    env = as_gymnasium("bandit", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (256, 256, 3) and before.dtype == np.uint8
    env.step(1)
    assert (env.render() != before).any()
    check_env(as_gymnasium("cartpole", render_mode="rgb_array"))
    many = as_gymnasium("cartpole", 2, render_mode="rgb_array")
    many.reset(seed=0)
    many.step(np.array([0, 1]))
    one, other = many.render()
    assert one.shape == (256, 256, 3) and (one != other).any()
    assert many.metadata["render_fps"] == 50
    unnamed = as_gymnasium(counter(), render_mode="rgb_array")
    assert as_gymnasium("cartpole").render() is None
    with pytest.raises(gymnasium.error.ResetNeeded):
        unnamed.render()


def test_bad_input(monkeypatch):
    with pytest.raises(BadInput, match="did you mean 'cartpole'"):
        as_gymnasium("cartpol")
    with pytest.raises(BadInput, match="num_envs=0"):
        as_gymnasium("cartpole", 0)
    with pytest.raises(BadInput, match="render_mode='human'"):
        as_gymnasium("cartpole", render_mode="human")
    with pytest.raises(BadInput, match="jaxdl.envs.Env"):
        as_gymnasium(3)
    with pytest.raises(gymnasium.error.ResetNeeded):
        as_gymnasium("cartpole").step(0)

    monkeypatch.delitem(sys.modules, "jaxdl.envs.gymnasium_env")
    monkeypatch.delattr(jaxdl.envs, "gymnasium_env")
    monkeypatch.setitem(sys.modules, "gymnasium", None)  # as if it were not installed
    with pytest.raises(BadInput, match="pip install gymnasium"):
        as_gymnasium("cartpole")
