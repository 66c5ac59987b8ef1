"""No key is used twice, in worlds, in trials of them, and in a step of A2C."""

import jax
import optax
import pytest
from jax.errors import KeyReuseError

from jaxdl.envs import make
from jaxdl.envs.spaces import zeros
from jaxdl.meta import trial
from jaxdl.nn import actor_critic
from jaxdl.rl import a2c

WORLDS = {
    "bandit:arms=2": 3,
    "bandit:kind=dependent": 3,
    "bandit:kind=informative": 3,
    "bandit:kind=restless,pulls=3": 1,
    "two_step:trials=2": 1,
    "tabular_mdp:states=2,actions=2,horizon=2": 2,
}


def check(function, *arguments):
    """Raises KeyReuseError where a key is drawn from, or split, more than once."""
    with jax.debug_key_reuse(True):
        jax.jit(function)(*arguments)


def test_the_check_finds_a_key_that_is_used_twice():
    def twice(key):  # two keys that are the same row of one split
        keys = jax.random.split(key)
        return jax.random.uniform(keys[0]) + jax.random.normal(keys[0])

    with pytest.raises(KeyReuseError):
        check(twice, jax.random.key(0))


@pytest.mark.parametrize("name", WORLDS)
def test_a_trial_uses_each_key_once(name):
    env = trial(make(name), WORLDS[name])

    def play(key):
        task_key, reset_key, step_key = jax.random.split(key, 3)
        task = env.sample_task(task_key)
        state, _ = env.reset(reset_key, task)
        return env.step(step_key, state, zeros(env.action_space), task)[1]

    check(play, jax.random.key(0))


def test_a_step_of_a2c_uses_each_key_once():
    env = trial(make("bandit:kind=dependent"), 2)
    net = actor_critic(env.obs_space, env.action_space, hidden=(4,), recurrent="lstm")
    learner = a2c(env, net, optax.sgd(0.1), num_envs=2, unroll=2)

    def run(key):
        init_key, step_key = jax.random.split(key)
        _, metrics = learner.step(step_key, learner.init(init_key), ())
        return metrics["entropy"]

    check(run, jax.random.key(0))
