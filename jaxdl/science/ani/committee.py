"""Query by committee: the molecules that nets disagree about are labeled next (Smith et al. 2018).

Less is more, arXiv 1801.09319. The pool's energies and forces are all known here; a round of
learning sees those that were chosen, and the next round chooses more.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner
from jaxdl.science.ani.aev import AEVParameters
from jaxdl.science.ani.molecules import Molecules, take
from jaxdl.science.ani.network import Params, committee_energy_and_forces

Rule = Literal["committee", "random"]


class Labels(NamedTuple):
    """Which molecules of a pool have labels, R at most, in K rounds.

    Attributes:
      rows: [R] int32; those from `count` on mean nothing.
      count: int32 scalar.
      curve: [K, 3] labels, and errors of energies (kcal/mol) and forces (kcal/mol/Angstrom) of the
        rounds so far; 0 where there was none.
    """

    rows: jax.Array
    count: jax.Array
    curve: jax.Array


def learn_labeled(
    learner: Learner, pool: Callable[[], Molecules], *, batch_size: int, most: int, rounds: int
) -> Learner:
    """Has a learner draw its batches from the labeled molecules of a pool.

    Args:
      learner: of `ani`.
      pool: () -> molecules [N, ...].
      batch_size: B, with replacement.
      most: R.
      rounds: K.

    Returns:
      A learner that makes its own data. Its `extra` is `Labels`; at first the pool's first
      molecules are labeled.
    """

    def init(key):
        state = learner.init(key)
        curve = jnp.zeros((rounds, 3))
        return state._replace(extra=Labels(jnp.arange(most), jnp.int32(most), curve))

    def step(key, state, batch):
        del batch
        draw_key, step_key = jax.random.split(key)
        labels = Labels(*state.extra)
        places = jax.random.randint(draw_key, (batch_size,), 0, labels.count)
        molecules = jax.tree.map(jnp.asarray, pool())
        return learner.step(step_key, state, take(molecules, labels.rows[places]))

    def evaluate(key, state):
        found = learner.evaluate(key, state)
        labels = Labels(*state.extra)
        now = jnp.stack([labels.count.astype(jnp.float32), found["energy_mae"], found["force_mae"]])
        before = jnp.sum((labels.curve[:, 0] > 0) & (labels.curve[:, 0] < now[0]))
        return found | {"labels": now[0], "selection": labels.curve.at[before].set(now)}

    return Learner(init, step, evaluate)


def disagreement(
    params: Params, species: np.ndarray, molecules: Molecules, parameters: AEVParameters
) -> jax.Array:
    """Returns how much a committee disagrees about N molecules, [N], eV.

    It is the standard deviation of the energies over members, over the root of the number of atoms
    (Smith et al. 2018, equation 2).
    """

    def judge(x):
        energies, _ = committee_energy_and_forces(params, species, *x, parameters)
        return jnp.std(energies, ddof=1) / jnp.sqrt(jnp.sum(x[1]))

    inputs = jnp.asarray(molecules.coordinates), jnp.asarray(molecules.mask)
    return jax.lax.map(judge, inputs, batch_size=min(32, len(inputs[0])))


def choose_rows(
    rule: Rule, scores: np.ndarray, labeled: np.ndarray, count: int, *, seed: tuple[int, ...]
) -> np.ndarray:
    """Chooses which molecules are labeled next.

    Args:
      rule: those of the highest scores, or any.
      scores: [N] of the pool.
      labeled: rows that have labels.
      count: how many more.
      seed: of the random ones.

    Returns:
      [count] rows, none of which has a label.
    """
    free = np.setdiff1d(np.arange(len(scores)), labeled)
    if rule == "random":
        return np.random.default_rng(seed).permutation(free)[:count]
    return free[np.argsort(-np.asarray(scores)[free], kind="stable")[:count]]


def label_factor(
    curves: Mapping[str, np.ndarray], better: str, other: str
) -> tuple[np.ndarray, np.ndarray]:
    """Tells with how many times fewer labels one rule reaches the other's last error.

    Args:
      curves: rule -> [S, K, 2] labels and an error, of S seeds.
      better: the rule.
      other: the one beside it.

    Returns:
      [S] factors, by lines through logarithms of both; where the error is not reached, the factor
      is below 1: the errors' ratio at the last round. And [S] bool, whether it was reached.
    """
    goal = curves[other][:, -1]  # [S, 2]
    factors, reached = [], []
    for line, (labels, error) in zip(curves[better], goal, strict=True):
        under = np.flatnonzero(line[:, 1] <= error)
        reached.append(bool(len(under)))
        if not len(under):
            factors.append(error / line[-1, 1])
        elif under[0] == 0:
            factors.append(labels / line[0, 0])
        else:
            (x0, y0), (x1, y1) = np.log(line[under[0] - 1 : under[0] + 1])
            share = (y0 - np.log(error)) / (y0 - y1)
            factors.append(labels / np.exp(x0 + share * (x1 - x0)))
    return np.array(factors), np.array(reached)
