"""What a trained policy is worth: episodes in fresh worlds, without exploring."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.core.mesh import spread
from jaxdl.envs.env import Env
from jaxdl.nn.actor_critic import ActorCritic


def play(
    key: jax.Array,
    env: Env,
    net: ActorCritic,
    params: Any,
    see: Callable[[Any], Any],
    num_envs: int,
    max_steps: int,
) -> Metrics:
    """One episode in each of some fresh worlds, always with the most likely action."""
    task_key, reset_key, play_key = jax.random.split(key, 3)
    task = jax.vmap(env.sample_task)(jax.random.split(task_key, num_envs))
    state, obs = jax.vmap(env.reset)(jax.random.split(reset_key, num_envs), task)
    zeros = jnp.zeros(num_envs)
    task, start = spread((task, (state, obs, net.initial_carry(num_envs), zeros > 0, zeros, zeros)))

    def running(loop):
        time, (*_, done, _, _) = loop
        return (time < max_steps) & ~jnp.all(done)

    def step(loop):
        time, (state, obs, carry, done, total, length) = loop
        first = jnp.full(num_envs, time == 0)
        carry, policy, _ = net.step(params, carry, see(obs), first)
        action = net.distribution.to_env(net.distribution.mode(policy))
        keys = jax.random.split(jax.random.fold_in(play_key, time), num_envs)
        state, out = jax.vmap(env.step)(keys, state, action, task)
        total, length = total + jnp.where(done, 0.0, out.reward), length + ~done
        done = done | out.terminated | out.truncated
        return time + 1, (state, out.obs, carry, done, total, length)

    _, (*_, total, length) = jax.lax.while_loop(running, step, (jnp.int32(0), start))
    return {"episode_return": jnp.mean(total), "episode_length": jnp.mean(length)}
