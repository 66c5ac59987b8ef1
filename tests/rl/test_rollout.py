from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import meta
from jaxdl.envs import Box, Discrete, Env, MultiDiscrete, Step, make
from jaxdl.envs.spaces import contains
from jaxdl.nn import actor_critic
from jaxdl.rl import deployment, evaluate_policy
from jaxdl.rl.deployment import deployed_policy, initial_carry
from jaxdl.rl.rollout import (
    fold,
    likeliest_policy,
    random_policy,
    record,
    sampled_policy,
    start_rollout,
)

KEY = jax.random.key(3)


def identity(obs):
    return obs


def rewards(moment):
    return moment.step.reward, moment.is_alive


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_recorded_and_folded_episodes_are_the_same(recurrent):
    env = make("cartpole")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent=recurrent)
    params = net.init(jax.random.key(0))
    kept = deployment(net, env.obs_space, text="")
    deployed = deployed_policy(partial(kept.apply, {"params": params, "obs_statistics": ()}))
    start = start_rollout(KEY, env, initial_carry(kept.inputs, 16), episodes=16)
    after, (reward, is_alive) = jax.jit(
        partial(record, env=env, policy=deployed, keep=rewards, steps=100)
    )(start)
    policy = likeliest_policy(net, params, identity)
    score = evaluate_policy(
        KEY, env, policy, episodes=16, max_steps=100, initial_carry=net.initial_carry(16)
    )
    assert is_alive.sum(0).max() < 100 and after.is_over.all()  # all have fallen
    np.testing.assert_allclose(reward.sum(0).mean(), score["episode_return"], rtol=1e-6)
    np.testing.assert_allclose(is_alive.sum(0).mean(), score["episode_length"], rtol=1e-6)
    assert not np.any(np.diff(is_alive.astype(int), axis=0) > 0)  # once over, always over
    assert (reward[~is_alive] == 0).all()


def test_in_pieces_or_at_once():
    env = meta.trial(make("bandit", arms=3), 6)
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent="gru")
    policy = sampled_policy(net, net.init(jax.random.key(1)), identity)
    proceed = partial(record, env=env, policy=policy, keep=rewards)
    start = start_rollout(KEY, env, net.initial_carry(4), episodes=4)
    _, whole = proceed(start, steps=6)
    middle, first = proceed(start, steps=3)
    end, second = proceed(middle, steps=3)
    joined = jax.tree.map(lambda *x: jnp.concatenate(x), first, second)
    jax.tree.map(np.testing.assert_array_equal, joined, whole)
    assert end.is_over.all() and end.time == 6


def test_a_fold_ends_with_the_last_episode_or_at_its_limit():
    env = make("bandit", arms=2)
    policy = random_policy(env.action_space)
    start = start_rollout(KEY, env, (), episodes=4)
    count = lambda total, moment: total + moment.is_alive  # noqa: E731
    rollout, total = fold(start, env, policy, count, jnp.zeros(4), max_steps=50)
    assert rollout.time == 1 and (total == 1).all()
    cart = make("cartpole")
    policy = random_policy(cart.action_space)
    start = start_rollout(KEY, cart, (), episodes=4)
    rollout, total = fold(start, cart, policy, count, jnp.zeros(4), max_steps=5)
    assert rollout.time == 5 and (total == 5).all() and not rollout.is_over.any()


def test_what_is_recorded_is_what_was_acted_upon():
    """The recorded angles of the pendulum, stepped again in NumPy with the recorded torques."""
    env = make("pendulum")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,))
    policy = likeliest_policy(net, net.init(jax.random.key(2)), identity)
    keep = lambda moment: (moment.before, moment.action, moment.after)  # noqa: E731
    start = start_rollout(KEY, env, (), episodes=3)
    _, (before, action, after) = record(start, env, policy, keep, steps=20)
    angle, turn = np.asarray(start.env_state.angle), np.asarray(start.env_state.turn)
    for time in range(20):
        np.testing.assert_allclose(np.exp(1j * before.angle[time]), np.exp(1j * angle), atol=1e-3)
        torque = np.clip(action[time, :, 0], -2, 2)
        turn = np.clip(turn + 0.05 * (15 * np.sin(angle) + 3 * torque), -8, 8)
        angle = (angle + 0.05 * turn + np.pi) % (2 * np.pi) - np.pi
        np.testing.assert_allclose(np.exp(1j * after.angle[time]), np.exp(1j * angle), atol=1e-3)
        np.testing.assert_allclose(after.turn[time], turn, atol=1e-3)


@pytest.mark.parametrize(
    "space", [Discrete(3), MultiDiscrete((2, 3)), Box((2,), (-1.0, 0.0), (1.0, 5.0)), Box((), 0, 1)]
)
def test_random_actions_fill_their_space(space):
    policy = random_policy(space)
    _, actions = policy(KEY, (), jnp.zeros(4096), jnp.zeros(4096, bool))
    assert jax.vmap(partial(contains, space))(actions).all()
    low, high = (0, np.asarray(getattr(space, "n", None) or getattr(space, "ns", 1)) - 1)
    if isinstance(space, Box):
        low, high = np.asarray(space.low), np.asarray(space.high)
        np.testing.assert_allclose(actions.mean(0), (low + high) / 2, atol=0.15)
    else:
        assert (actions.min(0) == low).all() and (actions.max(0) == high).all()


def test_sampled_actions_follow_the_distribution():
    """Pays the action, so that the mean return is the mean of the sampled actions."""

    def step(key, state, action, task):
        reward = action.astype(jnp.float32)
        return state, Step(jnp.zeros(1), reward, jnp.bool_(True), jnp.bool_(False), {})

    env = Env(lambda key: (), lambda key, task: ((), jnp.zeros(1)), step, Box((1,)), Discrete(2))
    net = actor_critic(env.obs_space, env.action_space, hidden=(4,))
    params = net.init(jax.random.key(0))
    logits = net.step(params, (), jnp.zeros((1, 1)), jnp.ones(1, bool))[1]
    right = float(jax.nn.softmax(logits)[0, 1])
    settings = {"episodes": 4096, "max_steps": 3}
    sampled = evaluate_policy(KEY, env, sampled_policy(net, params, identity), **settings)
    likeliest = evaluate_policy(KEY, env, likeliest_policy(net, params, identity), **settings)
    assert float(sampled["episode_return"]) == pytest.approx(right, abs=0.04)
    assert float(likeliest["episode_return"]) == (right > 0.5)
