"""Worlds that reset themselves: final observations, fresh starts, statistics, devices."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxdl.core import mesh
from jaxdl.envs import Box, Discrete, Env, Step, episode_metrics, make, start_window, vectorize
from jaxdl.envs.worlds import varying_leaves

E = 8
T = 60


class Walk(NamedTuple):
    place: jax.Array
    time: jax.Array


def walk(limit=3.0, late=7):
    """Goes where it is told, by the task's stride; beyond the limit it ends, after 7 steps too."""

    def sample_task(key):
        return jax.random.uniform(key, minval=0.5, maxval=1.5)

    def reset(key, task):
        start = jax.random.uniform(key)
        return Walk(start, jnp.int32(0)), start[None]

    def step(key, state, action, task):
        state = Walk(state.place + task * (2 * action - 1), state.time + 1)
        terminated = jnp.abs(state.place) > limit
        truncated = (state.time >= late) & ~terminated
        noise = jax.random.uniform(key)
        return state, Step(state.place[None], noise, terminated, truncated, {"place": state.place})

    return Env(sample_task, reset, step, Box((1,)), Discrete(2))


def play(env, num_envs=E, steps=T, seed=0):
    """The states before each step, and the answers, time-major."""
    worlds = vectorize(env, num_envs)

    def body(state, key):
        action_key, step_key = jax.random.split(key)
        action = jax.random.bernoulli(action_key, shape=(num_envs,)).astype(jnp.int32)
        after, out = worlds.step(step_key, state, action)
        return after, (state, action, out)

    first, rest = jax.random.split(jax.random.key(seed))
    state = worlds.reset(first)
    return jax.lax.scan(body, state, jax.random.split(rest, steps))


@pytest.fixture(scope="module")
def played():
    return jax.tree.map(np.asarray, jax.jit(lambda: play(walk()))())


def test_final_observation_is_kept_and_ends_are_apart(played):
    last, (before, action, out) = played
    place = before.obs[..., 0] + before.task * (2 * action - 1)
    np.testing.assert_allclose(out.obs[..., 0], place, rtol=1e-6)  # also where an episode ended
    np.testing.assert_array_equal(out.terminated, np.abs(place) > 3)
    np.testing.assert_array_equal(out.truncated, (before.env.time == 6) & ~out.terminated)
    np.testing.assert_array_equal(out.info["place"], out.obs[..., 0])
    assert out.terminated.any() and out.truncated.any()

    # The next step acts upon the same observation where the episode went on, else upon a new one.
    done = (out.terminated | out.truncated)[:-1]
    following = before.obs[1:, :, 0]
    np.testing.assert_array_equal(following[~done], out.obs[:-1, :, 0][~done])
    assert np.all((following[done] >= 0) & (following[done] < 1))
    np.testing.assert_array_equal(before.env.time[1:] == 0, done)
    np.testing.assert_array_equal(before.env.place, before.obs[..., 0])
    # A task lasts for an episode.
    np.testing.assert_array_equal(before.task[1:] != before.task[:-1], done)


def test_no_start_and_no_task_is_used_twice(played):
    _, (before, _, _) = played
    begins = before.env.time == 0
    assert begins.sum() > 10 * E
    assert len(np.unique(before.obs[..., 0][begins])) == begins.sum()
    assert len(np.unique(before.task[begins])) == begins.sum()


def test_starts_are_fresh_when_every_step_is_an_episode():
    _, (before, _, out) = jax.jit(lambda: play(make("bandit", arms=2)))()
    tasks = np.asarray(before.task).reshape(-1, 2)
    assert len(np.unique(tasks, axis=0)) == T * E
    assert np.asarray(out.terminated).all()


def count_episodes(out, begin, end):
    """The numbers of the episodes that ended in [begin, end), and what is running, by a loop."""
    done = out.terminated | out.truncated
    ended = []
    running = []
    for e in range(E):
        total = 0.0
        length = 0
        for t in range(end):
            total = total + out.reward[t, e]
            length = length + 1
            if done[t, e]:
                ended += [(total, length)] if t >= begin else []
                total = 0.0
                length = 0
        running.append((total, length))
    return np.array(ended), np.array(running)


