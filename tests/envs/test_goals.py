"""Worlds whose goal only the reward tells of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, check, make
from jaxdl.envs.control import cheetah
from jaxdl.envs.control.episodes import Moment
from jaxdl.envs.grid_goal import possible_goals
from jaxdl.envs.point_nav import informed_return


def play(env, task, actions):
    """The answers to actions, by hand."""
    state, obs = env.reset(jax.random.key(0), task)
    steps = []
    for i, action in enumerate(actions):
        state, out = env.step(jax.random.key(i), state, action, task)
        steps.append(out)
    return obs, steps


def test_a_point_goes_at_most_a_tenth_and_pays_its_distance():
    env = make("point_nav:steps=4")
    check(env)
    goal = jnp.array([0.3, -0.2])
    moves = jnp.array([[0.05, -0.1], [9.0, -9.0], [0.1, 0.0], [-0.02, 0.0]])
    first, steps = play(env, goal, moves)
    np.testing.assert_array_equal(first, [0, 0])
    places = np.cumsum(np.clip(moves, -0.1, 0.1), axis=0)
    np.testing.assert_allclose([out.obs for out in steps], places, rtol=1e-6)
    distances = np.hypot(*(places - goal).T)
    np.testing.assert_allclose([out.reward for out in steps], -distances, rtol=1e-5)
    assert [bool(out.terminated) for out in steps] == [False] * 4
    assert [bool(out.truncated) for out in steps] == [False] * 3 + [True]


def test_an_episode_ends_at_the_goal_and_not_beside_it():
    env = make("point_nav:steps=1")
    for goal, ends in ([0.1, 0.0], True), ([0.109, -0.009], True), ([0.1, 0.0101], False):
        _, (out,) = play(env, jnp.array(goal), jnp.array([[0.1, 0.0]]))
        assert (bool(out.terminated), bool(out.truncated)) == (ends, not ends)


def test_goals_are_uniform_and_nobody_earns_more_than_who_knows_them():
    env = make("point_nav")
    goals = jax.jit(jax.vmap(env.sample_task))(jax.random.split(jax.random.key(0), 4000))
    np.testing.assert_allclose(goals.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(goals.var(0), 1 / 12, rtol=0.05)
    assert np.abs(goals).max() <= 0.5
    # By hand: 0.1 a step along each axis; from (0.25, -0.1) it is 0.15, 0.05 and then 0 away.
    np.testing.assert_allclose(informed_return(jnp.array([0.25, -0.1])), -0.2, rtol=1e-5)


def test_a_grid_pays_on_its_goal_and_tells_of_it_by_nothing_else():
    env = make("grid_goal:size=3,horizon=6")
    check(env)
    assert env.obs_space == Discrete(9) and env.action_space == Discrete(5)
    # Up, up, right, stay, left, beyond the edge; the goal is the middle of the upper row.
    first, steps = play(env, jnp.int32(7), jnp.array([1, 1, 2, 0, 4, 4]))
    assert int(first) == 0 and [int(out.obs) for out in steps] == [3, 6, 7, 7, 6, 6]
    rewards = [float(out.reward) for out in steps]
    np.testing.assert_allclose(rewards, [-0.1, -0.1, 1, 1, -0.1, -0.1], rtol=1e-6)
    assert [bool(out.terminated) for out in steps] == [False] * 5 + [True]
    _, steps = play(env, jnp.int32(7), jnp.array([3, 4, 2, 3]))  # down and left of the corner
    assert [int(out.obs) for out in steps] == [0, 0, 1, 1]


def test_goals_of_a_grid_are_all_but_the_four_at_the_start():
    goals = set(possible_goals(5).tolist())
    assert goals == set(range(25)) - {0, 1, 5, 6}
    env = make("grid_goal:size=3")
    drawn = jax.jit(jax.vmap(env.sample_task))(jax.random.split(jax.random.key(0), 5000))
    found, counts = np.unique(drawn, return_counts=True)
    assert found.tolist() == [2, 5, 6, 7, 8]
    np.testing.assert_allclose(counts / 5000, 0.2, atol=0.03)


@pytest.mark.slow  # MJX is slow to load and to compile
def test_a_cheetahs_hidden_speeds_and_ways():
    """The three rewards are of one speed: a tenth of it, how far it is off, and that way."""
    designs = {task: cheetah.design(task) for task in ("run", "velocity", "direction")}
    moved = designs["run"].mechanism
    draws = jax.vmap(designs["velocity"].draw_goal)(jax.random.split(jax.random.key(0), 2000))
    np.testing.assert_allclose([draws.speed.mean(), draws.speed.var()], [1, 1 / 3], atol=0.04)
    ways = jax.vmap(designs["direction"].draw_goal)(jax.random.split(jax.random.key(1), 2000))
    assert set(np.unique(ways.speed)) == {-1, 1} and abs(float(ways.speed.mean())) < 0.1

    @jax.jit
    def rewards(forward, speed, way):
        qvel = jnp.zeros(9).at[0].set(forward)
        moment = Moment(moved.model, jnp.zeros(9), qvel, jnp.zeros(0))
        goals = {"run": (), "velocity": cheetah.Goal(speed), "direction": cheetah.Goal(way)}
        return [designs[task].reward(moment, goal) for task, goal in goals.items()]

    np.testing.assert_allclose(rewards(1.5, 0.5, -1.0), [0.15, -1.0, -1.5], rtol=1e-5)
    np.testing.assert_allclose(rewards(-1.5, 0.5, -1.0), [0.0, -2.0, 1.5], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("point_nav:steps=0", "point_nav needs at least 1 step, got steps=0"),
        ("grid_goal:size=2", "grid_goal needs size of at least 3"),
        ("grid_goal:horizon=0", "got size=5 and horizon=0"),
        ("mjx/cheetah:task=fly", "should be one of run, velocity, direction"),
        ("grid_goal:goal=3", "grid_goal has no setting 'goal'"),
    ],
)
def test_bad_settings_are_told(name, text):
    with pytest.raises(BadInput, match=text):
        make(name)
