"""Ways to find the constants of one machine: gradients, Gauss-Newton steps, CMA-ES, and chance.

All minimize the mean square of residuals over P logarithms, and say how many simulations a step of
theirs takes, so that they can be compared after equally many.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics
from jaxdl.ops import cma_es
from jaxdl.sim2real.prediction import (
    Derivative,
    Error,
    residuals_and_jacobian,
    value_and_gradient,
)

# key, x [P], memory, residuals of x -> x [P], memory, metrics: `loss` and the search's own
Improve = Callable[[jax.Array, jax.Array, Any, Error], tuple[jax.Array, Any, Metrics]]

REVERSE_COST = 4  # of a gradient in runs of the function (Griewank & Walther 2008, chapter 4)


class Search(NamedTuple):
    """Finds the least residuals of one machine.

    Attributes:
      begin: x [P] -> the memory that a search keeps beside x.
      improve: takes one step.
      simulations: P -> runs of the simulation in a step; one with its derivative along a direction
        counts as two.
    """

    begin: Callable[[jax.Array], Any]
    improve: Improve
    simulations: Callable[[int], int]


def gradient_search(
    tx: optax.GradientTransformation, *, derivative: Derivative = "forward"
) -> Search:
    """Follows the gradient through the simulation.

    Args:
      tx: the optimizer.
      derivative: how the gradient is taken: along P directions at once, or backward.
    """

    def improve(key, x, memory, error):
        del key
        loss, gradient = value_and_gradient(error, x, derivative)
        updates, memory = tx.update(gradient, memory, x)
        norm = jnp.linalg.norm(gradient)
        return optax.apply_updates(x, updates), memory, {"loss": loss, "gradient_norm": norm}

    simulations = (lambda p: 1 + p) if derivative == "forward" else (lambda p: REVERSE_COST)
    return Search(tx.init, improve, simulations)


def gauss_newton_search(*, damping: float = 1e-3, factor: float = 4.0) -> Search:
    """Solves for the residuals' least squares as if they were linear, with a damping that adapts.

    Levenberg and Marquardt's method (Nocedal & Wright 2006, section 10.3; Marquardt 1963): a step
    that does not lessen the loss is not taken, and the next one is damped more.

    Args:
      damping: lambda at first, in units of each diagonal entry of J^T J.
      factor: on the damping after a step that failed; its root divides it after one that did not.
    """

    def improve(key, x, memory, error):
        del key
        r, jacobian = residuals_and_jacobian(error, x)
        normal = jnp.matmul(jacobian.T, jacobian, precision="highest")
        slope = jnp.matmul(jacobian.T, r, precision="highest")
        diagonal = jnp.maximum(jnp.diag(normal), 1e-9 * jnp.max(jnp.diag(normal)) + 1e-30)
        step = -jnp.linalg.solve(normal + memory * jnp.diag(diagonal), slope)
        loss = jnp.mean(r**2)
        is_better = jnp.mean(error(x + step) ** 2) < loss  # false where it is not a number
        memory = jnp.clip(jnp.where(is_better, memory / factor**0.5, memory * factor), 1e-7, 1e7)
        return jnp.where(is_better, x + step, x), memory, {"loss": loss, "damping": memory}

    begin = lambda x: jnp.asarray(damping, x.dtype)  # noqa: E731
    return Search(begin, improve, lambda p: 2 + p)


def evolution_search(
    dimensions: int, *, step_size: float = 0.3, population: int | None = None
) -> Search:
    """Asks and tells a population by CMA-ES (Hansen 2016); its mean is the estimate.

    Args:
      dimensions: P.
      step_size: sigma at first.
      population: N; by default 4 + floor(3 ln P).
    """
    strategy = cma_es(dimensions, population=population)
    size = jax.eval_shape(
        lambda key: strategy.ask(key, strategy.init(jnp.zeros(dimensions), 1.0)), jax.random.key(0)
    ).shape[0]

    def improve(key, x, memory, error):
        del x
        points = strategy.ask(key, memory)
        losses = jax.vmap(lambda point: jnp.mean(error(point) ** 2))(points)
        memory = strategy.tell(memory, points, losses)
        best = jnp.min(jnp.where(jnp.isnan(losses), jnp.inf, losses))
        return memory.mean, memory, {"loss": best, "step_size": memory.step_size}

    return Search(lambda x: strategy.init(x, step_size), improve, lambda p: size)


def random_search(*, reach: float, candidates: int = 8) -> Search:
    """Draws points evenly around the start, and keeps the best so far.

    Args:
      reach: how far they are from the start along each axis at most.
      candidates: N of a step; the best so far is simulated once more on its windows.
    """

    def improve(key, x, start, error):
        drawn = jax.random.uniform(key, (candidates, len(x)), x.dtype, -reach, reach)
        points = jnp.concatenate([x[None], start + drawn])
        losses = jax.vmap(lambda point: jnp.mean(error(point) ** 2))(points)
        best = jnp.argmin(jnp.where(jnp.isnan(losses), jnp.inf, losses))
        return points[best], start, {"loss": losses[best]}

    return Search(lambda x: x, improve, lambda p: candidates + 1)