def test_statistics_against_a_loop(played):
    last, (_, _, out) = played
    ended, running = count_episodes(out, 0, T)
    np.testing.assert_allclose(last.stats.running_return, running[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(last.stats.running_length, running[:, 1])
    metrics = episode_metrics(last.stats)
    assert metrics.keys() == {"episode_return", "episode_length"}
    for metric, values in zip(metrics.values(), ended.T, strict=True):
        np.testing.assert_allclose(metric.total, values.sum(), rtol=1e-5)
        assert metric.count == len(ended)


def test_a_window_counts_what_ended_in_it_and_keeps_what_runs(played):
    middle = 20
    worlds = vectorize(walk(), E)
    _, (before, action, out) = played
    at_middle = jax.tree.map(lambda x: jnp.asarray(x[middle]), before)
    keys = jax.random.split(jax.random.split(jax.random.key(0))[1], T)[middle:]

    def body(state, inputs):
        key, action = inputs
        return worlds.step(jax.random.split(key)[1], state, action)

    run = jax.jit(lambda state: jax.lax.scan(body, start_window(state), (keys, action[middle:])))
    metrics = episode_metrics(run(at_middle)[0].stats)
    ended, _ = count_episodes(out, middle, T)
    # Returns of episodes that began before the window are whole.
    np.testing.assert_allclose(metrics["episode_return"].total, ended[:, 0].sum(), rtol=1e-5)
    np.testing.assert_allclose(metrics["episode_length"].total, ended[:, 1].sum())
    assert (
        metrics["episode_length"].count
        == len(ended)
        < episode_metrics(played[0].stats)["episode_length"].count
    )


def test_nothing_is_counted_before_an_episode_ends():
    worlds = vectorize(make("pendulum"), E)
    state = worlds.reset(jax.random.key(0))
    state, _ = jax.jit(worlds.step)(jax.random.key(1), state, jnp.zeros((E, 1)))
    for metric in episode_metrics(state.stats).values():
        assert metric.count == 0 and metric.total == 0
    np.testing.assert_array_equal(state.stats.running_length, 1)


def test_same_under_vmap(played):
    both = jax.jit(lambda: jax.vmap(lambda seed: play(walk(), seed=seed))(jnp.arange(2)))()
    for alone, among in zip(jax.tree.leaves(played), jax.tree.leaves(both), strict=True):
        np.testing.assert_allclose(alone, among[0], rtol=1e-6)
    assert not np.array_equal(both[1][2].obs[0], both[1][2].obs[1])


def test_same_on_four_devices(played):
    worlds = vectorize(walk(), E)

    def body(state, key):
        action_key, step_key = jax.random.split(key)
        action = jax.random.bernoulli(action_key, shape=(E,)).astype(jnp.int32)
        return worlds.step(step_key, state, action)

    first, rest = jax.random.split(jax.random.key(0))
    devices = mesh.make_mesh(4)
    rows = jax.sharding.NamedSharding(devices, P(mesh.AXIS))
    with jax.set_mesh(devices):
        start = jax.jit(worlds.reset, out_shardings=rows)(first)
        run = jax.jit(lambda state, keys: jax.lax.scan(body, state, keys), out_shardings=None)
        last, out = run(start, jax.random.split(rest, T))
    assert len(start.obs.sharding.device_set) == 4
    assert start.obs.addressable_shards[0].data.shape == (E // 4, 1)
    expected_last, (_, _, expected) = played
    np.testing.assert_allclose(out.obs, expected.obs, rtol=1e-6)
    np.testing.assert_array_equal(last.stats.ended, expected_last.stats.ended)
    np.testing.assert_allclose(last.obs, expected_last.obs, rtol=1e-6)


class Mixed(NamedTuple):
    same: jax.Array
    drawn: jax.Array
    both: dict


def test_parts_of_a_task_that_do_not_vary_are_found_and_kept():
    def sample_task(key):
        number = jax.random.uniform(key)
        return Mixed(jnp.arange(2), number, {"constant": 3.0, "sum": number + jnp.ones(2).sum()})

    assert varying_leaves(sample_task) == Mixed(False, True, {"constant": False, "sum": True})
    assert varying_leaves(lambda key: key)
    env = walk()._replace(sample_task=sample_task)
    env = env._replace(step=lambda key, *rest: walk().step(key, *rest[:2], rest[2].drawn))
    last, (before, _, _) = jax.tree.map(np.asarray, jax.jit(lambda: play(env))())
    np.testing.assert_array_equal(before.task.same, np.broadcast_to([0, 1], (T, E, 2)))
    np.testing.assert_array_equal(before.task.both["constant"], 3)
    np.testing.assert_allclose(before.task.both["sum"], before.task.drawn + 2)
    begins = before.env.time == 0
    assert len(np.unique(before.task.drawn)) == begins.sum()
