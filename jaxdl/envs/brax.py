"""The robots of brax 0.14 on the MJX backend: `brax/<name>`. Its trainers are not used."""

import difflib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.env import Env, Step
from jaxdl.envs.mjx import quiet
from jaxdl.envs.spaces import Box

with quiet():
    from brax import envs
    from brax.mjx import pipeline

# `fast` is brax's stand-in for its own tests, without physics.
NAMES = tuple(sorted(set(envs._envs) - {"fast"}))


class State(NamedTuple):
    """A robot.

    Attributes:
      brax: brax's own state.
      time: int32 steps since the episode began.
    """

    brax: Any
    time: jax.Array


def make(name: str, *, episode_length: int = 1000) -> Env:
    """One of brax's robots, with neither its episode nor its auto-reset wrapper.

    Observations are unbounded; actions, within [-1, 1], are clipped. What brax calls done is
    `terminated`; `truncated` after `episode_length` steps. `info` holds brax's metrics. The task is
    ().

    Raises:
      BadInput: the name is unknown.
    """
    robot = load(name)
    obs_size = jax.eval_shape(robot.reset, jax.random.key(0)).obs.shape

    def reset(key, task):
        with jax.default_matmul_precision("highest"):
            start = _strong(robot.reset(key))
        return State(start, jnp.int32(0)), start.obs

    def step(key, state, action, task):
        before = jax.tree.map(lambda x: x, state.brax)  # brax writes into the dicts of its argument
        # Not the short floats that some accelerators multiply with: they upset contacts.
        with jax.default_matmul_precision("highest"):
            after = robot.step(before, jnp.clip(action, -1.0, 1.0))
        after = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, state.brax)
        time = state.time + 1
        terminated = after.done > 0
        truncated = (time >= episode_length) & ~terminated
        info = dict(after.metrics)
        return State(after, time), Step(after.obs, after.reward, terminated, truncated, info)

    actions = Box((robot.action_size,), -1.0, 1.0)
    return Env(lambda key: (), reset, step, Box(obs_size), actions)


def load(name: str) -> Any:
    """brax's own env on the MJX backend: `sys.mj_model` is its MjModel, `dt` a step's seconds.

    Raises:
      BadInput: the name is unknown.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), NAMES, 1)
        hint = f"; did you mean 'brax/{near[0]}'?" if near else ""
        raise BadInput(f"brax has no env {name!r}{hint}\nit has {', '.join(NAMES)}")
    with quiet():
        return _swimmer() if name == "swimmer" else envs.get_environment(name, backend="mjx")


def _swimmer() -> Any:
    """brax admits its swimmer to a backend that fails on current JAX; MJX knows drag as well."""
    robot = envs.get_environment("swimmer")
    robot._pipeline, robot._backend = pipeline, "mjx"
    return robot


def _strong(tree: Any) -> Any:
    """Numbers as arrays of a fixed type, so that a state has the same types after every step."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)
