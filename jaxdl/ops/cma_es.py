"""CMA-ES: a population of points that learns the shape of the function it descends (Hansen 2016).

The equations are those of the tutorial, arXiv 1604.00772, with its table 1 of constants, also where
the weights of the worst points are negative.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Evolution(NamedTuple):
    """Where a search by CMA-ES stands, in D dimensions.

    Attributes:
      mean: [D] m, the middle of the population.
      step_size: scalar, sigma.
      covariance: [D, D] C; points vary by sigma^2 C.
      covariance_path: [D] p_c.
      step_path: [D] p_sigma.
      generation: int32 scalar g, populations told so far.
    """

    mean: jax.Array
    step_size: jax.Array
    covariance: jax.Array
    covariance_path: jax.Array
    step_path: jax.Array
    generation: jax.Array


class Strategy(NamedTuple):
    """CMA-ES as three pure functions, of which each may be mapped over several searches.

    Attributes:
      init: mean [D], step size -> Evolution.
      ask: key, Evolution -> points [N, D], the population.
      tell: Evolution, points [N, D], losses [N] -> Evolution. Losses that are not finite count as
        the greatest.
    """

    init: Callable[[jax.Array, jax.Array | float], Evolution]
    ask: Callable[[jax.Array, Evolution], jax.Array]
    tell: Callable[[Evolution, jax.Array, jax.Array], Evolution]


class Constants(NamedTuple):
    """Holds what table 1 of the tutorial makes of D dimensions and N points.

    Attributes:
      weights: [N] w, of the points from best to worst.
      chosen: mu, how many of them are positive.
      mass: mu_eff of these.
      step_rate: c_sigma.
      step_damping: d_sigma.
      path_rate: c_c.
      one_rate: c_1, of the rank-one update.
      many_rate: c_mu, of the rank-mu update.
      usual_length: E||N(0, I)||.
    """

    weights: np.ndarray
    chosen: int
    mass: float
    step_rate: float
    step_damping: float
    path_rate: float
    one_rate: float
    many_rate: float
    usual_length: float


def usual_population(dimensions: int) -> int:
    """Returns 4 + floor(3 ln D), the tutorial's eq. 48."""
    return 4 + int(3 * np.log(dimensions))


def cma_es(dimensions: int, *, population: int | None = None) -> Strategy:
    """Makes the covariance matrix adaptation evolution strategy, to minimize a function.

    Args:
      dimensions: D.
      population: N, at least 2; by default 4 + floor(3 ln D).

    Returns:
      A Strategy. All it computes has the dtype of the mean.
    """
    n = dimensions
    c = constants(n, population or usual_population(n))

    def init(mean, step_size):
        zeros = jnp.zeros_like(mean)
        return Evolution(
            mean=mean,
            step_size=jnp.asarray(step_size, mean.dtype),
            covariance=jnp.eye(n, dtype=mean.dtype),
            covariance_path=zeros,
            step_path=zeros,
            generation=jnp.int32(0),
        )

    def ask(key, evolution):
        basis, scales = axes(evolution.covariance)
        z = jax.random.normal(key, (len(c.weights), n), evolution.mean.dtype)  # eq. 38
        y = jnp.matmul(z * scales, basis.T, precision="highest")  # eq. 39
        return evolution.mean + evolution.step_size * y  # eq. 40

    def tell(evolution, points, losses):
        basis, scales = axes(evolution.covariance)
        whiten = jnp.matmul(basis / scales, basis.T, precision="highest")  # C^(-1/2)
        order = jnp.argsort(jnp.where(jnp.isfinite(losses), losses, jnp.inf))
        y = (points[order] - evolution.mean) / evolution.step_size
        w = jnp.asarray(c.weights, y.dtype)
        ahead = w[: c.chosen] @ y[: c.chosen]  # <y>_w, eq. 41
        mean = evolution.mean + evolution.step_size * ahead  # eq. 42

        push = jnp.sqrt(c.step_rate * (2 - c.step_rate) * c.mass)
        step_path = (1 - c.step_rate) * evolution.step_path + push * (whiten @ ahead)  # eq. 43
        length = jnp.linalg.norm(step_path)
        growth = c.step_rate / c.step_damping * (length / c.usual_length - 1)
        step_size = evolution.step_size * jnp.exp(growth)  # eq. 44

        # The path stalls, by h_sigma, while the step size is still growing fast.
        age = 2 * (evolution.generation + 1)
        expected = jnp.sqrt(1 - (1 - c.step_rate) ** age.astype(y.dtype)) * c.usual_length
        moves = (length < (1.4 + 2 / (n + 1)) * expected).astype(y.dtype)
        push = jnp.sqrt(c.path_rate * (2 - c.path_rate) * c.mass)
        path = (1 - c.path_rate) * evolution.covariance_path + moves * push * ahead  # eq. 45

        far = jnp.sum((y @ whiten) ** 2, axis=1)
        w_safe = jnp.where(w < 0, w * n / jnp.maximum(far, 1e-12), w)  # eq. 46
        stalled = (1 - moves) * c.path_rate * (2 - c.path_rate)
        kept = 1 + c.one_rate * stalled - c.one_rate - c.many_rate * jnp.sum(w)
        rank_mu = jnp.matmul(y.T * w_safe, y, precision="highest")
        covariance = kept * evolution.covariance
        covariance += c.one_rate * jnp.outer(path, path) + c.many_rate * rank_mu  # eq. 47
        return Evolution(mean, step_size, covariance, path, step_path, evolution.generation + 1)

    return Strategy(init, ask, tell)


def constants(dimensions: int, population: int) -> Constants:
    """Computes table 1 of the tutorial: eqs. 49 to 58."""
    n = dimensions
    raw = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))  # eq. 49
    chosen = population // 2
    best, worst = raw[:chosen], raw[chosen:]
    mass, worst_mass = (np.sum(part) ** 2 / np.sum(part**2) for part in (best, worst))
    one_rate = 2 / ((n + 1.3) ** 2 + mass)  # eq. 57
    many_rate = 2 * (1 / 4 + mass + 1 / mass - 2) / ((n + 2) ** 2 + mass)
    many_rate = min(1 - one_rate, many_rate)  # eq. 58
    bounds = (  # eqs. 50 to 52
        1 + one_rate / many_rate,
        1 + 2 * worst_mass / (mass + 2),
        (1 - one_rate - many_rate) / (n * many_rate),
    )
    weights = [best / np.sum(best), min(bounds) * worst / np.sum(np.abs(worst))]  # eq. 53
    step_rate = (mass + 2) / (n + mass + 5)
    too_many = max(0, np.sqrt((mass - 1) / (n + 1)) - 1)
    return Constants(
        weights=np.concatenate(weights),
        chosen=chosen,
        mass=mass,
        step_rate=step_rate,
        step_damping=1 + 2 * too_many + step_rate,  # eq. 55
        path_rate=(4 + mass / n) / (n + 4 + 2 * mass / n),  # eq. 56
        one_rate=one_rate,
        many_rate=many_rate,
        usual_length=math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)),
    )


def axes(covariance: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Splits C = B D^2 B^T into B [D, D] and the diagonal of D [D], which stays above 0."""
    squares, basis = jnp.linalg.eigh((covariance + covariance.T) / 2)
    least = jnp.finfo(squares.dtype).eps * jnp.max(squares)
    return basis, jnp.sqrt(jnp.maximum(squares, least))
