import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from jaxdl.ops import minimize


def quadratic(condition):
    """A bowl of this condition number in 12 dimensions, and its lowest point."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    matrix = jnp.asarray(basis @ np.diag(np.geomspace(1, condition, 12)) @ basis.T, jnp.float32)
    lowest = jnp.asarray(rng.normal(size=12), jnp.float32)
    return jax.value_and_grad(lambda x: (x - lowest) @ matrix @ (x - lowest) / 2), lowest


@pytest.mark.parametrize("condition", [1.0, 100.0])
def test_finds_the_bottom_of_a_bowl(condition):
    bowl, lowest = quadratic(condition)
    found = jax.jit(lambda: minimize(bowl, jnp.zeros(12), tolerance=1e-5))()
    np.testing.assert_allclose(found.x, lowest, atol=1e-3)
    assert found.iterations < 60
    if condition == 1.0:  # the second direction already points to the bottom
        assert found.iterations <= 4


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_agrees_with_scipy_in_double_precision():
    with jax.enable_x64(True):
        start = jnp.full(4, 0.7)
        both = jax.jit(jax.value_and_grad(rosenbrock))
        found = jax.jit(lambda x: minimize(both, x, iterations=500, tolerance=1e-9))(start)
        theirs = scipy.optimize.minimize(
            lambda x: tuple(np.asarray(y) for y in both(x)), start, jac=True, method="L-BFGS-B"
        )
        assert float(found.value) <= theirs.fun
        np.testing.assert_allclose(np.asarray(found.x), np.ones(4), atol=1e-7)


def test_ends_where_rounding_or_the_number_of_iterations_ends_it():
    bowl, lowest = quadratic(100.0)
    few = jax.jit(lambda: minimize(bowl, jnp.zeros(12), iterations=3))()
    assert few.iterations == 3
    values = [bowl(jnp.zeros(12))[0], few.value, bowl(lowest)[0]]
    assert values == sorted(values, reverse=True)
    exact = jax.jit(lambda: minimize(bowl, jnp.zeros(12), iterations=10_000, tolerance=0.0))()
    assert exact.iterations < 1000  # float32 cannot reach a gradient of 0
    np.testing.assert_allclose(exact.x, lowest, atol=1e-4)
    still = jax.jit(lambda: minimize(bowl, lowest, tolerance=1e-3))()
    assert still.iterations == 0


def test_a_step_that_cannot_descend_is_given_up():
    calls = lambda x: (jnp.abs(x).sum(), -jnp.sign(x))  # noqa: E731 - the gradient points uphill
    start = jnp.ones(2)
    found = jax.jit(lambda: minimize(calls, start))()
    np.testing.assert_array_equal(found.x, start)
    assert found.iterations == 0


def test_many_minimizations_side_by_side_are_the_single_ones():
    starts = jnp.stack([jnp.full(3, 0.5), jnp.full(3, 0.9)])
    solve = lambda x: minimize(jax.value_and_grad(rosenbrock), x, iterations=40)  # noqa: E731
    both = jax.jit(jax.vmap(solve))(starts)
    for i in range(2):
        alone = jax.jit(solve)(starts[i])
        np.testing.assert_allclose(both.value[i], alone.value, atol=1e-4)
