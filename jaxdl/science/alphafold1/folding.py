"""Folding: descents of a potential from many starts side by side, in rounds (Senior et al. 2020).

The first starts are drawn from what torsions may be. Each later one is one of the best chains so
far with noise in all torsions, or, one time in ten, is drawn afresh (Methods, "Structure
realization by gradient descent"; the paper has a pool of 20 and noise of 30 degrees).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold1.annealing import SCHEDULE, Schedule, anneal
from jaxdl.science.alphafold1.descent import Descend, Descent, lbfgs
from jaxdl.science.alphafold1.potential import Potential, energy

NOISE = math.radians(30)
AFRESH = 0.1  # of the starts of later rounds

DrawStarts = Callable[[jax.Array, int], jax.Array]  # key, count -> torsions [count, N, 2]


class Folded(NamedTuple):
    """What a folding has found, the lowest energy first.

    Attributes:
      torsions: [P, N, 2] of the pool.
      energies: [P] in nats.
      history: [rounds, S] energies at the ends of all descents, in the order of their starts.
      ends: [rounds, S, N, 2] their torsions.
    """

    torsions: jax.Array
    energies: jax.Array
    history: jax.Array
    ends: jax.Array


def fold(
    key: jax.Array,
    potential: Potential,
    draw: DrawStarts,
    *,
    descend: Descend | None = None,
    starts: int = 8,
    rounds: int = 4,
    evaluations: int = 300,
    pool: int = 20,
) -> Folded:
    """Folds a chain by gradient descent.

    Args:
      key: of all starts.
      potential: of the chain.
      draw: draws torsions to start from.
      descend: by L-BFGS if not given.
      starts: S descents side by side.
      rounds: of restarts.
      evaluations: of the energy with its gradient, in each descent.
      pool: P chains that are kept; no more than there are descents.

    Returns:
      A Folded, at the cost of S * rounds * evaluations values with gradients.
    """
    descend = descend or lbfgs()
    size = min(pool, starts * rounds)

    def round_of(best, now):
        key, number = now
        first = _restart(key, best, draw, starts, number)
        ends = jax.vmap(lambda x: descend(lambda t: energy(potential, t), x, evaluations))(first)
        return _keep_best(best, ends, size), ends

    nothing = Descent(
        jnp.zeros((size, *potential.torsions.mean.shape)), jnp.full(size, jnp.inf, jnp.float32)
    )
    keys = jax.random.split(key, rounds)
    best, ends = jax.lax.scan(round_of, nothing, (keys, jnp.arange(rounds)))
    return Folded(best.x, best.value, ends.value, ends.x)


def fold_by_annealing(
    key: jax.Array,
    potential: Potential,
    draw: DrawStarts,
    *,
    starts: int,
    evaluations: int,
    schedule: Schedule = SCHEDULE,
) -> Folded:
    """Folds a chain by simulated annealing from S starts side by side, without gradients.

    Args:
      key: of starts and moves.
      potential: of the chain.
      draw: draws torsions to start from.
      starts: S.
      evaluations: of the energy, in each.
      schedule: how it cools.

    Returns:
      A Folded of one round and a pool of all, at the cost of S * evaluations energies.
    """
    draw_key, walk_key = jax.random.split(key)

    def walk(key, start):
        move = lambda t: energy(potential, t)  # noqa: E731
        return anneal(key, move, start, potential.mask, evaluations, schedule=schedule)

    ends = jax.vmap(walk)(jax.random.split(walk_key, starts), draw(draw_key, starts))
    order = jnp.argsort(ends.value)
    return Folded(ends.x[order], ends.value[order], ends.value[None], ends.x[None])


def _restart(
    key: jax.Array, best: Descent, draw: DrawStarts, starts: int, number: jax.Array
) -> jax.Array:
    """Draws the starts of a round; those of the first are all fresh."""
    draw_key, pick_key, noise_key, fresh_key = jax.random.split(key, 4)
    fresh = draw(draw_key, starts)
    found = jnp.sum(jnp.isfinite(best.value))
    place = jax.random.randint(pick_key, (starts,), 0, jnp.maximum(found, 1))
    near = best.x[place] + NOISE * jax.random.normal(noise_key, fresh.shape)
    is_fresh = (number == 0) | (jax.random.uniform(fresh_key, (starts,)) < AFRESH)
    return jnp.where(is_fresh[:, None, None], fresh, near)


def _keep_best(best: Descent, ends: Descent, size: int) -> Descent:
    both = jax.tree.map(lambda *x: jnp.concatenate(x), best, ends)
    order = jnp.argsort(both.value)[:size]
    return jax.tree.map(lambda x: x[order], both)
