"""CMA-ES against Hansen's own pycma, update by update, and on functions whose minima are known."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import cma_es
from jaxdl.ops.cma_es import Evolution, constants, usual_population

STARTS = {"near": ([0.5, -0.3, 0.8, 0.1], 0.4), "far": ([5.0, -3.0, 8.0, 1.0], 0.05)}


@pytest.mark.parametrize("case", STARTS)
def test_updates_are_those_of_pycma(case):
    """The points are pycma's, drawn and told by `tests/ops/golden/make_cma_es.py`:

    es = cma.CMAEvolutionStrategy(mean, step_size, {"seed": 7, "popsize": 9, ...})
    points = es.ask(); es.tell(points, losses); es.mean, es.sigma, es.sm.C, es.pc, ...
    """
    golden = np.load(Path(__file__).with_name("golden") / "cma_es.npz")
    told = {name.partition("/")[2]: golden[name] for name in golden if name.startswith(case)}
    mean, step_size = STARTS[case]
    with jax.enable_x64(True):
        strategy = cma_es(4, population=9)
        tell = jax.jit(strategy.tell)
        evolution = strategy.init(jnp.array(mean), step_size)
        nearly_one = jnp.diag(jnp.exp(1e-4 / 4 * jnp.arange(4)))  # what pycma begins with
        evolution = evolution._replace(covariance=nearly_one)
        for t in range(len(told["losses"])):
            evolution = tell(evolution, jnp.array(told["points"][t]), jnp.array(told["losses"][t]))
            for name in Evolution._fields[:-1]:
                mine, theirs = getattr(evolution, name), told[name][t]
                np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-8, err_msg=name)
    assert int(evolution.generation) == 10
    # In the second case the covariance's path has stalled, where it only shrinks by 1 - c_c.
    path, rate = told["covariance_path"], constants(4, 9).path_rate
    stalled = [np.allclose(new, (1 - rate) * old) for old, new in zip(path, path[1:], strict=False)]
    assert any(stalled) == (case == "far")


def minimize(function, mean, *, step_size, generations, seed=0, population=None):
    strategy = cma_es(len(mean), population=population)

    def generation(evolution, key):
        points = strategy.ask(key, evolution)
        return strategy.tell(evolution, points, jax.vmap(function)(points)), ()

    def search(key):
        start = strategy.init(jnp.asarray(mean, jnp.float32), step_size)
        return jax.lax.scan(generation, start, jax.random.split(key, generations))[0]

    return jax.jit(search)(jax.random.key(seed))


def quadratic(scale):
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
    matrix = jnp.asarray(turned * scale ** np.linspace(0, 1, 5) @ turned.T, jnp.float32)
    return matrix, lambda x: (x - 0.5) @ matrix @ (x - 0.5)


def test_the_minimum_of_a_quadratic_and_its_shape_are_found():
    matrix, function = quadratic(1e3)
    end = minimize(function, np.zeros(5), step_size=0.5, generations=150)
    np.testing.assert_allclose(end.mean, 0.5, atol=1e-3)
    # The covariance has become the inverse of the curvature, up to a factor.
    product = np.asarray(end.covariance, np.float64) @ np.asarray(matrix, np.float64)
    sizes = np.linalg.eigvals(product).real
    assert sizes.max() / sizes.min() < 30  # of a curvature whose own condition is 1000


def test_the_valley_of_rosenbrock_is_followed():
    def rosenbrock(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    end = minimize(rosenbrock, -np.ones(3), step_size=0.3, generations=250)
    np.testing.assert_allclose(end.mean, 1.0, atol=2e-2)


def test_losses_that_are_not_finite_are_the_worst_ones():
    strategy = cma_es(2, population=6)
    start = strategy.init(jnp.zeros(2), 1.0)
    points = strategy.ask(jax.random.key(0), start)
    losses = jnp.array([3.0, jnp.nan, 1.0, jnp.inf, 2.0, 4.0])
    end = strategy.tell(start, points, losses)
    replaced = strategy.tell(start, points, jnp.array([3.0, 50.0, 1.0, 60.0, 2.0, 4.0]))
    np.testing.assert_allclose(end.mean, replaced.mean, rtol=1e-6)
    assert all(np.isfinite(x).all() for x in end)


def test_several_searches_are_mapped_and_follow_each_its_own_function():
    goals = jnp.array([[0.3, -0.2], [-1.0, 2.0], [0.0, 0.5]])
    strategy = cma_es(2)
    state = jax.vmap(strategy.init, (0, None))(jnp.zeros((3, 2)), 0.5)

    @jax.jit
    def generation(key, state):
        points = jax.vmap(strategy.ask)(jax.random.split(key, 3), state)
        losses = jnp.sum((points - goals[:, None]) ** 2, axis=2)
        return jax.vmap(strategy.tell)(state, points, losses)

    for key in jax.random.split(jax.random.key(1), 60):
        state = generation(key, state)
    np.testing.assert_allclose(state.mean, goals, atol=1e-2)


def test_the_constants_by_hand():
    """Hansen 2016, table 1, for n = 10: its lambda, mu and mu_eff are the usual ones."""
    assert usual_population(10) == 10 and constants(10, 10).chosen == 5
    c = constants(10, 10)
    raw = np.log(5.5) - np.log(np.arange(1, 6))
    np.testing.assert_allclose(c.weights[:5], raw / raw.sum())
    np.testing.assert_allclose(c.mass, 1 / np.sum((raw / raw.sum()) ** 2))
    np.testing.assert_allclose(c.one_rate, 2 / (11.3**2 + c.mass))
    np.testing.assert_allclose(c.usual_length, 3.0845, atol=1e-3)  # n = 10, E||N(0, I)||
    assert np.all(np.diff(c.weights) < 0)
