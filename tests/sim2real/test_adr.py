"""Automatic domain randomization against algorithm 1 in plain Python, and what it must never do."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import chi2

from jaxdl.core.learner import over_seeds
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, Step, make
from jaxdl.envs.pendulum import Task
from jaxdl.nn import actor_critic
from jaxdl.rl import ppo
from jaxdl.rl.experience import Actors
from jaxdl.sim2real import adr
from jaxdl.sim2real.adr import (
    Bounds,
    begin,
    boundary_world,
    entropy,
    make_rule,
    sample,
    update,
)
from jaxdl.sim2real.boundaries import earned_at, watch_boundaries, without_earnings
from jaxdl.sim2real.physics import Ranges, make_ranges

TWO = Ranges(("gravity", "mass"), np.float32([0.5, 0.3]), np.float32([2.0, 3.0]))
RULE = make_rule(TWO, low_threshold=2.0, high_threshold=5.0, buffer=3, delta=0.25, start=0.125)


def algorithm_1(phi, buffers, arrived, rule):
    """Appends what has arrived at each bound, and moves those whose buffer is full; in place."""
    for (i, side), performance in arrived:
        buffers[i][side].append(performance)
    for i in range(len(phi)):
        for side, outwards in ((0, -1), (1, 1)):
            if len(buffers[i][side]) < rule.buffer:
                continue
            average = np.mean(buffers[i][side])
            buffers[i][side].clear()
            if average >= rule.high_threshold:
                phi[i][side] += outwards * rule.delta
            elif average <= rule.low_threshold:
                phi[i][side] -= outwards * rule.delta
            ends = sorted((float(rule.start[i, side]), float(rule.limits[i, side])))
            phi[i][side] = min(max(phi[i][side], ends[0]), ends[1])


@pytest.mark.parametrize("at_once", [1, 7])
def test_bounds_move_as_algorithm_1_moves_them(at_once):
    draws = np.random.default_rng(0)
    bounds, phi = begin(RULE), np.array(RULE.start, np.float64).tolist()
    buffers = [[[], []], [[], []]]
    move = jax.jit(lambda bounds, *earned: update(bounds, RULE, *earned))
    seen = set()
    for round_number in range(300):
        good = 9 if round_number < 150 else 3  # at first nearly all widens, and then narrows
        arrived = [
            ((int(draws.integers(2)), int(draws.integers(2))), float(draws.uniform(0, good)))
            for _ in range(at_once)
        ]
        total, count = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.int32)
        for bound, performance in arrived:
            total[bound] += performance
            count[bound] += 1
        bounds = move(bounds, total, count)
        algorithm_1(phi, buffers, arrived, RULE)
        np.testing.assert_allclose(bounds.phi, phi, atol=1e-5)
        np.testing.assert_array_equal(bounds.count, [[len(b) for b in row] for row in buffers])
        np.testing.assert_allclose(
            bounds.total, [[sum(b) for b in row] for row in buffers], atol=1e-4
        )
        seen.add(tuple(np.round(np.ravel(phi), 3)))
    assert len(seen) > 10


def test_no_bound_goes_beyond_its_limit_or_within_its_start():
    bounds = begin(RULE)
    many = jnp.full((2, 2), 3, jnp.int32)
    for _ in range(20):
        bounds = update(bounds, RULE, 3 * jnp.full((2, 2), 9.0), many)
    np.testing.assert_allclose(bounds.phi, RULE.limits, rtol=1e-6)
    for _ in range(20):
        bounds = update(bounds, RULE, jnp.zeros((2, 2)), many)
    np.testing.assert_allclose(bounds.phi, RULE.start, rtol=1e-6)


def test_between_the_thresholds_a_full_buffer_is_cleared_and_nothing_moves():
    bounds = update(begin(RULE), RULE, jnp.full((2, 2), 9.0), jnp.full((2, 2), 3, jnp.int32))
    np.testing.assert_array_equal(bounds.phi, RULE.start)
    assert not jnp.any(bounds.count) and not jnp.any(bounds.total)


def test_entropy_by_hand():
    phi = jnp.array([[0.5, 1.5], [0.5, 2.5]])
    nothing = jnp.zeros((2, 2))
    np.testing.assert_allclose(entropy(Bounds(phi, nothing, nothing)), np.log(2) / 2, rtol=1e-6)


def test_each_bound_is_sampled_as_often_as_it_should():
    """Chi-square of nine kinds of episodes, none and both bounds of four parameters, at 99.9 %."""
    low, high = jnp.array([0.5, 0.6, 0.7, 0.8]), jnp.array([1.5, 1.6, 1.7, 1.8])
    bounds = Bounds(jnp.stack([low, high], -1), jnp.zeros((4, 2)), jnp.zeros((4, 2), jnp.int32))
    rows, chance = 8000, 0.4
    draw = jax.jit(jax.vmap(lambda key: sample(key, bounds, boundary_probability=chance)))
    factors, numbers = draw(jax.random.split(jax.random.key(0), rows))
    found = np.bincount(np.asarray(numbers) + 1, minlength=9)
    expected = rows * np.array([1 - chance, *[chance / 8] * 8])
    assert np.sum((found - expected) ** 2 / expected) < chi2.ppf(0.999, 8)
    assert np.sum((found - rows / 9) ** 2 / (rows / 9)) > chi2.ppf(0.999, 8)  # it can fail
    # Who is at a bound is exactly there, and all others are strictly within, and even.
    at_bound = np.asarray((factors == low) | (factors == high))
    np.testing.assert_array_equal(at_bound.sum(axis=1), np.asarray(numbers) >= 0)
    for number in range(8):
        chosen = factors[numbers == number][:, number // 2]
        assert np.all(chosen == bounds.phi[number // 2, number % 2])
    free = np.asarray((factors - low) / (high - low))[np.asarray(numbers) == -1]
    np.testing.assert_allclose(free.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(free.std(axis=0), 12**-0.5, atol=0.02)


def test_never_and_always():
    for chance, expected in ((0.0, False), (1.0, True)):
        draw = jax.vmap(lambda key, p=chance: sample(key, begin(RULE), boundary_probability=p))
        assert np.all((draw(jax.random.split(jax.random.key(0), 64)).boundary >= 0) == expected)


def payer(steps=2):
    """Pays half of its gravity in each of two steps, and ends."""

    def step(key, time, action, task):
        end = time + 1 >= steps
        reward = jnp.float32(task.gravity / steps)
        return time + 1, Step(jnp.zeros(1), reward, end, jnp.bool_(False), {})

    sample_task = lambda key: Task(*(jnp.float32(x) for x in Task()))  # noqa: E731
    return Env(
        sample_task, lambda key, task: (jnp.int32(0), jnp.zeros(1)), step, Box((1,)), Discrete(2)
    )


def test_what_is_earned_at_a_bound_is_counted_there():
    """The world pays its gravity, so that the sums say at which bound episodes were."""
    bounds = begin(RULE)
    world = boundary_world(payer(), TWO.names, bounds, 1.0)
    worlds = watch_boundaries(world, 64, bounds.phi)
    step = jax.jit(worlds.step)
    state = worlds.reset(jax.random.key(0))
    numbers = []
    for i in range(6):
        if i % 2 == 0:
            numbers.append(np.asarray(state.task.number))
        state, _ = step(jax.random.key(i), state, jnp.zeros(64, jnp.int32))
    actors = ppo_actors(state)
    total, count = earned_at(actors)
    np.testing.assert_array_equal(
        np.ravel(count), np.bincount(np.concatenate(numbers), minlength=4)
    )
    mean = np.asarray(total / count)
    np.testing.assert_allclose(mean[0], [10 * 0.875, 10 * 1.125], rtol=1e-5)
    np.testing.assert_allclose(mean[1], 10, rtol=0.05)  # at a bound of the mass, gravity is free
    assert not np.any(earned_at(without_earnings(actors))[1])


def test_an_episode_from_before_a_bound_moved_does_not_count():
    bounds = begin(RULE)
    world = boundary_world(payer(), TWO.names, bounds, 1.0)
    state = watch_boundaries(world, 64, bounds.phi).reset(jax.random.key(0))
    moved = bounds.phi.at[0, 1].add(0.25)
    now = watch_boundaries(world, 64, moved)
    expected = np.bincount(np.asarray(state.task.number), minlength=4)
    for i in range(2):
        state, _ = now.step(jax.random.key(i), state, jnp.zeros(64, jnp.int32))
    expected[1] = 0
    np.testing.assert_array_equal(np.ravel(earned_at(ppo_actors(state))[1]), expected)


def ppo_actors(worlds):
    return Actors(worlds, (), ())


def make_learner(rule, env, recurrent=None):
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent=recurrent)

    def slow(env, make_worlds):
        sizes = {"num_envs": 16, "unroll": 8, "minibatches": 2, "epochs": 1}
        return ppo(env, net, optax.adam(1e-3), make_worlds=make_worlds, **sizes)

    return adr(env, slow, TWO.names, rule, boundary_probability=0.9)


@cache
def program():
    """Trains two seeds for 30 steps: key, thresholds -> bounds and metrics after each step."""

    def learner(low, high):
        rule = RULE._replace(low_threshold=low, high_threshold=high, buffer=30)
        return over_seeds(make_learner(rule, payer()), 2)

    @jax.jit
    def train(key, low, high):
        def step(state, key):
            state, metrics = learner(low, high).step(key, state, ())
            return state, (state.extra.bounds, metrics)

        return jax.lax.scan(step, learner(low, high).init(key), jax.random.split(key, 30))[1]

    return train


@cache
def run(low, high):
    """What becomes of the bounds in a world that pays its gravity."""
    return jax.tree.map(np.asarray, program()(jax.random.key(0), low, high))


def test_a_policy_that_never_meets_the_threshold_never_widens_its_bounds():
    bounds, metrics = run(0.0, 1e9)
    np.testing.assert_array_equal(bounds.phi, np.broadcast_to(RULE.start, bounds.phi.shape))
    np.testing.assert_allclose(metrics["bounds_entropy"], np.log(0.25), rtol=1e-5)
    assert np.all(bounds.count.max(axis=(0, 1)) > 0)  # although there were episodes at each


def test_bounds_widen_within_the_scan_and_stop_at_their_limits():
    bounds, metrics = run(-1.0, 0.0)
    np.testing.assert_allclose(bounds.phi[-1, 0], RULE.limits, rtol=1e-5)
    assert np.all(np.diff(metrics["bounds_entropy"], axis=0) >= -1e-6)
    np.testing.assert_array_equal(metrics["high/mass"], bounds.phi[:, :, 1, 1])
    assert np.any(bounds.count[:, 0] != bounds.count[:, 1])  # each seed has its own


def test_only_bounds_that_can_be_borne_widen():
    """Episodes pay their gravity, 10 times its factor: more at its upper bound, less at the lower.

    At the bounds of the mass gravity is free, so that these move with its mean.
    """
    bounds, _ = run(5.0, 9.6)
    low, high = bounds.phi[-1, 0, 0]
    assert high == RULE.limits[0, 1]
    assert low == RULE.start[0, 0]  # it would earn 8.75 there, within the thresholds
    assert bounds.phi[-1, 0, 1, 1] > 1.5


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_worlds_are_drawn_from_the_bounds(recurrent):
    learner = make_learner(RULE, make("pendulum"), recurrent)
    key = jax.random.key(0)
    state = jax.jit(learner.init)(key)
    after, _ = jax.eval_shape(learner.step, key, state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    gravity = np.asarray(state.actors.worlds.task.task.gravity) / 10
    number = np.asarray(state.actors.worlds.task.number)
    np.testing.assert_allclose(gravity[number == 0], 0.875)
    np.testing.assert_allclose(gravity[number == 1], 1.125)
    assert np.all((gravity >= 0.875 - 1e-6) & (gravity <= 1.125 + 1e-6))


def test_a_world_without_physics_has_no_bounds():
    env = make("probe")
    none = make_ranges(env, {"all": (0.5, 2.0)})
    rule = make_rule(none, low_threshold=0.0, high_threshold=1.0)
    drawn = sample(jax.random.key(0), begin(rule), boundary_probability=1.0)
    assert int(drawn.boundary) == -1 and drawn.factors.shape == (0,)
    assert float(entropy(begin(rule))) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low_threshold": 5.0, "high_threshold": 5.0}, "low_threshold=5 should be below"),
        ({"start": 0.6}, "gravity=0.5:2 leaves no room for the first range, 0.4:1.6"),
    ],
)
def test_bad_rules_are_told(settings, message):
    with pytest.raises(BadInput, match=message):
        make_rule(TWO, **{"low_threshold": 0.0, "high_threshold": 1.0} | settings)
