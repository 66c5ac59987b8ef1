"""Sizing: a search for a feasible design as a learner, whose yardstick is how much it simulates."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.mesh import per_device
from jaxdl.science.circuits.searches import Bench, Search
from jaxdl.science.circuits.task import SizingTask, Trial, attempt, look_at, sizes_at

ROUND = 8  # designs are simulated in multiples of this, so that up to 8 devices share them evenly


class Progress(NamedTuple):
    """What a search has found.

    Attributes:
      simulations: int32, so far.
      first: int32, simulations until the first feasible design; 0 while there is none.
      feasible: [D] that design; before, the best one.
      best: [D] the design of the least shortfall.
      shortfall: of the best.
    """

    simulations: jax.Array
    first: jax.Array
    feasible: jax.Array
    best: jax.Array
    shortfall: jax.Array


def sizing(task: SizingTask, search: Search) -> Learner:
    """Searches for sizes by which a circuit meets its requirements.

    Args:
      task: the circuit and its requirements.
      search: how they are chosen.

    Returns:
      A learner that takes no data; a step is a generation. Its parameters are the search's memory.
      Metrics: `simulations` so far, `best_shortfall`, `shortfall` and `feasible`, means of the
      step's designs, and the search's own. `evaluate` scores the first feasible design, or the
      best one: `simulations` until it was found (all, where none was), `found`, its values and
      `shortfall`; arrays `point` [D], `sizes` [D], `values` [S] and `response_db`,
      `response_degrees` [F].
    """
    bench = make_bench(task)

    def init(key):
        memory, trial = search.begin(key, bench)
        progress = no_progress(len(task.names))
        if trial is not None:
            progress = count(progress, trial, search.cost)
        return TrainState(memory, (), (), progress)

    def step(key, state, batch):
        del batch
        memory, trial, metrics = search.improve(key, state.params, bench)
        progress = count(state.extra, trial, search.cost)
        metrics |= {
            "simulations": progress.simulations.astype(jnp.float32),
            "best_shortfall": progress.shortfall,
            "shortfall": jnp.mean(trial.total),
            "feasible": jnp.mean(trial.total <= 0),
        }
        return state._replace(params=memory, extra=progress), metrics

    def evaluate(key, state):
        del key
        return score(task, state.extra)

    return Learner(init, step, evaluate)


def make_bench(task: SizingTask) -> Bench:
    """Returns points [N, D] -> Trial [N, ...], simulated by all devices together."""
    simulate = per_device(jax.vmap(lambda point: attempt(task, point)))

    def bench(points):
        number = points.shape[0]
        padded = jnp.pad(points, ((0, -number % ROUND), (0, 0)), mode="edge")
        return jax.tree.map(lambda x: x[:number], simulate(padded))

    return bench


def no_progress(dimensions: int) -> Progress:
    """Returns what is known before anything is simulated; a shortfall of 1000 is none."""
    middle = jnp.full(dimensions, 0.5)
    nothing = jnp.int32(0)
    return Progress(nothing, nothing, middle, middle, jnp.float32(1000.0))


def count(progress: Progress, trial: Trial, cost: int) -> Progress:
    """Counts the simulations of N designs, which were made one after the other.

    Args:
      progress: before them.
      trial: leaves [N, ...].
      cost: of a design, in simulations.
    """
    total = trial.total
    best = jnp.argmin(total)
    is_better = total[best] < progress.shortfall
    point = jnp.where(is_better, trial.points[best], progress.best)
    holds = total <= 0
    place = jnp.argmax(holds)
    is_first = jnp.any(holds) & (progress.first == 0)
    first = progress.simulations + cost * (place + 1)
    found = is_first | (progress.first > 0)
    feasible = jnp.where(is_first, trial.points[place], progress.feasible)
    return Progress(
        progress.simulations + cost * total.shape[0],
        jnp.where(is_first, first, progress.first).astype(jnp.int32),
        jnp.where(found, feasible, point),
        point,
        jnp.where(is_better, total[best], progress.shortfall),
    )


def score(task: SizingTask, progress: Progress) -> dict[str, jax.Array]:
    """Simulates the design of a search again: see `sizing`."""
    trial, valid, response = look_at(task, progress.feasible)
    sizes = sizes_at(task, progress.feasible)
    found = progress.first > 0
    spent = jnp.where(found, progress.first, progress.simulations)
    names = [f"value/{requirement.name}" for requirement in task.requirements]
    size = jnp.maximum(jnp.abs(response), 1e-9)
    turns = jnp.angle(response[1:] * jnp.conj(response[:-1]))
    phase = jnp.concatenate([jnp.zeros_like(turns[:1]), jnp.cumsum(turns)])
    return {
        "simulations": spent.astype(jnp.float32),
        "found": found.astype(jnp.float32),
        "valid": valid.astype(jnp.float32),
        "shortfall": trial.total,
        **dict(zip(names, trial.values, strict=True)),
        "point": progress.feasible,
        "sizes": jnp.stack(list(sizes.values())),
        "values": trial.values,
        "response_db": 20 * jnp.log10(size),
        "response_degrees": phase * (180 / math.pi),
    }
