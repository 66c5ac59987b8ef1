"""L-BFGS for smooth convex functions, as one loop on the device (Nocedal & Wright 2006, ch. 7)."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

ARMIJO = 1e-4  # c1 of Nocedal & Wright 2006, eq. 3.4: the share of the promised descent
HALVINGS = 30  # of a step before it is given up

ValueAndGradient = Callable[[jax.Array], tuple[jax.Array, jax.Array]]  # [D] -> scalar, [D]


class Minimum(NamedTuple):
    """Where a minimization has ended.

    Attributes:
      x: [D] the point.
      value: scalar, of the function there.
      gradient: [D].
      iterations: int32 scalar, how many were made.
    """

    x: jax.Array
    value: jax.Array
    gradient: jax.Array
    iterations: jax.Array


class _Loop(NamedTuple):
    at: Minimum
    memory: optax.OptState
    moved: jax.Array


class _Trial(NamedTuple):
    size: jax.Array
    x: jax.Array
    value: jax.Array
    gradient: jax.Array
    halvings: jax.Array


def minimize(
    value_and_gradient: ValueAndGradient,
    start: jax.Array,
    *,
    iterations: int = 200,
    tolerance: float = 1e-5,
    memory: int = 10,
) -> Minimum:
    """Minimizes a smooth convex function by L-BFGS with a step that is halved until it descends.

    It ends where no entry of the gradient exceeds the tolerance, where no step descends any more,
    which in float32 may be earlier, or after so many iterations.

    Args:
      value_and_gradient: of the function.
      start: [D] float32 or float64; all is computed in its dtype.
      iterations: at most.
      tolerance: of the largest entry of the gradient.
      memory: pairs of steps and gradient differences that are kept.

    Returns:
      A Minimum.
    """
    chex.assert_rank(start, 1)
    rule = optax.scale_by_lbfgs(memory_size=memory)

    def goes_on(loop):
        steep = jnp.max(jnp.abs(loop.at.gradient)) > tolerance
        return loop.moved & steep & (loop.at.iterations < iterations)

    def iterate(loop):
        direction, pairs = rule.update(loop.at.gradient, loop.memory, loop.at.x)
        trial = _descend(value_and_gradient, loop.at, direction)
        moved = _is_descent(trial, loop.at, jnp.vdot(loop.at.gradient, direction))
        after = Minimum(trial.x, trial.value, trial.gradient, loop.at.iterations + 1)
        at = jax.tree.map(lambda new, old: jnp.where(moved, new, old), after, loop.at)
        return _Loop(at, pairs, moved)

    value, gradient = value_and_gradient(start)
    first = Minimum(start, value, gradient, jnp.int32(0))
    return jax.lax.while_loop(goes_on, iterate, _Loop(first, rule.init(start), jnp.bool(True))).at


def _descend(value_and_gradient: ValueAndGradient, at: Minimum, direction: jax.Array) -> _Trial:
    """Halves a step along -direction, which begins at 1, until the function has gone down."""
    slope = jnp.vdot(at.gradient, direction)

    def attempt(size, halvings):
        x = at.x - size * direction
        return _Trial(size, x, *value_and_gradient(x), halvings)

    def goes_on(trial):
        return ~_is_descent(trial, at, slope) & (trial.halvings < HALVINGS)

    first = attempt(jnp.ones((), at.x.dtype), jnp.int32(0))
    return jax.lax.while_loop(goes_on, lambda t: attempt(t.size / 2, t.halvings + 1), first)


def _is_descent(trial: _Trial, at: Minimum, slope: jax.Array) -> jax.Array:
    """Armijo's condition; where what it asks for is lost in rounding, any descent will do."""
    asked = ARMIJO * trial.size * slope
    rounding = 4 * jnp.finfo(at.x.dtype).eps * jnp.abs(at.value)
    return (slope > 0) & (trial.value < at.value - jnp.where(asked > rounding, asked, 0.0))
