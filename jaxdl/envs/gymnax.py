"""The worlds of gymnax (Lange 2022), such as classic control, bsuite and MinAtar."""

from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces as gymnax_spaces

from jaxdl.core.run import BadInput
from jaxdl.envs.arrays import as_strong, keep_dtypes
from jaxdl.envs.env import Env, Step
from jaxdl.envs.names import suggest
from jaxdl.envs.spaces import Box, Discrete, Space, abstract

NAMES = tuple(gymnax.registered_envs)
GREATEST = 1e37  # beyond it a bound is none: gymnax writes the greatest float for infinity


def make(name: str) -> Env:
    """Builds one of gymnax's worlds with its standard parameters, without its auto-reset.

    The task is (). Works with gymnax 1.0, which tells an end from a time limit, and with 0.0.9,
    which does not: there an end is one that would have come at time 0 too.

    Raises:
      BadInput: the name is unknown, or the world needs a download, or a space is of another kind.
    """
    if name not in NAMES:
        hint = suggest(name, NAMES, "gymnax/")
        raise BadInput(f"gymnax has no env {name!r}{hint}\nit has {', '.join(NAMES)}")
    try:
        world, params = gymnax.make(name)
    except OSError as error:
        raise BadInput(f"gymnax/{name} cannot be loaded: {error}") from None
    start, _ = jax.eval_shape(world.reset_env, jax.random.key(0), params)
    obs_space = _observed(_space(name, world.observation_space(params)), start)

    def observe(obs):
        return keep_dtypes(obs, abstract(obs_space))

    def reset(key, task):
        obs, state = world.reset_env(key, params)
        return as_strong(state), observe(obs)

    def step(key, state, action, task):
        obs, after, reward, done, info = world.step_env(key, state, action, params)
        after = keep_dtypes(after, state)
        terminated, truncated = _ends(world, after, done, params)
        reward = jnp.asarray(reward, jnp.float32)
        return after, Step(observe(obs), reward, terminated, truncated, as_strong(dict(info)))

    action_space = _space(name, world.action_space(params))
    return Env(lambda key: (), reset, step, obs_space, action_space)


def _ends(world: Any, state: Any, done: jax.Array, params: Any) -> tuple[jax.Array, jax.Array]:
    if hasattr(world, "is_truncated"):  # gymnax 1.0
        terminated = done
        late = world.is_truncated(state, params)
    else:
        begun = state.replace(time=jnp.zeros_like(state.time))
        terminated = world.is_terminal(begun, params)
        late = done
    terminated = jnp.asarray(terminated, bool)
    return terminated, jnp.asarray(late, bool) & ~terminated


def _space(name: str, space: Any) -> Space:
    """One of gymnax's spaces as ours.

    Raises:
      BadInput: it is of a kind that we do not know.
    """
    if isinstance(space, gymnax_spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, gymnax_spaces.Dict):
        return {part: _space(name, inner) for part, inner in space.spaces.items()}
    if isinstance(space, gymnax_spaces.Tuple):
        return tuple(_space(name, inner) for inner in space.spaces)
    if isinstance(space, gymnax_spaces.Box):
        low, high = (np.asarray(bound, np.float64) for bound in (space.low, space.high))
        low = np.where(low < -GREATEST, -np.inf, low)
        high = np.where(high > GREATEST, np.inf, high)
        return Box(tuple(space.shape), low, high, jax.dtypes.canonicalize_dtype(space.dtype))
    raise BadInput(f"gymnax/{name} has a {type(space).__name__} space, which is not supported")


def _observed(space: Space, obs: Any) -> Space:
    """The space with the dtypes that are really observed, which differ in some of the worlds."""

    def mend(leaf, x):
        if not isinstance(leaf, Box):
            return leaf
        return leaf._replace(dtype=jnp.promote_types(leaf.dtype, x.dtype))

    return jax.tree.map(mend, space, obs)
