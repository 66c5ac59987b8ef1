"""Automatic domain randomization (OpenAI et al. 2019): a distribution that grows with the policy.

Solving Rubik's Cube with a Robot Hand, arXiv 1910.07113, section 5 and algorithm 1: each parameter
lambda_i is drawn from U(phi_i^L, phi_i^H). Some episodes have one of them at one of its two bounds
("boundary sampling"); what they earn says whether that bound moves outwards, inwards, or stays.

The bounds are factors of the world's own constants, and they are arrays, so that all of it takes
place within the compiled step. A boundary has the number 2 i for the lower bound of parameter i,
2 i + 1 for the upper one, and -1 stands for none.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner, Metrics
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, Worlds
from jaxdl.rl.ppo import MakeWorlds
from jaxdl.sim2real.boundaries import Boundary, earned_at, watch_boundaries, without_earnings
from jaxdl.sim2real.physics import Ranges, scale_task

SIDES = 2  # of a range
OUTWARDS = np.array(
    [-1, 1], np.float32
)  # where the lower and the upper bound go as the range widens

SlowLearner = Callable[[Env, MakeWorlds], Learner]  # family of worlds, how they stand -> learner


class Bounds(NamedTuple):
    """What is adapted: phi of D parameters, and the buffers of performances at each bound.

    Attributes:
      phi: [D, 2] factors, phi^L and phi^H.
      total: [D, 2] sum of the performances in the buffers D^L and D^H.
      count: [D, 2] int32, how many they hold.
    """

    phi: jax.Array
    total: jax.Array
    count: jax.Array


class Rule(NamedTuple):
    """When the bounds move, how far, and where they end.

    Attributes:
      low_threshold: t_L, performance at most so good moves a bound inwards.
      high_threshold: t_H, performance at least so good moves it outwards.
      buffer: m, performances that are averaged.
      delta: Delta, how far a bound moves at once.
      start: [D, 2] phi^0, which no bound ever comes further in than.
      limits: [D, 2] which none ever goes beyond.
    """

    low_threshold: float
    high_threshold: float
    buffer: int
    delta: float
    start: np.ndarray
    limits: np.ndarray


class Sampled(NamedTuple):
    """One environment's parameters.

    Attributes:
      factors: [D] lambda.
      boundary: int32, the number of the bound that one of them is at; -1 for none.
    """

    factors: jax.Array
    boundary: jax.Array


class Extra(NamedTuple):
    """What is adapted besides the parameters.

    Attributes:
      inner: of the learner that is randomized.
      bounds: phi and its buffers.
    """

    inner: Any
    bounds: Bounds


def make_rule(
    ranges: Ranges,
    *,
    low_threshold: float,
    high_threshold: float,
    buffer: int = 10,
    delta: float = 0.1,
    start: float = 0.05,
) -> Rule:
    """Makes the rule of bounds that begin around the nominal physics.

    Args:
      ranges: of D parameters, within which the bounds stay; 1, the nominal factor, is within them.
      low_threshold: t_L.
      high_threshold: t_H.
      buffer: m.
      delta: Delta.
      start: half the width of the first ranges.

    Raises:
      BadInput: the thresholds are reversed, or a limit leaves no room for the first range.
    """
    if not low_threshold < high_threshold:
        raise BadInput(
            f"low_threshold={low_threshold:g} should be below high_threshold={high_threshold:g}"
        )
    for name, low, high in zip(*ranges, strict=True):
        if not low <= 1 - start < 1 + start <= high:
            raise BadInput(
                f"{name}={low:g}:{high:g} leaves no room for the first range, "
                f"{1 - start:g}:{1 + start:g}"
            )
    first = np.tile(np.float32([1 - start, 1 + start]), (len(ranges.names), 1))
    limits = np.stack([ranges.low, ranges.high], axis=-1)
    return Rule(low_threshold, high_threshold, buffer, delta, first, limits)


def begin(rule: Rule) -> Bounds:
    """Returns phi^0 with empty buffers."""
    shape = rule.start.shape
    return Bounds(jnp.asarray(rule.start), jnp.zeros(shape), jnp.zeros(shape, jnp.int32))


def sample(key: jax.Array, bounds: Bounds, *, boundary_probability: float) -> Sampled:
    """Draws an environment: algorithm 1 with probability p_b, and algorithm 2 without a bound else.

    Args:
      key: consumed.
      bounds: phi.
      boundary_probability: p_b that one parameter, each as likely, is at one of its bounds.
    """
    size = bounds.phi.shape[0]
    factor_key, chance_key, boundary_key = jax.random.split(key, 3)
    low, high = bounds.phi.T
    factors = jax.random.uniform(factor_key, (size,), minval=low, maxval=high)
    boundary = jax.random.randint(boundary_key, (), 0, max(SIDES * size, 1))
    is_boundary = jax.random.bernoulli(chance_key, boundary_probability) & (size > 0)
    place, side = boundary // SIDES, boundary % SIDES
    is_pinned = is_boundary & (jnp.arange(size) == place)
    pinned = jnp.where(is_pinned, jnp.where(side == 0, low, high), factors)
    return Sampled(pinned, jnp.where(is_boundary, boundary, -1))


def update(bounds: Bounds, rule: Rule, total: jax.Array, count: jax.Array) -> Bounds:
    """Appends performances to the buffers, and moves the bounds of those that are full.

    The performances of one call are appended together; for one at a time this is algorithm 1.

    Args:
      bounds: before.
      rule: by which they move.
      total: [D, 2] sum of the new performances at each bound.
      count: [D, 2] int32, how many they are.
    """
    total = bounds.total + total
    count = bounds.count + count
    average = total / jnp.maximum(count, 1)
    is_full = count >= rule.buffer
    widens = is_full & (average >= rule.high_threshold)
    narrows = is_full & (average <= rule.low_threshold)
    moves = widens.astype(jnp.float32) - narrows.astype(jnp.float32)
    phi = bounds.phi + rule.delta * moves * OUTWARDS
    innermost, outermost = rule.start * OUTWARDS, rule.limits * OUTWARDS  # both rise outwards
    phi = jnp.clip(phi * OUTWARDS, innermost, outermost) * OUTWARDS
    return Bounds(phi, jnp.where(is_full, 0.0, total), jnp.where(is_full, 0, count))


def entropy(bounds: Bounds) -> jax.Array:
    """Returns the mean of log(phi^H - phi^L) over the parameters, in nats; 0 where there are none.

    Section 5: the ADR entropy, by which distributions are compared.
    """
    widths = bounds.phi[:, 1] - bounds.phi[:, 0]
    return jnp.sum(jnp.log(widths)) / max(widths.shape[0], 1)


def boundary_world(env: Env, names: tuple[str, ...], bounds: Bounds, chance: float) -> Env:
    """Draws a world's physics from the bounds; its task, a `Boundary`, tells which bound it is at.

    Args:
      env: the family of worlds.
      names: D parameters.
      bounds: phi, which may be traced.
      chance: p_b.
    """

    def sample_task(key):
        task_key, physics_key = jax.random.split(key)
        factors, number = sample(physics_key, bounds, boundary_probability=chance)
        at = bounds.phi.flatten()[number] if names else jnp.float32(0)
        return Boundary(scale_task(env.sample_task(task_key), names, factors), number, at)

    def reset(key, task):
        return env.reset(key, task.task)

    def step(key, state, action, task):
        return env.step(key, state, action, task.task)

    return env._replace(sample_task=sample_task, reset=reset, step=step)


def adr(
    env: Env,
    slow: SlowLearner,
    names: tuple[str, ...],
    rule: Rule,
    *,
    boundary_probability: float = 0.5,
) -> Learner:
    """Randomizes the physics of a learner's worlds as far as its policy can bear.

    Performance is the return of an episode as it was played, with sampled actions. Unlike the
    paper's, episodes at a bound are learned from too. One that began before the bound moved does
    not count.

    Args:
      env: the family of worlds, with the physics that are called nominal.
      slow: makes the learner of a family of worlds and of how they stand side by side, such as
        `partial(make_ppo, net=net, ...)`. Its `actors` hold these worlds as `worlds`.
      names: D parameters.
      rule: of their bounds, as `make_rule` makes it.
      boundary_probability: p_b, the share of episodes at a bound.

    Returns:
      The learner of these worlds, whose `extra` holds the bounds beside its own. Its step reports
      `bounds_entropy`, and the bounds as `low/<name>` and `high/<name>`.
    """

    def learner_within(bounds: Bounds) -> Learner:
        world = boundary_world(env, names, bounds, boundary_probability)
        return slow(world, partial(watch_worlds, bounds))

    def watch_worlds(bounds: Bounds, world: Env, num_envs: int) -> Worlds:
        return watch_boundaries(world, num_envs, bounds.phi)

    def init(key):
        bounds = begin(rule)
        state = learner_within(bounds).init(key)
        return state._replace(extra=Extra(state.extra, bounds))

    def step(key, state, batch):
        inner, bounds = state.extra
        actors = without_earnings(state.actors)
        state = state._replace(extra=inner, actors=actors)
        state, metrics = learner_within(bounds).step(key, state, batch)
        bounds = update(bounds, rule, *earned_at(state.actors))
        state = state._replace(extra=Extra(state.extra, bounds))
        return state, metrics | bounds_metrics(bounds, names)

    return Learner(init, step)


def bounds_metrics(bounds: Bounds, names: tuple[str, ...]) -> Metrics:
    """Returns the entropy, and the bounds of each parameter."""
    low = {f"low/{name}": bounds.phi[place, 0] for place, name in enumerate(names)}
    high = {f"high/{name}": bounds.phi[place, 1] for place, name in enumerate(names)}
    return {"bounds_entropy": entropy(bounds)} | low | high
