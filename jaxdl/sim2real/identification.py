"""System identification: the simulation's constants become those of recorded trajectories.

The first of the ways from simulation to the world: make the simulation more like it. H machines,
each of physics of its own, are identified side by side, so that one run has an interval.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Evaluate, Learner, TrainState
from jaxdl.sim2real.machines import Machine, all_factors
from jaxdl.sim2real.prediction import residuals
from jaxdl.sim2real.records import Windows
from jaxdl.sim2real.searches import Search


def identification(
    machine: Machine,
    search: Search,
    *,
    names: Sequence[str],
    start: np.ndarray,
    score: Evaluate | None = None,
) -> Learner:
    """Fits physics constants until simulated windows of a record are like the recorded ones.

    Args:
      machine: the simulation.
      search: how they are fitted, by gradients or without.
      names: of the P constants that are unknown; the others are the nominal ones.
      start: [H, P] logarithms of their factors that are believed at first.
      score: evaluates the fit.

    Returns:
      A learner of batches of `Windows` [B, H, ...], of which the driver splits B over devices: so
      all points of a population are simulated by all of them. Its parameters are {"log_factors"}
      [H, P]. Its metrics are means over machines of the search's own, among them `loss`, the mean
      squared residual, and `estimate/<name>`, the factor of the first machine.
    """

    def init(key):
        del key
        log_factors = jnp.asarray(start, jnp.float32)
        return TrainState({"log_factors": log_factors}, jax.vmap(search.begin)(log_factors))

    def improve(key, x, memory, parts):
        def error(x):
            return residuals(machine, all_factors(machine, names, x), parts)

        return search.improve(key, x, memory, error)

    def step(key, state, batch):
        x = state.params["log_factors"]
        keys = jax.random.split(key, len(x))
        mapped = jax.vmap(improve, in_axes=(0, 0, 0, 1))
        x, memory, metrics = mapped(keys, x, state.opt_state, Windows(*batch))
        means = {name: jnp.mean(values) for name, values in metrics.items()}
        factors = {f"estimate/{name}": jnp.exp(x[0, place]) for place, name in enumerate(names)}
        return TrainState({"log_factors": x}, memory), means | factors

    return Learner(init, step) if score is None else Learner(init, step, score)
