"""Tests of policies in physics that training did not show, and in physics that change."""

from collections.abc import Callable
from functools import partial
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
    world = changing(env, ranges.names, change_at)
    grid = curve_points(ranges, beyond, points)
    repeats = max(episodes // max(grid.size, 1), 1)
    alone = one_by_one(grid, repeats)
    count = partial(count_rewards, change_at=change_at, part=part)

    def test(key, net, params):
        factor_key, task_key, rollout_key = jax.random.split(key, 3)
        before, after = draw_factors(factor_key, ranges, beyond, episodes)
        before, after = (jnp.concatenate([drawn, alone]) for drawn in (before, after))
        rows = before.shape[0]
        tasks = jax.vmap(env.sample_task)(jax.random.split(task_key, rows))
        rollout = start_rollout(
            rollout_key,
            world,
            net.initial_carry(rows),
            episodes=rows,
            task=Changing(tasks, before, after),
        )
        policy = likeliest_policy(net, params, lambda obs: obs)
        nothing = jnp.zeros(rows)
        start = Earned(jnp.int32(0), nothing, nothing, nothing)
        _, earned = fold(rollout, world, policy, count, start, max_steps=max_steps)
        curves = earned.total[len(TESTS) * episodes :].reshape(*grid.shape, repeats)
        metrics = mean_rewards(earned, episodes, part)
        return metrics | {CURVES: jnp.mean(curves, axis=-1)}

    return test


def draw_factors(
    key: jax.Array, ranges: Ranges, beyond: Ranges, episodes: int
) -> tuple[Factors, Factors]:
    """Draws the factors of five tests, in the order of `TESTS`, before and after a change.

    Args:
      key: consumed.
      ranges: of D parameters.
      beyond: of the same.
      episodes: N, of each test.

    Returns:
      Factors [5 N, D] before, and after; they differ in the last N rows alone.
    """

    def draw_rows(key, draw):
        return jax.vmap(draw)(jax.random.split(key, episodes))

    ends = corners(ranges)
    draws = (nominal(ranges), uniform(ranges), ends, outside(ranges, beyond))
    *keys, one_key, other_key = jax.random.split(key, len(draws) + 2)
    still = [draw_rows(key, draw) for key, draw in zip(keys, draws, strict=True)]
    one, other = draw_rows(one_key, ends), draw_rows(other_key, ends)
    return jnp.concatenate([*still, one]), jnp.concatenate([*still, other])


def count_rewards(earned: Earned, moment: Moment, *, change_at: int, part: int) -> Earned:
    """Adds one step of N episodes.

    Args:
      earned: so far.
      moment: the step.
      change_at: the first step of the new physics.
      part: steps that count apart from there on, and as many that end at twice `change_at`.
    """
    reward, time = moment.step.reward, earned.time
    is_shaken = (time >= change_at) & (time < change_at + part)
    is_last = (time >= 2 * change_at - part) & (time < 2 * change_at)
    return Earned(
        time + 1,
        earned.total + reward,
        earned.shaken + is_shaken * reward,
        earned.last + is_last * reward,
    )


def mean_rewards(earned: Earned, episodes: int, part: int) -> Metrics:
    """Averages the returns of each test, and the rewards of a step in both parts of "changed"."""
    rows = {name: slice(i * episodes, (i + 1) * episodes) for i, name in enumerate(TESTS)}
    returns = {f"{name}_return": jnp.mean(earned.total[row]) for name, row in rows.items()}
    changed = rows["changed"]
    return returns | {
        "shaken_reward": jnp.mean(earned.shaken[changed]) / part,
        "settled_reward": jnp.mean(earned.last[changed]) / part,
    }


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
