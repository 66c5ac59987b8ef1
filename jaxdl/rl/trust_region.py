"""The local model of a trust region: Fisher products, and steps of the length that it allows."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.ops.linear import Matvec

PolicyOf = Callable[[Any], Any]  # params -> policy, leaves [...]
Divergence = Callable[[Any, Any], jax.Array]  # policy, other policy -> KL(policy || other) [...]


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
