"""The trade-off of lambda: learners that differ in it alone, side by side: Schulman et al. 2016."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Mean, Metrics, TrainState
from jaxdl.core.run import BadInput

AXES = TrainState(params=0, opt_state=0, actors=1, extra=0)  # worlds come first: devices split them
RETURN = "episode_return/"  # before a lambda, the name of its metric
NEAR = (0.9, 0.99)  # the intermediate values that the paper recommends, figures 2 and 3


def lambda_tradeoff(
    make: Callable[[jax.Array], Learner], lambdas: Sequence[float], *, kept: float = 0.95
) -> Learner:
    """Trains one learner for each lambda in one program, from the same nets, with the same chance.

    Args:
      make: lambda, a float32 scalar that may be traced -> a learner.
      lambdas: K different ones.
      kept: the one whose return is the headline; the nearest of them counts.

    Returns:
      A learner whose state has leaves [K, ...], those of its actors [E, K, ...]. Its step reports
      `episode_return/<lambda>`, and means over the lambdas of all else. Its evaluation reports the
      metrics of the lambda that is kept, `episode_return/<lambda>`, `gain`, which is how much the
      lambdas within 0.9 and 0.99 earn on average beyond the better one of the smallest and the
      largest, and the array `returns` [K].

    Raises:
      BadInput: none of the lambdas lies within 0.9 and 0.99, or between two others.
    """
    check_lambdas(lambdas)
    values = jnp.asarray(lambdas, jnp.float32)
    names = [f"{RETURN}{value:g}" for value in lambdas]
    is_near = jnp.array([NEAR[0] <= value <= NEAR[1] for value in lambdas])

    def init(key):
        return jax.vmap(lambda value: make(value).init(key), out_axes=AXES)(values)

    def step(key, state, batch):
        def step_one(value, state):
            return make(value).step(key, state, batch)

        each = jax.vmap(step_one, in_axes=(0, AXES), out_axes=(AXES, 0))
        state, metrics = each(values, state)
        returns = metrics.pop("episode_return")
        summary: Metrics = jax.tree.map(jnp.mean, metrics)
        apart = zip(names, map(Mean, *returns), strict=True)
        return state, summary | dict(apart)

    def evaluate(key, state):
        def evaluate_one(value, state):
            return make(value).evaluate(key, state)

        metrics = jax.vmap(evaluate_one, in_axes=(0, AXES))(values, state)
        returns = metrics["episode_return"]
        ends = jnp.maximum(returns[jnp.argmin(values)], returns[jnp.argmax(values)])
        gain = jnp.mean(returns, where=is_near) - ends
        headline = {name: metric[nearest(lambdas, kept)] for name, metric in metrics.items()}
        apart = {name: returns[i] for i, name in enumerate(names)}
        return headline | apart | {"gain": gain, "returns": returns}

    return Learner(init, step, evaluate)


def check_lambdas(lambdas: Sequence[float]) -> None:
    """Refuses lambdas among which there is nothing to compare.

    Raises:
      BadInput: none lies within 0.9 and 0.99, or between two others.
    """
    near = [value for value in lambdas if NEAR[0] <= value <= NEAR[1]]
    if len(set(lambdas)) < len(lambdas) or not near:
        raise BadInput(f"lambdas={tuple(lambdas)} should differ, one of them within {NEAR}")
    if not min(lambdas) < min(near) <= max(near) < max(lambdas):
        raise BadInput(f"lambdas={tuple(lambdas)} should reach beyond {NEAR} on both sides")


def nearest(lambdas: Sequence[float], kept: float) -> int:
    """Returns the place of the lambda that is nearest to the one to keep."""
    return min(range(len(lambdas)), key=lambda i: abs(lambdas[i] - kept))


def keep_one(state: TrainState, place: int) -> Any:
    """Returns the parameters and the statistics of one lambda, as a state without actors."""
    params, extra = jax.tree.map(lambda x: x[place], (state.params, state.extra))
    return TrainState(params, (), (), extra)
