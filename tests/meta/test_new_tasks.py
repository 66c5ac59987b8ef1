"""What new tasks bring: sub-policies alone, their ways, and plain policies."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.envs import make
from jaxdl.meta.new_tasks import (
    find_yardstick_of_tasks,
    plain_curve,
    record_paths,
    score_fixed_choices,
)
from jaxdl.nn import actor_critic

NAME = "movement_bandit"
ENV = make(NAME)
YARDSTICK = find_yardstick_of_tasks(NAME)
NET = actor_critic(ENV.obs_space, ENV.action_space, hidden=(4,))


def goes_to_its_mark(params, carry, obs, first):
    """Sub-policy k, whose parameters are k, goes to mark k along the longer way and stays there."""
    away = obs[:, 2:].reshape(-1, 2, 2)[:, params] - obs[:, :2]
    along_x = jnp.abs(away[:, 0]) > jnp.abs(away[:, 1])
    move = jnp.where(along_x, jnp.where(away[:, 0] > 0, 1, 2), jnp.where(away[:, 1] > 0, 3, 4))
    action = jnp.where(jnp.abs(away).max(1) < 0.06, 0, move)
    return carry, 99 * jax.nn.one_hot(action, 5), jnp.zeros(len(obs))


GREEDY = NET._replace(step=goes_to_its_mark)


def test_yardsticks_are_of_the_settings_in_the_name():
    assert YARDSTICK.horizon == 50 and 42 < YARDSTICK.best_return < 44
    shorter = find_yardstick_of_tasks("movement_bandit:horizon=20")
    assert shorter.best_return == pytest.approx(YARDSTICK.best_return - 30)
    assert find_yardstick_of_tasks("four_rooms").best_return == 1
    assert find_yardstick_of_tasks("four_rooms:slip=0.2") is None  # its shortest paths slip
    assert find_yardstick_of_tasks("cartpole") is None


@pytest.mark.slow
def test_sub_policies_that_go_to_one_mark_each_are_told_as_such():
    score = jax.jit(
        lambda key: score_fixed_choices(
            key, ENV, GREEDY, jnp.arange(2), YARDSTICK, tasks=16, episodes=8
        )
    )(jax.random.key(0))
    keys = jax.random.split(jax.random.split(jax.random.key(0))[0], 16)
    paying = np.bincount(jax.vmap(ENV.sample_task)(keys), minlength=2)
    assert float(score["choices_differ"]) == pytest.approx(100 * (1 - paying.max() / 16))
    assert 93 < float(score["best_choice_path"]) <= 100
    assert float(score["other_choices_path"]) < 50


@pytest.mark.slow
def test_the_ways_are_those_from_the_same_starts():
    found = jax.jit(
        lambda key: record_paths(key, ENV, GREEDY, jnp.arange(2), YARDSTICK, episodes=3, steps=30)
    )(jax.random.key(0))
    paths, marks = np.array(found["paths"]), np.array(found["marks"])
    assert paths.shape == (2, 3, 31, 2) and not paths[:, :, 0].any()
    for k in range(2):  # each ends at its mark, within a stride of 20 of 175
        assert (np.abs(paths[k, :, -1] - marks[:, k]).max(1) <= 20 / 175).all()


@pytest.mark.slow
def test_a_plain_policy_begins_with_what_it_is_given():
    """With the rate 0 nothing is learned: a policy that stays earns nothing in any new task."""
    params = jax.tree.map(jnp.zeros_like, NET.init(jax.random.key(0)))
    params["policy"] = params["policy"]._replace(bias=jnp.array([99.0, 0, 0, 0, 0]))
    sizes = {"tasks": 2, "updates": 1, "num_envs": 8, "unroll": 50, "minibatches": 5}
    curves = jax.jit(
        lambda key: (
            plain_curve(key, ENV, NET, optax.sgd(0.0), params=params, **sizes),
            plain_curve(key, ENV, NET, optax.sgd(0.0), **sizes),
        )
    )(jax.random.key(0))
    stays, fresh = np.array(curves)
    assert stays.shape == (2,) and not stays.any()
    assert 0 < fresh.max() < 10  # a fresh one goes about at random
