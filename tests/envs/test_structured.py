"""Bandits with a structure and the two-step task: their laws, their chance, their episodes."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, check, make
from jaxdl.envs.bandit import HAZARDS, Restless, RestlessState
from jaxdl.envs.trials import is_structured, trial_parts, trial_steps
from jaxdl.envs.two_step import State

NAMES = (
    "bandit:kind=dependent",
    "bandit:kind=informative",
    "bandit:kind=restless,pulls=3",
    "two_step:trials=3",
)


def many(function, number, seed=0):
    return jax.jit(jax.vmap(function))(jax.random.split(jax.random.key(seed), number))


@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_the_contract(name):
    check(make(name))


def test_independent_arms_are_what_they_were_to_the_bit():
    """The draws of `bandit` from before there were other kinds, by their sum."""
    env = make("bandit", arms=3)

    def episode(key):
        task_key, reset_key, step_key = jax.random.split(key, 3)
        task = env.sample_task(task_key)
        state, obs = env.reset(reset_key, task)
        _, out = env.step(step_key, state, jnp.int32(1), task)
        assert set(out.info) == {"expected_reward"} and state == ()
        return task, obs, out.reward, out.info["expected_reward"]

    drawn = b"".join(np.asarray(x).tobytes() for x in many(episode, 64))
    assert hashlib.sha256(drawn).hexdigest()[:16] == "d8ecf412210de154"


@pytest.mark.parametrize(("difficulty", "better"), [("easy", 0.9), ("medium", 0.75), ("hard", 0.6)])
def test_a_pair_is_one_of_two(difficulty, better):
    tasks = np.asarray(many(make("bandit:kind=dependent", difficulty=difficulty).sample_task, 2000))
    np.testing.assert_allclose(tasks.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(tasks.max(1), better, rtol=1e-6)
    np.testing.assert_allclose(np.mean(tasks[:, 0] > 0.5), 0.5, atol=0.04)


def test_a_uniform_pair_pays_by_chance():
    env = make("bandit:kind=dependent")
    tasks = many(env.sample_task, 4000)
    np.testing.assert_allclose(tasks.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose([tasks[:, 0].mean(), tasks[:, 0].var()], [1 / 2, 1 / 12], atol=0.01)
    task = jnp.array([0.3, 0.7])
    _, out = many(lambda key: env.step(key, (), jnp.int32(0), task), 4000)
    np.testing.assert_allclose(out.reward.mean(), 0.3, atol=0.03)
    assert np.allclose(out.info["expected_reward"], 0.3)
    assert np.allclose(out.info["best_reward"], 0.7) and np.all(out.terminated)


def test_the_hint_tells_the_target():
    env = make("bandit:kind=informative")
    pays = np.asarray(many(env.sample_task, 2000))
    target = pays[:, :10].argmax(1)
    np.testing.assert_allclose(pays[:, 10], 0.1 * (target + 1), rtol=1e-6)
    np.testing.assert_array_equal(np.sort(pays[:, :10], axis=1), [[1.0] * 9 + [5.0]] * 2000)
    np.testing.assert_allclose(np.bincount(target, minlength=10) / 2000, 0.1, atol=0.03)
    _, out = env.step(jax.random.key(0), (), jnp.int32(10), jnp.asarray(pays[0]))
    assert float(out.reward) == pays[0, 10] and float(out.info["best_reward"]) == 5


def test_restless_arms_swap_by_their_hazard_and_the_episode_ends():
    env = make("bandit:kind=restless,pulls=40")
    hazards = many(env.sample_task, 2000).hazard
    assert set(np.unique(hazards)) == {np.float32(h) for h in HAZARDS}
    np.testing.assert_allclose(np.mean(hazards > 0.1), 0.5, atol=0.04)
    state = RestlessState(jnp.int32(1), jnp.int32(38))
    for hazard in HAZARDS:
        task = Restless(jnp.float32(hazard))
        after, out = many(lambda key, task=task: env.step(key, state, jnp.int32(1), task), 8000)
        np.testing.assert_allclose(np.mean(after.better == 0), hazard, atol=0.015)
        np.testing.assert_allclose(out.reward.mean(), 0.8, atol=0.02)
        np.testing.assert_array_equal(after.time, 39)
        assert not np.any(out.terminated)
        # What is paid tells nothing of whether the arms swap.
        assert abs(np.corrcoef(out.reward, after.better)[0, 1]) < 0.05
    last = state._replace(time=jnp.int32(39))
    _, out = env.step(jax.random.key(0), last, jnp.int32(0), Restless(jnp.float32(0.2)))
    assert bool(out.terminated) and float(out.info["expected_reward"]) == pytest.approx(0.2)


def test_a_choice_leads_where_it_mostly_does_and_a_place_pays():
    env = make("two_step:trials=2")
    assert env.obs_space == Discrete(3) and env.action_space == Discrete(2)
    start = State(jnp.int32(0), jnp.int32(2), jnp.int32(0))
    after, out = many(lambda key: env.step(key, start, jnp.int32(1), ()), 8000)
    np.testing.assert_allclose(np.mean(after.place == 2), 0.8, atol=0.015)
    np.testing.assert_array_equal(out.obs, after.place)
    assert not np.any(out.reward) and not np.any(out.terminated) and np.all(after.good == 2)
    expected = 0.8 * 0.9 + 0.2 * 0.1
    np.testing.assert_allclose(out.info["expected_reward"], expected, rtol=1e-6)
    np.testing.assert_allclose(out.info["best_reward"], expected, rtol=1e-6)
    for place, share in ((1, 0.1), (2, 0.9)):
        there = State(jnp.int32(place), jnp.int32(2), jnp.int32(1))
        after, out = many(lambda key, there=there: env.step(key, there, jnp.int32(0), ()), 8000)
        np.testing.assert_allclose(out.reward.mean(), share, atol=0.015)
        np.testing.assert_allclose(np.mean(after.good == 1), 0.025, atol=0.006)
        assert not np.any(out.terminated) and np.all(after.place == 0)
    last = State(jnp.int32(1), jnp.int32(1), jnp.int32(2))
    assert bool(env.step(jax.random.key(0), last, jnp.int32(0), ())[1].terminated)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bandit:kind=depend", "bandit: kind=depend should be one of independent, dependent"),
        ("bandit:kind=dependent,arms=3", "kind=dependent has 2 arms, got arms=3"),
        ("bandit:kind=informative,arms=10", "kind=informative has 11 arms, got arms=10"),
        ("bandit:kind=restless,arms=11", "kind=restless has 2 arms, got arms=11"),
        ("bandit:difficulty=easy", "difficulty=easy is of kind=dependent, not of independent"),
        ("bandit:kind=dependent,difficulty=x", "difficulty=x should be one of uniform, easy"),
        ("bandit:pulls=5", "pulls=5 is of kind=restless; else an episode is one pull"),
        ("bandit:kind=restless,pulls=0", "bandit needs at least 1 pull in an episode"),
        ("two_step:trials=0", "two_step needs at least 1 trial, got trials=0"),
        ("two_step:common=1.5", "two_step: common=1.5 should be a probability"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(name, text):
    with pytest.raises(BadInput, match=text) as caught:
        make(name)
    assert len(str(caught.value).splitlines()) == 1


def test_the_length_of_trials_by_name():
    assert trial_parts("bandit:kind=dependent", 7) == trial_steps("bandit", 7) == 7
    assert trial_parts("bandit:kind=restless,pulls=30", 1) == 30
    assert (trial_parts("two_step", 1), trial_steps("two_step:trials=5", 1)) == (100, 10)
    assert trial_steps("cartpole", 3) == 0
    known = ("two_step", "bandit:kind=dependent", "bandit:kind=independent", "bandit", "cartpole")
    assert [is_structured(name) for name in known] == [True, True, False, False, False]
    for name, episodes, text in [
        ("two_step", 2, "episode of two_step is a whole trial, so --episodes=1 is meant"),
        ("bandit:kind=restless", 100, "its setting pulls"),
        ("bandit:kind=informative", 1, "leaves no pull to follow a hint"),
        ("two_step:trials=x", 1, "trials=x should be an integer"),
    ]:
        with pytest.raises(BadInput, match=text):
            trial_parts(name, episodes)
