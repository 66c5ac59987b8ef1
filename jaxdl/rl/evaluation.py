"""A trained policy without exploring: what it is worth in fresh worlds, and what is kept of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.core.mesh import spread
from jaxdl.deploy import Deployment
from jaxdl.envs import Box, Discrete, Env
from jaxdl.nn.actor_critic import ActorCritic
from jaxdl.ops.statistics import Statistics, normalize


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
        carry, action, _, _ = act(net, params, see, carry, obs, first)
        keys = jax.random.split(jax.random.fold_in(play_key, time), num_envs)
        state, out = jax.vmap(env.step)(keys, state, action, task)
        total, length = total + jnp.where(done, 0.0, out.reward), length + ~done
        done = done | out.terminated | out.truncated
        return time + 1, (state, out.obs, carry, done, total, length)

    _, (*_, total, length) = jax.lax.while_loop(running, step, (jnp.int32(0), start))
    return {"episode_return": jnp.mean(total), "episode_length": jnp.mean(length)}


def act(
    net: ActorCritic,
    params: Any,
    see: Callable[[Any], Any],
    carry: Any,
    obs: Any,
    first: jax.Array,
) -> tuple[Any, jax.Array, Any, jax.Array]:
    """The most likely action in E worlds.

    Args:
      net: the player.
      params: its parameters.
      see: observations -> what the net is shown of them.
      carry: leaves [E, ...], its memory.
      obs: [E, ...].
      first: [E] bool; that observation begins an episode.

    Returns:
      The carry, the action as the env takes it [E, ...], the policy, and the value [E].
    """
    carry, policy, value = net.step(params, carry, see(obs), first)
    return carry, net.distribution.to_env(net.distribution.mode(policy)), policy, value


def view(seen: Statistics | tuple[()]) -> Callable[[Any], Any]:
    """What a net is shown of observations: normalized by these statistics, or as they are by ()."""
    return partial(normalize, seen) if seen else lambda obs: obs


def deployment(net: ActorCritic, obs_space: Box | Discrete, *, text: str) -> Deployment:
    """What is kept of a policy that PPO has trained: `act`.

    Args:
      net: the player.
      obs_space: of one world.
      text: what it plays, and what its observations are.

    Returns:
      A Deployment with the input `obs`, and for nets with memory `first` and `carry`; with the
      outputs `action`, `value`, the parameters of the distribution, and the next `carry`.
    """
    carry = jax.eval_shape(lambda: net.initial_carry(1))
    carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), carry)
    integers = isinstance(obs_space, Discrete)
    shape, dtype = ((), jnp.int32) if integers else (obs_space.shape, obs_space.dtype)
    inputs, recurrent = {"obs": jax.ShapeDtypeStruct(shape, dtype)}, carry != ()
    if recurrent:
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(weights, inputs):
        obs = inputs["obs"]
        first = inputs.get("first", jnp.zeros(obs.shape[0], bool))
        carry, see = inputs.get("carry", ()), view(weights["seen"])
        carry, action, policy, value = act(net, weights["params"], see, carry, obs, first)
        numbers = policy._asdict() if hasattr(policy, "_asdict") else {"logits": policy}
        outputs = {"action": action, "value": value} | numbers
        return outputs | ({"carry": carry} if recurrent else {})

    def weights(state):
        return {"params": state.params, "seen": state.extra.seen}

    return Deployment(text + _OUTPUTS + (_MEMORY if recurrent else ""), weights, apply, inputs)


_OUTPUTS = """

`action` is the most likely one, as the world takes it; `logits`, or `mean` and `log_std`, are the
parameters of the distribution that it was drawn from in training (where actions are bounded, `mean`
is from before the bounds). `value` is the discounted return that was expected."""
_MEMORY = """

`carry` is the memory: hand back what comes out. Set `first` where an episode begins, and the memory
is cleared before `obs` is read, so that zeros will do for the first one."""
