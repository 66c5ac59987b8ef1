"""Sub-policies, and the world as it is to a master who chooses among them (Frans et al. 2018).

A macro action of the master is the number of a sub-policy, which then acts for N steps. To the
master this is a world of its own, a semi-Markov process (Sutton, Precup & Singh 1999): a macro
action that has lasted n steps earns r_1 + gamma r_2 + ... + gamma^(n - 1) r_n, and what follows
weighs gamma^n.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, Env, Step
from jaxdl.nn import ActorCritic


class Seen(NamedTuple):
    """What sub-policies read; leaves [E, ...] or [T, E, ...].

    Attributes:
      obs: observation of the world.
      option: int32, number of the sub-policy that acts.
      is_alive: bool; the step is part of an episode. Nothing is learned from others.
    """

    obs: jax.Array
    option: jax.Array
    is_alive: jax.Array


class MacroState(NamedTuple):
    """The state of a world between two macro actions.

    Attributes:
      env: of the world.
      obs: that is acted upon next.
    """

    env: Any
    obs: jax.Array


class Record(NamedTuple):
    """The N steps of a macro action; leaves [N, ...].

    Attributes:
      obs: what was acted upon.
      action: raw, in the sense of `Distribution`.
      logp: float32, of the action.
      reward: float32; 0 after the episode's end.
      discount: float32, the world's own factor on the learner's discount.
      terminated: bool.
      truncated: bool.
      is_alive: bool; false after the episode's end.
    """

    obs: jax.Array
    action: Any
    logp: jax.Array
    reward: jax.Array
    discount: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    is_alive: jax.Array


class _Walk(NamedTuple):
    """Where a macro action stands: the world, what was earned, and what is to come weighs."""

    at: MacroState
    earned: jax.Array
    weight: jax.Array
    is_alive: jax.Array


def sub_policies(net: ActorCritic, number: int) -> ActorCritic:
    """Makes K nets of one kind out of which the option that is seen picks one at each step.

    All K are computed and one is picked, so that K nets stay one product each.

    Args:
      net: a policy and value without memory.
      number: K.

    Returns:
      A net that reads `Seen`; parameters have leaves [K, ...].

    Raises:
      BadInput: fewer than one, or the net has memory.
    """
    if number < 1:
        raise BadInput(f"a master needs at least 1 sub-policy, got {number}")
    check_no_memory(net, "a sub-policy")

    def init(key):
        return jax.vmap(net.init)(jax.random.split(key, number))

    def unroll(params, carry, seen, first):
        each = jax.vmap(net.unroll, in_axes=(0, None, None, None))
        _, policies, values = each(params, (), seen.obs, first)  # [K, T, E, ...]
        chosen = jax.tree.map(partial(pick, seen.option), (policies, values))
        is_alive = seen.is_alive

        def learn_from_life(x):
            mask = is_alive.reshape(is_alive.shape + (1,) * (x.ndim - is_alive.ndim))
            return jnp.where(mask, x, jax.lax.stop_gradient(x))

        return carry, *jax.tree.map(learn_from_life, chosen)

    def step(params, carry, seen, first):
        sequence = jax.tree.map(lambda x: x[None], (seen, first))
        carry, policy, value = unroll(params, carry, *sequence)
        return carry, jax.tree.map(lambda x: x[0], policy), value[0]

    return net._replace(init=init, step=step, unroll=unroll)


def check_no_memory(net: ActorCritic, what: str) -> None:
    """Checks that a net is feed-forward.

    Raises:
      BadInput: it has memory.
    """
    if jax.tree.leaves(jax.eval_shape(lambda: net.initial_carry(1))):
        raise BadInput(f"{what} has no memory: take a net that is not recurrent")


def pick(option: jax.Array, x: jax.Array) -> jax.Array:
    """Picks from [K, T, E, ...] what belongs to the options [T, E]."""
    number = jnp.arange(x.shape[0]).reshape(-1, *(1,) * (x.ndim - 1))
    is_chosen = number == option.reshape(option.shape + (1,) * (x.ndim - 1 - option.ndim))
    return jnp.sum(jnp.where(is_chosen, x, 0), axis=0)


def macro_world(
    env: Env, subs: ActorCritic, params: Any, *, options: int, macro_steps: int, discount: float
) -> Env:
    """Makes the world of a master: an action is the sub-policy that acts for the next N steps.

    An episode that ends within a macro action ends it too; the world then stands still for what is
    left of its N steps, so that all worlds choose at the same time. The reward is discounted within
    the macro action, and `Step.discount` is gamma^n for the n steps it has lasted: a learner's own
    discount should be 1. `info` is the `Record` of the N steps.

    Args:
      env: the family of worlds; its observation is one array.
      subs: of `sub_policies`.
      params: their parameters, leaves [K, ...].
      options: K.
      macro_steps: N.
      discount: gamma, of one step.
    """

    def reset(key, task):
        state, obs = env.reset(key, task)
        return MacroState(state, obs), obs

    def advance(task, option, walk, keys):
        action_key, world_key = keys
        obs, is_alive = walk.at.obs, walk.is_alive
        seen = jax.tree.map(lambda x: x[None], Seen(obs, option, is_alive))
        _, policy, _ = subs.step(params, (), seen, jnp.zeros(1, bool))
        action = subs.distribution.sample(action_key, policy)
        logp = subs.distribution.logp(policy, action)[0]
        raw, env_action = jax.tree.map(lambda x: x[0], (action, subs.distribution.to_env(action)))
        state, out = env.step(world_key, walk.at.env, env_action, task)
        at = jax.tree.map(partial(jnp.where, is_alive), MacroState(state, out.obs), walk.at)
        reward = jnp.where(is_alive, out.reward, 0.0)
        factor = jnp.asarray(out.discount, jnp.float32)
        record = Record(
            obs=obs,
            action=raw,
            logp=logp,
            reward=reward,
            discount=factor,
            terminated=is_alive & out.terminated,
            truncated=is_alive & out.truncated,
            is_alive=is_alive,
        )
        walk = _Walk(
            at,
            walk.earned + walk.weight * reward,
            jnp.where(is_alive, discount * factor * walk.weight, walk.weight),
            is_alive & ~out.terminated & ~out.truncated,
        )
        return walk, record

    def step(key, state, option, task):
        walk = _Walk(state, jnp.float32(0), jnp.float32(1), jnp.bool_(True))
        keys = jax.random.split(key, (macro_steps, 2))
        walk, record = jax.lax.scan(partial(advance, task, option), walk, keys)
        return walk.at, Step(
            obs=walk.at.obs,
            reward=walk.earned,
            terminated=jnp.any(record.terminated),
            truncated=jnp.any(record.truncated),
            info=record._asdict(),
            discount=walk.weight,
        )

    return env._replace(reset=reset, step=step, action_space=Discrete(options))
