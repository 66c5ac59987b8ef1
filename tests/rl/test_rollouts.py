from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import meta
from jaxdl.envs import make
from jaxdl.nn import actor_critic
from jaxdl.rl import deployment, evaluation, rollouts

KEY = jax.random.key(3)


def recorded(env, net, params, *, episodes, steps, keep=lambda state, task, obs: obs):
    kept = deployment(net, env.obs_space, text="")
    player = partial(kept.apply, {"params": params, "seen": ()})
    begin = partial(rollouts.begin, env=env, keep=keep, inputs=kept.inputs, episodes=episodes)
    first, obs = jax.jit(begin)(KEY)
    proceed = partial(rollouts.proceed, env=env, player=player, keep=keep, steps=steps)
    return first, obs, jax.jit(proceed)


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_the_same_episodes_as_the_evaluations(recurrent):
    """Which draws the same worlds from the same key."""
    env = make("cartpole")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent=recurrent)
    params = net.init(jax.random.key(0))
    first, _, proceed = recorded(env, net, params, episodes=16, steps=100)
    _, steps = proceed(first)
    measured = evaluation.play(KEY, env, net, params, lambda obs: obs, 16, 100)
    assert steps.alive.sum(0).max() < 100  # all have fallen
    np.testing.assert_allclose(steps.reward.sum(0).mean(), measured["episode_return"], rtol=1e-6)
    np.testing.assert_allclose(steps.alive.sum(0).mean(), measured["episode_length"], rtol=1e-6)
    assert not np.any(np.diff(steps.alive.astype(int), axis=0) > 0)  # once over, always over
    assert (steps.reward[~steps.alive] == 0).all()


def test_in_parts_or_at_once():
    env = meta.trial(make("bandit", arms=3), 6)
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent="gru")
    params = net.init(jax.random.key(1))
    first, _, proceed = recorded(env, net, params, episodes=4, steps=6)
    _, whole = proceed(first)
    stage, _, proceed = recorded(env, net, params, episodes=4, steps=3)
    parts = []
    for _ in range(2):
        stage, steps = proceed(stage)
        parts.append(steps)
    joined = jax.tree.map(lambda *x: jnp.concatenate(x), *parts)
    jax.tree.map(np.testing.assert_array_equal, joined, whole)
    assert stage.done.all() and whole.alive.all()


def test_what_is_kept_is_what_was_acted_upon():
    """The recorded angles of the pendulum, stepped again in NumPy with the recorded torques."""
    env = make("pendulum")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,))
    keep = lambda state, task, obs: (state.angle, state.turn)  # noqa: E731
    first, start, proceed = recorded(
        env, net, net.init(jax.random.key(2)), episodes=3, steps=20, keep=keep
    )
    _, steps = proceed(first)
    angle, turn = (np.asarray(x) for x in start)
    for time in range(20):
        torque = np.clip(steps.action[time, :, 0], -2, 2)
        turn = np.clip(turn + 0.05 * (15 * np.sin(angle) + 3 * torque), -8, 8)
        angle = (angle + 0.05 * turn + np.pi) % (2 * np.pi) - np.pi
        np.testing.assert_allclose(np.exp(1j * steps.kept[0][time]), np.exp(1j * angle), atol=1e-3)
        np.testing.assert_allclose(steps.kept[1][time], turn, atol=1e-3)
