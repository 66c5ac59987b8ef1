"""What an identification is judged by: trajectories that are held out, and the true constants."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Evaluate
from jaxdl.sim2real.machines import Machine, all_factors
from jaxdl.sim2real.prediction import (
    fisher_information,
    misses,
    predict,
    recorded_states,
    residuals,
)
from jaxdl.sim2real.records import Windows

SHOWN = 4  # held-out windows that are kept for the report
MOST_CONDITION = 1e7  # of a matrix of float32, beyond which nothing can be told


class Truth(NamedTuple):
    """Holds what an identification is judged by.

    Attributes:
      held_out: windows [N, H, ...], which nothing was learned from, as exact as they are known.
      learned: windows [N, H, ...] that were learned from, for the Fisher information.
      log_factors: [H, C] of the true constants; None where nobody knows them.
    """

    held_out: Windows
    learned: Windows
    log_factors: np.ndarray | None


def identification_score(
    machine: Machine, *, names: Sequence[str], start: np.ndarray, read: Callable[[], Truth]
) -> Evaluate:
    """Makes an evaluation on held-out trajectories, and by the true constants where they are known.

    Args:
      machine: the simulation.
      names: of the P constants that are fitted.
      start: [H, P] logarithms of the factors that were believed at first: the nominal model.
      read: () -> what the fit is judged by; called when the evaluation is traced.

    Returns:
      key, state -> metrics, means over machines. `held_out_error` and `nominal_error` are root mean
      squared residuals of the held-out windows by the identified and the nominal model, and
      `times_better` the one over the other (its geometric mean). `condition` is the condition
      number of the Fisher information on the fitted constants (likewise). Where the truth is known,
      `true_error` is that of the true constants, `parameter_error` the mean of |estimate / truth -
      1|, `nominal_parameter_error` that of the start. The arrays beside them are by machine, or of
      the first one: see `jaxdl.sim2real.identified_exhibits`.
    """
    places = np.array([machine.constants.index(name) for name in names])
    expand = jax.vmap(partial(all_factors, machine, names))

    def evaluate(key, state):
        del key
        truth = jax.tree.map(jnp.asarray, read())
        x, first = state.params["log_factors"], jnp.asarray(start, jnp.float32)
        factors = {"nominal": expand(first), "held_out": expand(x)}
        if truth.log_factors is not None:
            factors["true"] = jnp.exp(jnp.asarray(truth.log_factors, jnp.float32))
        made = _simulate(machine, jnp.stack(list(factors.values())), truth.held_out)
        measure = jax.vmap(jax.vmap(_error, in_axes=(0, 1)), in_axes=(0, None))
        errors = dict(zip(factors, measure(made, truth.held_out), strict=True))
        fisher = jax.vmap(partial(_information, machine), in_axes=(0, 1))(
            factors["held_out"], truth.learned
        )
        gain = jnp.log(errors["nominal"]) - jnp.log(jnp.maximum(errors["held_out"], 1e-9))
        condition = condition_number(fisher[:, places[:, None], places])
        metrics = {f"{name}_error": jnp.mean(error) for name, error in errors.items()}
        metrics |= {"times_better": jnp.exp(jnp.mean(gain))}
        metrics |= {"condition": jnp.exp(jnp.mean(jnp.log(condition)))}
        arrays = {f"{name}_errors": error for name, error in errors.items()}
        arrays |= {"estimates": jnp.exp(x), "start": jnp.exp(first), "fisher": fisher}
        if truth.log_factors is not None:
            fitted = truth.log_factors[:, places]
            off = {"parameter_error": x, "nominal_parameter_error": first}
            off = {name: jnp.abs(jnp.expm1(each - fitted)) for name, each in off.items()}
            metrics |= {name: jnp.mean(each) for name, each in off.items()}
            arrays |= {f"{name}s": each for name, each in off.items()}
            arrays |= {"truth": jnp.exp(fitted)}
        shown = {
            f"predicted_{name}": each[0, :SHOWN] for name, each in zip(factors, made, strict=True)
        }
        recorded = Windows(*(part[:SHOWN, 0] for part in truth.held_out))
        return metrics | arrays | shown | {"recorded": recorded_states(recorded)[:, 1:]}

    return evaluate


def condition_number(matrices: jax.Array) -> jax.Array:
    """Returns the greatest eigenvalue of symmetric matrices [H, P, P] over the least, [H].

    It is 1e7 at most, since float32 knows no more.
    """
    sizes = jnp.linalg.eigvalsh(matrices)
    greatest = jnp.maximum(sizes[:, -1], 1e-30)
    return greatest / jnp.maximum(sizes[:, 0], greatest / MOST_CONDITION)


def _simulate(machine: Machine, factors: jax.Array, parts: Windows) -> jax.Array:
    """All windows of H machines by M models of each: factors [M, H, C] -> [M, H, N, K, 2Q].

    In one program, since physics take long to compile.
    """
    by_window = jax.vmap(partial(predict, machine), in_axes=(None, 0))
    by_machine = jax.vmap(by_window, in_axes=(0, 1))
    return jax.vmap(by_machine, in_axes=(0, None))(factors, parts)


def _error(made: jax.Array, parts: Windows) -> jax.Array:
    """The root mean squared residual of one machine: a scalar."""
    return jnp.sqrt(jnp.mean(misses(made, parts) ** 2))


def _information(machine: Machine, factors: jax.Array, parts: Windows) -> jax.Array:
    """The Fisher information [C, C] on the logarithms of all constants of one machine."""
    error = lambda x: residuals(machine, factors * jnp.exp(x), parts)  # noqa: E731
    return fisher_information(error, jnp.zeros_like(factors))
