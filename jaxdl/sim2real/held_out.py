"""Tests of policies in physics that training did not show, and in physics that change."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Metrics
from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.nn import ActorCritic
from jaxdl.rl.rollout import Moment, fold, likeliest_policy, start_rollout
from jaxdl.sim2real.physics import (
    Ranges,
    check_beyond,
    corners,
    nominal,
    outside,
    scale_task,
    uniform,
)

TESTS = ("nominal", "inside", "corners", "outside", "changed")
CURVES = "curves"  # name of the array of returns over each parameter

Factors = jax.Array  # [N, D], of N episodes' parameters
PolicyTest = Callable[[jax.Array, ActorCritic, Any], Metrics]  # key, net, params -> metrics


class Changing(NamedTuple):
    """A task whose physics change in the middle of an episode.

    Attributes:
      task: of the world itself.
      before: [D] factors of its parameters at first.
      after: [D] factors from the change on.
    """

    task: Any
    before: jax.Array
    after: jax.Array


class Clocked(NamedTuple):
    """The state of an episode whose physics change.

    Attributes:
      env: the world's own.
      time: int32 steps since the episode began.
    """

    env: Any
    time: jax.Array


class Earned(NamedTuple):
    """What N episodes have earned so far.

    Attributes:
      time: int32 scalar, steps so far.
      total: [N] sum of the rewards.
      shaken: [N] sum of the rewards right after the change.
      last: [N] sum of the rewards in the last part of the changed episodes.
    """

    time: jax.Array
    total: jax.Array
    shaken: jax.Array
    last: jax.Array


def changing(env: Env, names: tuple[str, ...], change_at: int) -> Env:
    """Makes a world whose physics change in the step `change_at` of every episode.

    Its task is `Changing`; its own `sample_task` draws one in which nothing changes.

    Args:
      env: the family of worlds.
      names: D parameters.
      change_at: the first step of the new physics.
    """

    def sample_task(key):
        factors = jnp.ones(len(names))
        return Changing(env.sample_task(key), factors, factors)

    def reset(key, task):
        state, obs = env.reset(key, scale_task(task.task, names, task.before))
        return Clocked(state, jnp.int32(0)), obs

    def step(key, state, action, task):
        factors = jnp.where(state.time < change_at, task.before, task.after)
        inner, out = env.step(key, state.env, action, scale_task(task.task, names, factors))
        return Clocked(inner, state.time + 1), out

    return env._replace(sample_task=sample_task, reset=reset, step=step)


def physics_test(
    env: Env,
    ranges: Ranges,
    beyond: Ranges,
    *,
    episodes: int,
    points: int = 7,
    change_at: int = 125,
    part: int = 50,
    max_steps: int = 1000,
) -> PolicyTest:
    """Makes the test of policies by fresh episodes, with the likeliest action of each step.

    Args:
      env: the family of worlds, with the physics that are called nominal.
      ranges: of D parameters, within which training takes place.
      beyond: of the same parameters; what is tested outside of training lies within these.
      episodes: N, of each of five tests: "nominal" physics, "inside" the ranges, in their
        "corners", with one parameter "outside", and "changed" from one corner to another. As many
        again are shared among the points of the curves, at least one each.
      points: G, factors on each parameter's curve, evenly spaced in their logarithm.
      change_at: steps until the physics of "changed" change.
      part: steps of the two parts of "changed" that are scored by themselves: right after the
        change, and the last ones of twice `change_at`.
      max_steps: the longest episode.

    Returns:
      key, net, params -> the means `<test>_return` of the five tests, and `shaken_reward` and
      `settled_reward`, mean rewards a step of both parts. And the array `curves` [D, G], mean
      returns over the factors of `curve_points`, one parameter at a time. Every policy is asked to
      do the same, from the same starts, where the key is the same.

    Raises:
      BadInput: `beyond` does not reach beyond `ranges`, or the parts overlap.
    """
    check_beyond(ranges, beyond)
    if part > change_at:
        raise BadInput(f"part={part} should be at most change_at={change_at}")
    names = ranges.names
    world = changing(env, names, change_at)
    grid = curve_points(ranges, beyond, points)
    draws = (nominal(ranges), uniform(ranges), corners(ranges), outside(ranges, beyond))
    repeats = max(episodes // max(grid.size, 1), 1)
    alone = one_by_one(grid, repeats)
    last_begins = 2 * change_at - part

    def draw_factors(key) -> tuple[Factors, Factors]:
        """The factors of all episodes before and after the change, five tests and the curves."""
        *keys, corner_key, change_key = jax.random.split(key, len(draws) + 2)
        still = [_draw_rows(k, draw, episodes) for k, draw in zip(keys, draws, strict=True)]
        one, other = (_draw_rows(k, corners(ranges), episodes) for k in (corner_key, change_key))
        return jnp.concatenate([*still, one, alone]), jnp.concatenate([*still, other, alone])

    def count(earned: Earned, moment: Moment) -> Earned:
        reward, time = moment.step.reward, earned.time
        is_shaken = (time >= change_at) & (time < change_at + part)
        is_last = (time >= last_begins) & (time < last_begins + part)
        return Earned(
            time + 1,
            earned.total + reward,
            earned.shaken + is_shaken * reward,
            earned.last + is_last * reward,
        )

    def test(key, net, params):
        factor_key, task_key, rollout_key = jax.random.split(key, 3)
        before, after = draw_factors(factor_key)
        rows = before.shape[0]
        tasks = jax.vmap(env.sample_task)(jax.random.split(task_key, rows))
        rollout = start_rollout(
            rollout_key,
            world,
            net.initial_carry(rows),
            episodes=rows,
            task=Changing(tasks, before, after),
        )
        nothing = jnp.zeros(rows)
        policy = likeliest_policy(net, params, lambda obs: obs)
        start = Earned(jnp.int32(0), nothing, nothing, nothing)
        _, earned = fold(rollout, world, policy, count, start, max_steps=max_steps)
        metrics: Metrics = {
            f"{name}_return": jnp.mean(earned.total[place * episodes : (place + 1) * episodes])
            for place, name in enumerate(TESTS)
        }
        place = TESTS.index("changed")
        changed = slice(place * episodes, (place + 1) * episodes)
        curves = earned.total[len(TESTS) * episodes :].reshape(*grid.shape, repeats)
        return metrics | {
            "shaken_reward": jnp.mean(earned.shaken[changed]) / part,
            "settled_reward": jnp.mean(earned.last[changed]) / part,
            CURVES: jnp.mean(curves, axis=-1),
        }

    return test


def curve_points(ranges: Ranges, beyond: Ranges, points: int) -> np.ndarray:
    """Returns the factors [D, G] at which policies are tested, one parameter at a time.

    They are evenly spaced in their logarithm over all that may be held out, where it ends above 0.
    """
    least = np.maximum(beyond.low, 0.1 * ranges.low)
    return np.geomspace(least, beyond.high, points, axis=-1).astype(np.float32)


def one_by_one(grid: np.ndarray, repeats: int) -> np.ndarray:
    """Returns the factors [D G R, D] of R episodes at each point, all other parameters nominal."""
    size, points = grid.shape
    rows = np.ones((size, points, repeats, size), np.float32)
    for place in range(size):
        rows[place, :, :, place] = grid[place][:, None]
    return rows.reshape(size * points * repeats, size)


def _draw_rows(key: jax.Array, draw: Callable[[jax.Array], jax.Array], rows: int) -> jax.Array:
    return jax.vmap(draw)(jax.random.split(key, rows))
