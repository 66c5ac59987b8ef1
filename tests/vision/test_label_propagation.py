import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits, make_moons
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from jaxdl.core.run import BadInput
from jaxdl.vision import graphs, label_propagation, label_spreading

N = 400


def points(name):
    """Points and labels of which few are given: x [N, D], labels [N]."""
    if name == "moons":
        x, labels = make_moons(N, noise=0.08, random_state=0)
        given = (0, 1, 2, 3, 4, 5)
    else:
        x, labels = (a[:N] for a in load_digits(return_X_y=True))
        x = x if name == "raw digits" else x / 16
        given = range(40)
    few = np.full(N, -1)
    few[list(given)] = labels[list(given)]
    return x.astype(np.float32), few


CASES = [
    ("moons", "rbf", 20.0),
    ("moons", "knn", 20.0),
    ("digits", "rbf", 1.0),
    ("digits", "knn", 1.0),
]
THEIRS = {"propagation": LabelPropagation, "spreading": LabelSpreading}
OURS = {"propagation": label_propagation, "spreading": label_spreading}


def compare(method, name, kernel, gamma, *, iterations, theirs, **options):
    x, labels = points(name)
    classes = labels.max() + 1
    model = THEIRS[method](kernel=kernel, gamma=gamma, n_neighbors=7, max_iter=theirs, tol=0)
    model.set_params(**options)
    expected = model.fit(x.astype(np.float64), labels).label_distributions_

    @jax.jit
    def run(x, labels):
        return OURS[method](
            x,
            labels,
            classes=int(classes),
            kernel=kernel,
            gamma=gamma,
            neighbors=7,
            iterations=iterations,
            **options,
        )

    return np.asarray(run(x, labels)), expected


@pytest.mark.filterwarnings("ignore:max_iter")
@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize(("name", "kernel", "gamma"), CASES)
@pytest.mark.parametrize("iterations", [1, 5])
def test_iterates_are_those_of_sklearn(method, name, kernel, gamma, iterations):
    got, expected = compare(method, name, kernel, gamma, iterations=iterations, theirs=iterations)
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.filterwarnings("ignore:max_iter")
@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize(("name", "kernel", "gamma"), CASES)
def test_the_closed_form_is_the_limit_of_sklearns_iterates(method, name, kernel, gamma):
    got, expected = compare(method, name, kernel, gamma, iterations=None, theirs=5000)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert (expected.max(axis=1) < 0.99).any()
