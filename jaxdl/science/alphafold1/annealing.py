"""Simulated annealing of torsions: what gradient descent is compared with."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold1.descent import Descent, Energy, choose


class Schedule(NamedTuple):
    """How it cools; all go from the first to the last value as a geometric series.

    Attributes:
      hottest: temperature at first, in the unit of the energy.
      coldest: temperature at last.
      widest: standard deviation of a turn at first, in radians.
      narrowest: at last.
    """

    hottest: float = 1000.0
    coldest: float = 1.0
    widest: float = 1.0
    narrowest: float = 0.05


SCHEDULE = Schedule()


class _Walk(NamedTuple):
    at: Descent
    best: Descent


def anneal(
    key: jax.Array,
    energy: Energy,
    start: jax.Array,
    mask: jax.Array,
    evaluations: int,
    *,
    schedule: Schedule = SCHEDULE,
) -> Descent:
    """Anneals a chain: one residue turns, and keeps its turn by Metropolis' rule.

    Args:
      key: of all turns.
      energy: torsions -> scalar. Each step asks for it once, and for no gradient.
      start: [N, 2] torsions.
      mask: [N] residues that there are.
      evaluations: of the energy.
      schedule: of temperatures and turns.

    Returns:
      The lowest point that was seen.

    Reference: Kirkpatrick, Gelatt & Vecchi 1983.
    """

    def step(walk, now):
        key, share = now
        which_key, turn_key, luck_key = jax.random.split(key, 3)
        temperature = schedule.hottest * (schedule.coldest / schedule.hottest) ** share
        width = schedule.widest * (schedule.narrowest / schedule.widest) ** share
        residue = jax.random.categorical(which_key, jnp.log(mask))
        x = walk.at.x.at[residue].add(width * jax.random.normal(turn_key, (2,)))
        trial = Descent(x, energy(x))
        rise = trial.value - walk.at.value
        accepted = -temperature * jnp.log(jax.random.uniform(luck_key)) > rise
        at = choose(accepted, trial, walk.at)
        return _Walk(at, choose(at.value < walk.best.value, at, walk.best)), ()

    first = Descent(start, energy(start))
    steps = evaluations - 1
    shares = jnp.arange(steps) / max(steps - 1, 1)
    end, _ = jax.lax.scan(step, _Walk(first, first), (jax.random.split(key, steps), shares))
    return end.best
