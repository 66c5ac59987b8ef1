import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import conjugate_gradient

SIZE = 12


def system(rank=SIZE, seed=0):
    """A positive semi-definite matrix of this rank, and a vector in its range."""
    numbers = np.random.default_rng(seed)
    factor = numbers.normal(size=(SIZE, rank))
    matrix = factor @ factor.T / rank
    return matrix, matrix @ numbers.normal(size=SIZE)


def solve(matrix, b, **settings):
    product = lambda x: jnp.asarray(matrix, jnp.float32) @ x  # noqa: E731
    return jax.jit(lambda b: conjugate_gradient(product, b, **settings))(jnp.float32(b))


@pytest.mark.parametrize("damping", [0.1, 1.0])
def test_it_solves_what_numpy_solves(damping):
    matrix, b = system()
    expected = np.linalg.solve(matrix + damping * np.eye(SIZE), b)
    found = solve(matrix, b, iterations=SIZE + 4, damping=damping)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("iterations", [3, 100])
def test_a_singular_system_is_solved_within_its_range(iterations):
    """And not left again by iterations that have nothing but rounding to go by."""
    matrix, b = system(rank=3)
    found = solve(matrix, b, iterations=iterations)
    expected = np.linalg.pinv(matrix) @ b
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_each_iterate_is_the_best_of_its_krylov_space(iterations):
    """Which also means that what is left is orthogonal to x: x A x = x b."""
    matrix, b = system()
    powers = [np.linalg.matrix_power(matrix, i) @ b for i in range(iterations)]
    basis = np.linalg.qr(np.stack(powers, axis=1))[0]
    best = basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ b)
    found = np.asarray(solve(matrix, b, iterations=iterations), np.float64)
    np.testing.assert_allclose(found, best, rtol=1e-3, atol=1e-4)
    assert found @ matrix @ found == pytest.approx(found @ b, rel=1e-4)


def test_a_tree_is_solved_as_one_vector():
    matrix, b = system()
    expected = solve(matrix, b, iterations=6, damping=0.1)

    def product(tree):
        row = jnp.asarray(matrix, jnp.float32) @ jnp.concatenate([tree["a"].ravel(), tree["b"][0]])
        return {"a": row[:8].reshape(2, 4), "b": (row[8:],)}

    tree = {"a": jnp.float32(b[:8]).reshape(2, 4), "b": (jnp.float32(b[8:]),)}
    found = conjugate_gradient(product, tree, iterations=6, damping=0.1)
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    found = np.concatenate([found["a"].ravel(), found["b"][0]])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("matrix", [np.zeros((SIZE, SIZE)), np.eye(SIZE)])
def test_more_iterations_than_there_is_to_solve_leave_it_finite(matrix):
    for b in (np.zeros(SIZE), np.ones(SIZE)):
        found = solve(matrix, b, iterations=50)
        np.testing.assert_allclose(found, matrix @ b, atol=1e-6)
