"""Descent of an energy by Adam or L-BFGS, each step of which is one value with its gradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

ARMIJO = 1e-4  # c1 of Nocedal & Wright 2006, eq. 3.4: the share of the promised descent
LONGEST = 0.5  # radians that any torsion turns in the first trial of a step

Energy = Callable[[jax.Array], jax.Array]


class Descent(NamedTuple):
    """Where a descent stands.

    Attributes:
      x: [...] the point.
      value: scalar, of the energy there.
    """

    x: jax.Array
    value: jax.Array


Descend = Callable[[Energy, jax.Array, int], Descent]


class _Adam(NamedTuple):
    x: jax.Array
    best: Descent
    memory: Any


class _Line(NamedTuple):
    """Where L-BFGS stands: the last point that was accepted, and the step that is tried from it."""

    at: Descent
    gradient: jax.Array
    direction: jax.Array
    size: jax.Array
    memory: Any


def adam(learning_rate: float = 0.1) -> Descend:
    """Makes a descent by Adam whose rate falls to 0 as a cosine; it ends at its lowest point."""

    def descend(energy, start, evaluations):
        tx = optax.adam(optax.cosine_decay_schedule(learning_rate, evaluations))
        value_and_gradient = jax.value_and_grad(energy)

        def step(now, _):
            value, gradient = value_and_gradient(now.x)
            best = choose(value < now.best.value, Descent(now.x, value), now.best)
            updates, memory = tx.update(gradient, now.memory)
            return _Adam(now.x + updates, best, memory), value

        first = _Adam(start, Descent(start, jnp.float32(jnp.inf)), tx.init(start))
        end, _ = jax.lax.scan(step, first, length=evaluations)
        return end.best

    return descend


def lbfgs(memory: int = 10) -> Descend:
    """Makes a descent by L-BFGS with steps that are halved until they descend (Armijo's condition).

    A trial that fails costs an evaluation as one that succeeds does, so that all descents of a map
    cost the same, and as much as was asked for.

    Args:
      memory: pairs of steps and gradient differences that are kept.

    Reference: Nocedal & Wright 2006, algorithm 7.5.
    """
    rule = optax.scale_by_lbfgs(memory_size=memory)

    def descend(energy, start, evaluations):
        value_and_gradient = jax.value_and_grad(energy)

        def trial(line, _):
            x = line.at.x - line.size * line.direction
            value, gradient = value_and_gradient(x)
            slope = jnp.vdot(line.gradient, line.direction)
            accepted = value < line.at.value - ARMIJO * line.size * slope
            forward = _accept(rule, line, Descent(x, value), gradient)
            back = line._replace(size=line.size / 2)
            return choose(accepted, forward, back), value

        # The first trial is the start itself, which is lower than nothing.
        nothing, nowhere = jnp.zeros_like(start), jnp.asarray(jnp.inf, start.dtype)
        size = jnp.ones((), start.dtype)
        first = _Line(Descent(start, nowhere), nothing, nothing, size, rule.init(start))
        return jax.lax.scan(trial, first, length=evaluations)[0].at

    return descend


def _accept(rule: Any, line: _Line, at: Descent, gradient: jax.Array) -> _Line:
    """Moves to a point, and chooses the next direction there; one that rises is not taken."""
    direction, memory = rule.update(gradient, line.memory, at.x)
    rises = jnp.vdot(gradient, direction) <= 0
    direction = jnp.where(rises, gradient, direction)
    return _Line(at, gradient, direction, _first_size(direction), memory)


def _first_size(direction: jax.Array) -> jax.Array:
    return jnp.minimum(1.0, LONGEST / jnp.maximum(jnp.max(jnp.abs(direction)), 1e-12))


def choose(which: jax.Array, one: Any, other: Any) -> Any:
    """Returns one pytree or another, by a bool scalar."""
    return jax.tree.map(lambda x, y: jnp.where(which, x, y), one, other)
