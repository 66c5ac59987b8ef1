"""Whether expressions are equal, decided by numbers: 20 random complex points.

Points are drawn near the positive real axis, Re x from 0.2 to 3 and |Im x| < 1/2, since the paper's
identities are those of positive numbers (sqrt(x^2) = x). Functions that agree on a set of such
points with an accumulation point agree wherever both are analytic; 20 random ones stand for it.

The rule: a = b where, at each of the first 20 points at which both are defined,

    |a - b| <= 1e-8 max(|a|, |b|) + 1e-11 (the largest value that came up on the way),

and the second term is what rounding may leave of a difference that is 0. Where fewer than 20 of the
points that were drawn are defined, nothing is decided, and the answer is no.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.expressions import VARIABLES
from jaxdl.language.symbolic.stack_machine import Values, evaluate, evaluate_dual, evaluate_jet

POINTS = 20  # that decide
SPARE = 12  # that are drawn beside them, against domain errors
TOLERANCES = {  # of a value, and of the largest value on the way
    "complex128": (1e-8, 1e-11),
    "complex64": (1e-3, 1e-5),
}


class Verdict(NamedTuple):
    """What points say about two expressions.

    Attributes:
      is_equal: bool scalar.
      is_decided: bool scalar, whether enough points were defined.
      error: float scalar, the largest difference at the points that decide, over what is allowed.
    """

    is_equal: jax.Array
    is_decided: jax.Array
    error: jax.Array


def draw_points(key: jax.Array, count: int, *, variables: int = 1) -> jax.Array:
    """Draws points [variables, count] complex64; all variables are near the positive axis."""
    real_key, imaginary_key = jax.random.split(key)
    shape = (variables, count)
    real = jax.random.uniform(real_key, shape, minval=0.2, maxval=3.0)
    imaginary = jax.random.uniform(imaginary_key, shape, minval=-0.5, maxval=0.5)
    return jax.lax.complex(real, imaginary)


def compare(a: Values, b: Values, *, points: int = POINTS) -> Verdict:
    """Compares what two expressions are worth at N points, by the rule above.

    Args:
      a: of one.
      b: of the other.
      points: how many decide.
    """
    with jax.enable_x64(a.scale.dtype == jnp.float64):
        relative, floor = TOLERANCES[jnp.dtype(a.value.dtype).name]
        is_defined = a.is_defined & b.is_defined
        counts = is_defined & (jnp.cumsum(is_defined) <= points)
        size = jnp.maximum(jnp.abs(a.value), jnp.abs(b.value))
        allowed = relative * size + floor * jnp.maximum(a.scale, b.scale)
        apart = jnp.where(counts, jnp.abs(a.value - b.value), 0)
        error = jnp.max(jnp.where(apart > 0, apart / allowed, 0))
        is_decided = jnp.sum(counts, dtype=jnp.int32) >= points
        return Verdict(is_decided & (error <= 1), is_decided, error.astype(jnp.float32))


def compare_values(
    a: jax.Array, b: jax.Array, *, key: jax.Array, dtype: Any = jnp.complex128
) -> Verdict:
    """Says whether two programs have the same values.

    Args:
      a: [L] int32, of any variables.
      b: [M] int32.
      key: consumed, of the points.
      dtype: as in `evaluate`.
    """
    points = draw_points(key, POINTS + SPARE, variables=len(VARIABLES))
    return compare(evaluate(a, points, dtype=dtype), evaluate(b, points, dtype=dtype))


def equal(a: jax.Array, b: jax.Array, *, key: jax.Array) -> bool:
    """Says whether two programs [L] and [M] are equal; the key is consumed."""
    return bool(_compare_values(jnp.asarray(a), jnp.asarray(b), key))


@jax.jit
def _compare_values(a: jax.Array, b: jax.Array, key: jax.Array) -> jax.Array:
    return compare_values(a, b, key=key).is_equal


def check_antiderivative(
    solution: jax.Array,
    problem: jax.Array,
    points: jax.Array,
    *,
    steps: tuple[Any, Any] = (None, None),
    dtype: Any = jnp.complex128,
) -> Verdict:
    """Says whether the derivative of one program is the other, by dual numbers.

    Args:
      solution: [L] int32.
      problem: [M] int32.
      points: [V, N] complex, N >= 20.
      steps: tokens that are read of each, as in `evaluate`.
      dtype: as in `evaluate`.
    """
    dual = evaluate_dual(solution, points, steps=steps[0], dtype=dtype)
    return compare(
        dual.values._replace(value=dual.slope),
        evaluate(problem, points, steps=steps[1], dtype=dtype),
    )


def is_antiderivative(solution: jax.Array, problem: jax.Array, key: jax.Array) -> bool:
    """Says whether a program [L] has the derivative [M]; the key is consumed."""
    return bool(_check(jnp.asarray(solution), jnp.asarray(problem), key))


@jax.jit
def _check(solution: jax.Array, problem: jax.Array, key: jax.Array) -> jax.Array:
    points = draw_points(key, POINTS + SPARE, variables=len(VARIABLES))
    return check_antiderivative(solution, problem, points).is_equal


def check_solution(
    solution: jax.Array,
    equation: jax.Array,
    points: jax.Array,
    *,
    dtype: Any = jnp.complex128,
) -> Verdict:
    """Says whether y = solution makes a differential equation 0, whatever its constants.

    What is 0 has no size of its own: the largest value on the way takes its place.

    Args:
      solution: [L] int32, of x, c1 and c2.
      equation: [M] int32, of x, y, y' and y'', which is to be 0.
      points: [6, N] complex, of which x, c1 and c2 are used.
      dtype: as in `evaluate`.
    """
    jet = evaluate_jet(solution, points, dtype=dtype)
    with jax.enable_x64(jnp.dtype(dtype) == jnp.complex128):
        at = points.astype(dtype).at[1:4].set(jnp.stack(jet.derivatives))
        value = evaluate(equation, at, dtype=dtype)
        scale = jnp.maximum(value.scale, jet.values.scale)
        is_defined = value.is_defined & jet.values.is_defined
        left = Values(value.value + scale, scale, is_defined)
        return compare(left, left._replace(value=scale.astype(dtype)))
