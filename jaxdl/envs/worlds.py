"""Many copies of a world, stepped at once, each of which begins its next episode by itself."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.checks import check, check_action, check_key
from jaxdl.envs.env import Action, Env, EnvState, Obs, SampleTask, Step, Task
from jaxdl.envs.episodes import EpisodeStats, clear_window, count_step, initial_stats
from jaxdl.envs.spaces import Space


class Start(NamedTuple):
    """Holds what E episodes begin with, in leaves [E, ...].

    Attributes:
      env: the env's own states.
      task: the task of each world; None in place of what is the same in all tasks.
      obs: the observations to act upon.
    """

    env: EnvState
    task: Task
    obs: Obs


class Spare(NamedTuple):
    """Holds the next starts of E worlds.

    Attributes:
      start: leaves [E, ...].
      used: [E] bool; the world has begun an episode with it.
    """

    start: Start
    used: jax.Array


class WorldsState(NamedTuple):
    """Holds the state of E worlds, in leaves [E, ...].

    Attributes:
      env: the env's own states.
      task: the task of each world.
      obs: the observations to act upon.
      spare: what each world takes at its next reset.
      stats: EpisodeStats.
    """

    env: EnvState
    task: Task
    obs: Obs
    spare: Spare
    stats: EpisodeStats


ResetWorlds = Callable[[jax.Array], WorldsState]
StepWorlds = Callable[[jax.Array, WorldsState, Action], tuple[WorldsState, Step]]


class Worlds(NamedTuple):
    """Steps E worlds that reset themselves.

    Attributes:
      reset: key -> WorldsState; `state.obs` [E, ...] is what to act upon.
      step: key, state, action [E, ...] -> state, Step of [E, ...]. `Step.obs` is the observation
        that the action led to, the last one of the episode where it ended: the one to bootstrap
        from. `state.obs` is the one to act upon: where an episode ended, the first of the next.
      num_envs: E.
      obs_space: of one world.
      action_space: of one world.
    """

    reset: ResetWorlds
    step: StepWorlds
    num_envs: int
    obs_space: Space
    action_space: Space


def vectorize(env: Env, num_envs: int) -> Worlds:
    """Steps many worlds of one family, each of which resets itself with a fresh task and state.

    To draw a start for every world at every step would cost more than a step of a small world, so
    each keeps a spare one, and all are redrawn when a world needs a second: no start is used twice.

    Args:
      env: the family.
      num_envs: E, how many.

    Raises:
      BadInput: the env breaks the contract, as `check` tells.
    """
    check(env)
    varies = varying_leaves(env.sample_task)

    def draw_starts(key: jax.Array) -> Start:
        def draw_start(keys):
            task_key, reset_key = keys
            task = env.sample_task(task_key)
            state, obs = env.reset(reset_key, task)
            return Start(state, task, obs)

        return jax.vmap(draw_start)(jax.random.split(key, (num_envs, 2)))

    def keep_varying(start: Start) -> Start:
        task = jax.tree.map(lambda keep, x: x if keep else None, varies, start.task)
        return start._replace(task=task)

    def begin_again(done: jax.Array, now: Start, start: Start) -> Start:
        pick = partial(_select, done)
        task = jax.tree.map(
            lambda keep, old, new: pick(new, old) if keep else old, varies, now.task, start.task
        )
        return Start(pick(start.env, now.env), task, pick(start.obs, now.obs))

    def reset(key):
        check_key(key)
        start = draw_starts(key)
        # It is used at once, so that the end of the first episode draws spare ones.
        spare = Spare(keep_varying(start), jnp.ones(num_envs, bool))
        return WorldsState(start.env, start.task, start.obs, spare, initial_stats(num_envs))

    def step(key, state, action):
        check_key(key)
        check_action(env.action_space, action, num_envs)
        step_keys = jax.random.split(key, num_envs)
        env_state, out = jax.vmap(env.step)(step_keys, state.env, action, state.task)
        done = out.terminated | out.truncated
        out_of_spares = jnp.any(done & state.spare.used)

        def redraw(spare):
            # The key after those of the steps: one that is drawn only where it is needed.
            start = draw_starts(jax.random.fold_in(key, num_envs))
            new = Spare(keep_varying(start), jnp.zeros(num_envs, bool))
            return _select(out_of_spares, new, spare)

        spare = jax.lax.cond(anywhere(out_of_spares), redraw, lambda spare: spare, state.spare)
        now = begin_again(done, Start(env_state, state.task, out.obs), spare.start)
        return WorldsState(
            env=now.env,
            task=now.task,
            obs=now.obs,
            spare=spare._replace(used=spare.used | done),
            stats=count_step(state.stats, out.reward, done),
        ), out

    return Worlds(reset, step, num_envs, env.obs_space, env.action_space)


def varying_leaves(sample_task: SampleTask) -> Any:
    """Finds out which parts of a task depend on the key and so differ between tasks.

    Args:
      sample_task: of an Env.

    Returns:
      A pytree of bools with the task's structure.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    closed, shapes = jax.make_jaxpr(sample_task, return_shape=True)(key)
    drawn = set(closed.jaxpr.invars)
    for equation in closed.jaxpr.eqns:
        if any(x in drawn for x in equation.invars if not hasattr(x, "val")):  # no constants
            drawn.update(equation.outvars)
    varies = [not hasattr(x, "val") and x in drawn for x in closed.jaxpr.outvars]
    return jax.tree.unflatten(jax.tree.structure(shapes), varies)


def start_window(state: WorldsState) -> WorldsState:
    """Begins the window of `episode_metrics`, as learners do at the beginning of `step`."""
    return state._replace(stats=clear_window(state.stats))


@jax.custom_batching.custom_vmap
def anywhere(condition: jax.Array) -> jax.Array:
    """Returns the condition, or under vmap whether it holds anywhere, so that `cond` branches."""
    return condition


@anywhere.def_vmap
def _anywhere_in_batch(axis_size, in_batched, condition):
    return jnp.any(condition), False


def _select(mask: jax.Array, chosen: Any, other: Any) -> Any:
    """Picks rows [E], or all, of two pytrees of [E, ...]. Keys are picked like numbers."""

    def pick(x, y):
        return jnp.where(mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x, y)

    return jax.tree.map(pick, chosen, other)
