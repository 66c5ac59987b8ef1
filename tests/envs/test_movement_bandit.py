"""A point among marks: what pays, what is seen, and the shortest ways by brute force."""

from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, check, make
from jaxdl.envs.movement_bandit import MOVES, fewest_steps, mean_best_return

ENV = make("movement_bandit")
reset = jax.jit(ENV.reset)
step = jax.jit(ENV.step)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def starts():
    """Sixteen starts and tasks, with the fewest steps as they are computed."""
    keys = jax.random.split(KEY, (16, 2))
    tasks = jax.vmap(ENV.sample_task)(keys[:, 0])
    states, _ = jax.vmap(reset)(keys[:, 1], tasks)
    return jax.device_get((states, tasks, jax.jit(jax.vmap(fewest_steps))(states, tasks)))


def search(mark):
    """The actions of a shortest way to the disc about a mark, by breadth-first search."""
    ways = {(0, 0): ()}
    queue = deque(ways)
    while True:
        place = queue.popleft()
        if np.hypot(*(20.0 * np.array(place) - mark)) < 50.0:
            return ways[place]
        for action, move in enumerate(MOVES):
            end = place[0] + move[0], place[1] + move[1]
            if end not in ways:
                ways[end] = (*ways[place], action)
                queue.append(end)


def test_the_shortest_way_is_that_of_a_search_and_pays_what_is_said(starts):
    states, tasks, fewest = starts
    assert set(tasks) == {0, 1}
    for i in range(16):
        way = search(states.marks[i, tasks[i]])
        assert len(way) == fewest[i]
        state = jax.tree.map(lambda x, i=i: jnp.asarray(x[i]), states)
        rewards = []
        for action in (*way, *[0] * (50 - len(way))):  # then it stays
            state, out = step(KEY, state, jnp.int32(action), jnp.int32(tasks[i]))
            rewards.append(float(out.reward))
        assert rewards == [0.0] * (len(way) - 1) + [1.0] * (51 - len(way))


def test_marks_lie_on_the_circle_everywhere(starts):
    marks = starts[0].marks.reshape(-1, 2)
    np.testing.assert_allclose(np.hypot(*marks.T), 175, rtol=1e-5)
    assert (marks.min(0) < -80).all() and (marks.max(0) > 80).all()
    assert len(np.unique(marks, axis=0)) == len(marks)


def test_which_mark_pays_is_not_seen():
    """Both tasks show the same, and pay by their own mark alone."""
    (state, obs), (other, seen) = (reset(KEY, jnp.int32(task)) for task in (0, 1))
    np.testing.assert_array_equal(obs, seen)
    np.testing.assert_allclose(obs[:2], 0)
    np.testing.assert_allclose(obs[2:], np.ravel(state.marks) / 175, rtol=1e-6)
    there = other._replace(strides=jnp.round(state.marks[1] / 20).astype(jnp.int32))
    for task, pays in ((0, np.hypot(*(state.marks[0] - 20 * there.strides)) < 50), (1, True)):
        _, out = step(KEY, there, jnp.int32(0), jnp.int32(task))
        assert bool(out.reward) == pays
        np.testing.assert_allclose(out.obs[:2], 20 * there.strides / 175, rtol=1e-6)


@pytest.mark.parametrize(("action", "move"), enumerate(MOVES))
def test_a_move_is_a_stride(action, move):
    state, _ = reset(KEY, jnp.int32(0))
    after, out = step(KEY, state, jnp.int32(action), jnp.int32(0))
    np.testing.assert_array_equal(after.strides, move)
    np.testing.assert_allclose(out.obs[:2], 20 * np.array(move) / 175, rtol=1e-6)


def test_an_episode_is_cut_and_never_ends_by_itself():
    env = make("movement_bandit:marks=3,horizon=2")
    check(env)
    assert (env.obs_space, env.action_space) == (Box((8,)), Discrete(5))
    state, _ = env.reset(KEY, jnp.int32(2))
    ends = []
    for _ in range(2):
        state, out = env.step(KEY, state, jnp.int32(1), jnp.int32(2))
        ends.append((bool(out.terminated), bool(out.truncated)))
    assert ends == [(False, False), (False, True)]
    assert mean_best_return(horizon=2) == 0  # too short to come anywhere


def test_the_mean_best_return_is_that_of_searches():
    angles = np.linspace(0, 2 * np.pi, 3600, endpoint=False)[::40]
    marks = 175 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    best = np.mean([51 - len(search(mark)) for mark in marks])
    assert mean_best_return() == pytest.approx(best, abs=0.1)
    assert mean_best_return(horizon=60) == pytest.approx(mean_best_return() + 10)


@pytest.mark.parametrize("name", ["marks", "horizon"])
def test_bad_numbers_are_told(name):
    with pytest.raises(BadInput, match=f"movement_bandit needs {name} of at least 1"):
        make(f"movement_bandit:{name}=0")
