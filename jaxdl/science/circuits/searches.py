"""Ways to find sizes: by chance, by evolution, by cross-entropy, and along gradients.

All simulate designs and say how many simulations that was worth, so that they can be compared by
how many they need. BagNet, which lets a net choose what is simulated, is in `bagnet.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics
from jaxdl.science.circuits.task import Trial

Bench = Callable[[jax.Array], Trial]  # points [N, D] -> designs that were simulated [N, ...]

GRADIENT_COST = 4  # of a gradient in simulations (Griewank & Walther 2008, chapter 4: at most)


class Search(NamedTuple):
    """Chooses what is simulated.

    Attributes:
      begin: key, bench -> memory, the designs [N, ...] that were simulated for it, or None.
      improve: key, memory, bench -> memory, the designs [N, ...] of this step, metrics.
      cost: of one of its designs, in simulations.
    """

    begin: Callable[[jax.Array, Bench], tuple[Any, Trial | None]]
    improve: Callable[[jax.Array, Any, Bench], tuple[Any, Trial, Metrics]]
    cost: int = 1


class Distribution(NamedTuple):
    """What cross-entropy knows.

    Attributes:
      mean: [D].
      deviation: [D].
    """

    mean: jax.Array
    deviation: jax.Array


class Descent(NamedTuple):
    """C designs that follow their gradients.

    Attributes:
      points: [C, D].
      opt_state: of each, leaves [C, ...].
      age: [C] int32 steps since its beginning.
    """

    points: jax.Array
    opt_state: Any
    age: jax.Array


def random_search(dimensions: int, *, population: int = 16) -> Search:
    """Draws all designs evenly.

    Args:
      dimensions: D.
      population: N of a step.
    """

    def improve(key, memory, bench):
        points = jax.random.uniform(key, (population, dimensions))
        return points, bench(points), {}

    return Search(lambda key, bench: improve(key, (), bench)[:2], improve)


def evolution_search(
    dimensions: int,
    *,
    first: int = 100,
    offspring: int = 5,
    crossover: float = 0.6,
    reach: float = 0.1,
) -> Search:
    """Keeps the best designs, and tries children of theirs: BagNet's baseline (section V).

    Args:
      dimensions: D.
      first: K, designs that are drawn evenly at first; as many are kept.
      offspring: N of a step.
      crossover: share of children that have two parents; the others are mutated.
      reach: deviation of a mutation.
    """

    def improve(key, kept, bench):
        points = breed(key, kept, offspring, crossover=crossover, reach=reach)
        trial = bench(points)
        return replace_worst(kept, trial), trial, {}

    return Search(partial(draw_first, first, dimensions), improve)


def cem_search(
    dimensions: int, *, population: int = 16, elites: int = 4, smoothing: float = 0.3
) -> Search:
    """Draws from a normal distribution that moves to the best of them (de Boer et al. 2005).

    Args:
      dimensions: D.
      population: N of a step.
      elites: how many of them it is fitted to.
      smoothing: share of the old distribution that stays (remark 3.3 there).
    """

    def improve(key, memory, bench):
        noise = jax.random.normal(key, (population, dimensions))
        points = jnp.clip(memory.mean + memory.deviation * noise, 0.0, 1.0)
        trial = bench(points)
        chosen = points[jnp.argsort(trial.total)[:elites]]
        mix = lambda old, new: smoothing * old + (1 - smoothing) * new  # noqa: E731
        mean = mix(memory.mean, jnp.mean(chosen, axis=0))
        deviation = mix(memory.deviation, jnp.std(chosen, axis=0) + 0.01)
        return Distribution(mean, deviation), trial, {"deviation": jnp.mean(deviation)}

    def begin(key, bench):
        even = Distribution(jnp.full(dimensions, 0.5), jnp.full(dimensions, 12**-0.5))
        return improve(key, even, bench)[:2]

    return Search(begin, improve)


def gradient_search(
    dimensions: int, tx: optax.GradientTransformation, *, chains: int = 4, patience: int = 30
) -> Search:
    """Descends the shortfall through the simulator, from several starts side by side.

    Args:
      dimensions: D.
      tx: the optimizer.
      chains: C designs of a step.
      patience: steps after which a chain begins anew, from a point that is drawn evenly.
    """

    def start(key):
        points = jax.random.uniform(key, (chains, dimensions))
        return Descent(points, jax.vmap(tx.init)(points), jnp.zeros(chains, jnp.int32))

    def improve(key, memory, bench):
        def loss(points):
            trial = bench(points)
            return jnp.sum(trial.total), trial

        slopes, trial = jax.grad(loss, has_aux=True)(memory.points)  # a design's own, [C, D]
        updates, opt_state = jax.vmap(tx.update)(slopes, memory.opt_state, memory.points)
        points = jnp.clip(memory.points + updates, 0.0, 1.0)
        moved = Descent(points, opt_state, memory.age + 1)
        memory = _where(moved.age >= patience, start(key), moved)
        norms = jnp.linalg.norm(slopes, axis=1)
        return memory, trial, {"gradient_norm": jnp.mean(norms), "flat": jnp.mean(norms == 0)}

    return Search(lambda key, bench: (start(key), None), improve, GRADIENT_COST)


def breed(
    key: jax.Array, parents: Trial, number: int, *, crossover: float, reach: float
) -> jax.Array:
    """Makes children of designs: a blend of two, or one that is mutated.

    Args:
      key: of all chance.
      parents: K designs.
      number: N.
      crossover: share of those that have two parents.
      reach: deviation of a mutation.

    Returns:
      [N, D] within 0 and 1.
    """
    pick_key, cross_key, blend_key, noise_key, gene_key = jax.random.split(key, 5)
    size, dimensions = parents.points.shape
    # Of three that are drawn the best is a parent: a tournament.
    drawn = jax.random.randint(pick_key, (number, 2, 3), 0, size)
    best = jnp.argmin(parents.total[drawn], axis=-1)
    chosen = jnp.take_along_axis(drawn, best[..., None], axis=-1)[..., 0]  # [N, 2]
    one, other = parents.points[chosen[:, 0]], parents.points[chosen[:, 1]]
    blend = jax.random.uniform(blend_key, (number, dimensions), minval=-0.25, maxval=1.25)
    moves = reach * jax.random.normal(noise_key, (number, dimensions))
    mutated = one + moves * jax.random.bernoulli(gene_key, 0.5, moves.shape)
    is_crossed = jax.random.bernoulli(cross_key, crossover, (number, 1))
    return jnp.clip(jnp.where(is_crossed, one + blend * (other - one), mutated), 0.0, 1.0)


def keep_best(designs: Trial, number: int) -> Trial:
    """The best of N designs, from best to worst."""
    order = jnp.argsort(designs.total)[:number]
    return jax.tree.map(lambda x: x[order], designs)


def replace_worst(kept: Trial, added: Trial) -> Trial:
    """The best K of K designs and others."""
    every = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), kept, added)
    return keep_best(every, kept.total.shape[0])


def draw_first(first: int, dimensions: int, key: jax.Array, bench: Bench) -> tuple[Trial, Trial]:
    """Simulates the first designs, drawn evenly: the same from best to worst, and as drawn."""
    trial = bench(jax.random.uniform(key, (first, dimensions)))
    return keep_best(trial, first), trial


def _where(chosen: jax.Array, one: Any, other: Any) -> Any:
    """Picks rows by [C] bool from two trees of leaves [C, ...]."""
    pick = lambda x, y: jnp.where(chosen.reshape(-1, *[1] * (x.ndim - 1)), x, y)  # noqa: E731
    return jax.tree.map(pick, one, other)
