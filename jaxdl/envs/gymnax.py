"""The worlds of gymnax (Lange 2022): `gymnax/<name>`, for classic control, bsuite and MinAtar."""

import difflib
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from gymnax.environments import spaces

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Discrete

NAMES = tuple(gymnax.registered_envs)


def make(name: str) -> Env:
    """One of gymnax's worlds with its standard parameters, without its auto-reset.

    The task is (). Works with gymnax 1.0, which tells an end from a time limit, and with 0.0.9,
    which does not: there an end is one that would have come at time 0 too.

    Raises:
      BadInput: the name is unknown, or the world needs a download, or a space is of another kind.
    """
    if name not in NAMES:
        spelled = {known.lower(): known for known in NAMES}
        near = difflib.get_close_matches(name.lower(), spelled, 1)
        hint = f"; did you mean 'gymnax/{spelled[near[0]]}'?" if near else ""
        raise BadInput(f"gymnax has no env {name!r}{hint}\nit has {', '.join(NAMES)}")
    try:
        world, params = gymnax.make(name)
    except OSError as error:
        raise BadInput(f"gymnax/{name} cannot be loaded: {error}") from None

    def reset(key, task):
        obs, state = world.reset_env(key, params)
        return _strong(state), _strong(obs)

    def step(key, state, action, task):
        obs, after, reward, done, info = world.step_env(key, state, action, params)
        after = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, state)
        terminated, truncated = _ends(world, after, done, params)
        reward = jnp.asarray(reward, jnp.float32)
        return after, Step(_strong(obs), reward, terminated, truncated, _strong(dict(info)))

    obs_space = _space(name, world.observation_space(params))
    return Env(lambda key: (), reset, step, obs_space, _space(name, world.action_space(params)))


def _ends(world: Any, state: Any, done: jax.Array, params: Any) -> tuple[jax.Array, jax.Array]:
    if hasattr(world, "is_truncated"):  # gymnax 1.0
        terminated, late = done, world.is_truncated(state, params)
    else:
        begun = state.replace(time=jnp.zeros_like(state.time))
        terminated, late = world.is_terminal(begun, params), done
    terminated = jnp.asarray(terminated, bool)
    return terminated, jnp.asarray(late, bool) & ~terminated


def _space(name: str, space: Any) -> Box | Discrete:
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, spaces.Box):
        low, high = (float(x) for x in (jnp.min(space.low), jnp.max(space.high)))
        unbounded = max(-low, high) > 1e37  # gymnax writes the greatest float for infinity
        low, high = (-jnp.inf, jnp.inf) if unbounded else (low, high)
        return Box(tuple(space.shape), low, high, jax.dtypes.canonicalize_dtype(space.dtype))
    raise BadInput(f"gymnax/{name} has a {type(space).__name__} space, which is not supported")


def _strong(tree: Any) -> Any:
    """Numbers as arrays of a fixed type, so that a state has the same types after every step."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)
