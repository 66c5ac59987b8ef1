"""How well a simulation predicts recorded trajectories, and how much these tell of its constants.

A window begins at a recorded state, from which the simulation follows the recorded controls by
itself (teacher forcing at the window's start alone). Differences count in units of the deviation of
each coordinate over the windows, so that meters, radians and speeds can be summed.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.sim2real.machines import Machine
from jaxdl.sim2real.records import Windows

LEAST_DEVIATION = 1e-3  # of a coordinate that hardly moves

Derivative = Literal["forward", "reverse"]
Error = Callable[[jax.Array], jax.Array]  # [P] -> residuals [...]


def predict(machine: Machine, factors: jax.Array, window: Windows) -> jax.Array:
    """Simulates a window from its first state.

    Args:
      machine: what moves.
      factors: [C] of its constants.
      window: of one machine, leaves [K + 1, Q], [K + 1, Q] and [K, A].

    Returns:
      [K, 2Q] positions and speeds after each step.
    """

    def step(state, ctrl):
        state = machine.move(*state, ctrl, factors)
        return state, jnp.concatenate(state)

    start = window.qpos[0], window.qvel[0]
    return jax.lax.scan(step, start, window.ctrl)[1]


def residuals(machine: Machine, factors: jax.Array, parts: Windows) -> jax.Array:
    """Returns what simulated windows miss of the recorded ones, in units of their deviations.

    Args:
      machine: what moves.
      factors: [C] of its constants.
      parts: of one machine, leaves [B, K + 1, Q], [B, K + 1, Q] and [B, K, A].

    Returns:
      [B, K, 2Q].
    """
    made = jax.vmap(lambda window: predict(machine, factors, window))(parts)
    return misses(made, parts)


def misses(made: jax.Array, parts: Windows) -> jax.Array:
    """Subtracts recorded states from simulated ones [B, K, 2Q], in units of their deviations."""
    told = recorded_states(parts)
    deviation = jnp.std(told, axis=(0, 1))
    return (made - told[:, 1:]) / jnp.maximum(deviation, LEAST_DEVIATION)


def recorded_states(parts: Windows) -> jax.Array:
    """Returns positions and speeds [B, K + 1, 2Q] of windows of one machine."""
    return jnp.concatenate([parts.qpos, parts.qvel], axis=2)


def value_and_gradient(
    error: Error, x: jax.Array, derivative: Derivative
) -> tuple[jax.Array, jax.Array]:
    """Returns the mean squared residual and its gradient [P].

    Forward mode runs P tangents beside the simulation and stores nothing; it also passes through
    solvers that loop until they have converged, where reverse mode has no rule.
    """

    def loss(x):
        return jnp.mean(error(x) ** 2)

    if derivative == "reverse":
        return jax.value_and_grad(loss)(x)
    tangents = jnp.eye(len(x), dtype=x.dtype)
    along = lambda tangent: jax.jvp(loss, (x,), (tangent,))  # noqa: E731
    return jax.vmap(along, out_axes=(None, 0))(tangents)


def residuals_and_jacobian(error: Error, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns all residuals [R] as one vector, and their Jacobian [R, P], by forward mode."""
    tangents = jnp.eye(len(x), dtype=x.dtype)
    flat = lambda x: error(x).reshape(-1)  # noqa: E731
    along = lambda tangent: jax.jvp(flat, (x,), (tangent,))  # noqa: E731
    return jax.vmap(along, out_axes=(None, 1))(tangents)


def fisher_information(error: Error, x: jax.Array) -> jax.Array:
    """Computes J^T J / R of the residuals at x [P], a matrix [P, P].

    With normal noise of deviation s (in the residuals' units) on R independent residuals, R / s^2
    times this is the Fisher information: its inverse bounds the covariance of any unbiased estimate
    (Cramer & Rao; Ljung 1999, System Identification, section 7.4). A direction in which it is 0
    cannot be told from the record.
    """
    _, jacobian = residuals_and_jacobian(error, x)
    return jnp.matmul(jacobian.T, jacobian, precision="highest") / len(jacobian)
