"""The trust region: Fisher products, and steps that are shortened until they are safe."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.ops.linear import Matvec

PolicyOf = Callable[[Any], Any]  # params -> policy, leaves [...]
Divergence = Callable[[Any, Any], jax.Array]  # policy, other policy -> KL(policy || other) [...]
Measure = Callable[[Any], tuple[jax.Array, jax.Array]]  # params -> KL, improvement


def fisher_product(policy_of: PolicyOf, kl: Divergence, params: Any) -> Matvec:
    """Makes v -> F v, F the policy's mean Fisher information: Schulman et al. 2015, appendix C.

    F is the Hessian of the mean KL(policy of params || policy of x) in x = params, which is
    J^T M J: J is the derivative of the policy's numbers, M the Hessian of the mean KL in them
    (their eq. 57). What J needs of the net is computed once for all products.

    Args:
      policy_of: params -> policy at some observations.
      kl: of the family of policies.
      params: where the derivatives are taken.
    """
    policy, transposed = jax.vjp(policy_of, params)
    # J is had by transposing its transpose: nets with a gradient by hand have no forward mode.
    derivative = jax.linear_transpose(transposed, policy)
    _, curve = jax.linearize(jax.grad(lambda other: jnp.mean(kl(policy, other))), policy)

    def product(vector):
        (change,) = derivative((vector,))
        return transposed(curve(change))[0]

    return product


def scale_to_region(direction: Any, gradient: Any, *, max_kl: float) -> Any:
    """Scales a natural gradient x = F^-1 g to where the model of the KL says `max_kl`.

    The model is s^T F s / 2 for a step s (Schulman et al. 2015, app. C). For the x of conjugate
    gradients x^T F x is x^T g, since what they leave of g is orthogonal to x.

    Args:
      direction: x.
      gradient: g, of the same structure.
      max_kl: delta.

    Returns:
      The step; 0 where g is 0.
    """
    products = jax.tree.map(jnp.vdot, direction, gradient)
    curvature = sum(jax.tree.leaves(products), jnp.float32(0.0))
    is_ascent = curvature > 0
    scale = jnp.where(is_ascent, jnp.sqrt(2 * max_kl / jnp.where(is_ascent, curvature, 1.0)), 0.0)
    return jax.tree.map(lambda x: scale * x, direction)


class Trial(NamedTuple):
    """The state of a line search, and its outcome.

    Attributes:
      number: int32 scalar, trials so far.
      fraction: float32 scalar, of the whole step, in the last trial.
      kl: float32 scalar, measured there.
      improvement: float32 scalar, measured there.
      is_accepted: bool scalar.
    """

    number: jax.Array
    fraction: jax.Array
    kl: jax.Array
    improvement: jax.Array
    is_accepted: jax.Array


def search_line(
    measure: Measure, params: Any, step: Any, *, max_kl: float, backtracks: int, shrink: float
) -> tuple[Any, Trial]:
    """Shortens a step until it improves and stays in the region: Schulman et al. 2015, app. C.

    Args:
      measure: of parameters to try.
      params: where the step begins.
      step: of the same structure.
      max_kl: delta; what is accepted has at most this KL.
      backtracks: trials after the one of the whole step.
      shrink: factor on the step from one trial to the next.

    Returns:
      The parameters, those given where no trial is accepted; and the last trial. Where none is
      accepted its fraction, KL and improvement are 0, which is what staying means.
    """

    def attempt(trial):
        fraction = jnp.float32(shrink) ** trial.number
        kl, improvement = measure(move(params, step, fraction))
        is_accepted = (kl <= max_kl) & (improvement > 0)  # never where one of them is NaN
        return Trial(trial.number + 1, fraction, kl, improvement, is_accepted)

    def goes_on(trial):
        return ~trial.is_accepted & (trial.number <= backtracks)

    zero = jnp.float32(0.0)
    start = Trial(jnp.int32(0), zero, zero, zero, jnp.bool_(False))
    end = jax.lax.while_loop(goes_on, attempt, start)
    moved = move(params, step, end.fraction)
    params = jax.tree.map(lambda x, y: jnp.where(end.is_accepted, x, y), moved, params)
    measured = (jnp.where(end.is_accepted, x, 0.0) for x in (end.fraction, end.kl, end.improvement))
    return params, Trial(end.number, *measured, end.is_accepted)


def take_step(measure: Measure, params: Any, step: Any) -> tuple[Any, Trial]:
    """Takes the whole step, whatever comes of it: the natural gradient of Kakade 2002."""
    params = move(params, step, jnp.float32(1.0))
    kl, improvement = measure(params)
    return params, Trial(jnp.int32(1), jnp.float32(1.0), kl, improvement, jnp.bool_(True))


def move(params: Any, step: Any, fraction: jax.Array) -> Any:
    """Returns params + fraction * step."""
    return jax.tree.map(lambda x, s: x + fraction * s, params, step)
