import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits, make_moons
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from experiments.vision.label_propagation import PRESETS, build
from experiments.vision.label_propagation_claims import solve_walk
from jaxdl.core.run import BadInput
from jaxdl.launch import configure
from jaxdl.vision import graphs, label_propagation, label_spreading, sweep_labels
from jaxdl.vision.few_labels import draw_given
from jaxdl.vision.label_propagation import normalize_rows, rebalance
from jaxdl.vision.propagation_figures import accuracy_of_surest

N = 240


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
    model = THEIRS[method](kernel=kernel, gamma=gamma, n_neighbors=7, max_iter=theirs, tol=1e-12)
    model.set_params(**options)
    expected = model.fit(x.astype(np.float64), labels).label_distributions_

    options |= {"kernel": kernel, "gamma": gamma, "neighbors": 7, "iterations": iterations}
    return solved(method, x, labels, int(classes), **options), expected


def solved(method, x, labels, classes, **options):
    """Our probabilities, by one program."""
    run = jax.jit(lambda x, labels: OURS[method](x, labels, classes=classes, **options))
    return np.asarray(run(x, labels))


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
def test_the_closed_form_is_that_of_sklearns_graphs(method, name, kernel, gamma):
    """In float64: on two moons scikit-learn's sweeps need tens of thousands to come as close."""
    x, labels = points(name)
    classes = int(labels.max() + 1)
    model = THEIRS[method](kernel=kernel, gamma=gamma, n_neighbors=7, max_iter=1, tol=1e300)
    matrix = model.fit(x.astype(np.float64), labels)._build_graph()
    matrix = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    expected = np.eye(classes)[labels] * (labels >= 0)[:, None]
    if method == "propagation":
        expected[labels < 0] = solve_walk(matrix, expected, labels >= 0)
    else:
        expected = np.linalg.solve(np.eye(N) - model.alpha * matrix, expected)
        expected /= expected.sum(axis=1, keepdims=True)
    got = solved(method, x, labels, classes, kernel=kernel, gamma=gamma, neighbors=7)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert (expected.max(axis=1) < 0.99).any()


def test_with_one_label_a_class_the_closed_form_is_exact_too():
    """The condition of the system is 2e5 here, where float32's solver diverges."""
    x, classes = (a[:1000] for a in load_digits(return_X_y=True))
    x = (x / 16).astype(np.float32)
    draws = np.random.default_rng(0)
    labels = np.full(1000, -1)
    for number in range(10):
        labels[draws.choice(np.flatnonzero(classes == number))] = number
    # Our graph, since scikit-learn's may hold another of two points that are equally far.
    graph = graphs.walk_graph(jnp.asarray(x), "knn", gamma=20.0, neighbors=7)
    matrix = np.asarray(jax.jit(graph.product)(jnp.eye(1000)), np.float64)
    expected = np.eye(10)[labels] * (labels >= 0)[:, None]
    expected[labels < 0] = solve_walk(matrix, expected, labels >= 0)
    got = solved("propagation", x, labels, 10, kernel="knn", neighbors=7)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_extreme_weights_do_not_underflow():
    """The settings of scikit-learn's example of digits: weights of exp(-50) to exp(-250)."""
    got, expected = compare("spreading", "raw digits", "rbf", 0.25, iterations=None, theirs=200)
    is_reached = got.sum(axis=1) > 0
    assert is_reached.mean() > 0.9
    np.testing.assert_allclose(got[is_reached], expected[is_reached], atol=1e-3)


@pytest.mark.filterwarnings("ignore:max_iter")
@pytest.mark.parametrize("iterations", [3, None])
def test_where_float32_has_no_closed_form_sklearns_sweeps_are_taken(iterations):
    """Weights of a row differ by up to exp(200): clusters hold what they begin with."""
    got, expected = compare(
        "propagation", "digits", "rbf", 50.0, iterations=iterations, theirs=iterations or 1000
    )
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
def test_blocks_of_rows_change_nothing(kernel, monkeypatch):
    x, labels = points("digits")
    options = {"kernel": kernel, "gamma": 1.0}
    whole = [solved(method, x, labels, 10, **options) for method in OURS]
    monkeypatch.setattr(graphs, "DENSE_BYTES", 0)
    monkeypatch.setattr(graphs, "BLOCK_NUMBERS", 70 * N)  # the last block is not full
    blocks = [solved(method, x, labels, 10, **options) for method in OURS]
    np.testing.assert_allclose(blocks, whole, atol=2e-5)


@pytest.mark.parametrize("method", OURS)
def test_memory_grows_with_the_points_and_not_with_their_square(method, monkeypatch):
    """By the compiler's account: a graph of 8,000 points, whose pairs would take 256 MB."""
    monkeypatch.setattr(graphs, "BLOCK_NUMBERS", 2**20)

    def temporary_bytes(size):
        def run(x, labels):
            return OURS[method](x, labels, classes=10, kernel="knn")

        shapes = (
            jax.ShapeDtypeStruct((size, 16), "float32"),
            jax.ShapeDtypeStruct((size,), "int32"),
        )
        return jax.jit(run).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    small, large = temporary_bytes(2000), temporary_bytes(8000)
    assert large < 4 * 8000**2 / 8
    assert large < 4.5 * small + 2**24


def test_what_no_path_joins_to_a_label_stays_empty():
    x = np.concatenate([np.linspace(0, 1, 20), np.linspace(100, 101, 20)])[:, None]
    labels = np.full(40, -1)
    labels[[0, 19]] = 0, 1
    for method in OURS:
        got = solved(method, x, labels, 2, kernel="knn", neighbors=4)
        np.testing.assert_allclose(got[:20].sum(axis=1), 1.0, rtol=1e-5)
        np.testing.assert_array_equal(got[20:], 0.0)


def test_a_chain_is_solved_by_hand():
    """Between its two labeled ends, harmonic values are straight lines."""
    x = np.arange(11.0)[:, None]
    labels = np.full(11, -1)
    labels[[0, 10]] = 0, 1
    # Beyond the nearest, weights are exp(-3 gamma) and less of theirs.
    got = solved("propagation", x, labels, 2, kernel="rbf", gamma=5.0)
    np.testing.assert_allclose(got[:, 1], np.arange(11) / 10, atol=1e-4)


def test_iterates_are_differentiable():
    x, labels = points("digits")

    @jax.jit
    def mean_entropy(gamma):
        got = label_propagation(x, labels, classes=10, gamma=gamma, iterations=3)
        return -jnp.mean(got * jnp.log(got + 1e-6))

    step = 1e-2
    difference = (mean_entropy(1.0 + step) - mean_entropy(1.0 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(mean_entropy)(1.0), difference, rtol=2e-2)
    assert abs(difference) > 1e-3


def test_rebalancing_gives_each_class_its_share():
    given = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    probabilities = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.7, 0.3]])
    got = rebalance(probabilities, given)
    np.testing.assert_allclose(got[:2], given[:2])
    # Masses are 1.6 and 0.4: the odds of the second class grow fourfold.
    np.testing.assert_allclose(got[2:, 1] / got[2:, 0], [4 / 9, 12 / 7], rtol=1e-5)


def test_bad_input_is_one_line():
    x, labels = points("moons")
    with pytest.raises(BadInput, match="kernel='cosine' should be one of rbf, knn"):
        label_propagation(x, labels, classes=2, kernel="cosine")
    with pytest.raises(BadInput, match="neighbors=300 should be 1 to 240"):
        label_spreading(x, labels, classes=2, kernel="knn", neighbors=300)
    for settings, text in (
        ({"points": 5000}, "digits has 1297 training images"),
        ({"points": 40, "labels": 30}, "a class has fewer than 30"),
    ):
        config = configure("label_propagation", PRESETS, "smoke", settings)
        with pytest.raises(BadInput, match=text):
            build(config).data()


def sweep_digits(method, kernel, steps):
    """The learner's state and evaluation after so many steps of two sweeps."""
    data = build(configure("label_propagation", PRESETS, "smoke")).data().arrays
    numbers, images, labels = data
    learner = sweep_labels(
        image_shape=(8, 8, 1),
        points=200,
        classes=10,
        per_class=2,
        method=method,
        kernel=kernel,
        gamma=1.0,
        sweeps=2,
    )
    state = jax.jit(learner.init)(jax.random.key(0))
    step = jax.jit(learner.step)
    for i in range(steps):
        order = np.random.default_rng(i).permutation(200)  # points come in any order
        batch = tuple(x[order] for x in (numbers, images, labels))
        state, _ = step(jax.random.key(0), state, batch)
    given = draw_given(jnp.asarray(labels), state.extra.order, 10, 2)
    x = images.reshape(200, -1) / 255.0
    return state, jax.jit(learner.evaluate)(jax.random.key(0), state), x, np.asarray(given)


@pytest.mark.parametrize(("method", "kernel"), [("propagation", "knn"), ("spreading", "rbf")])
def test_steps_of_the_learner_are_sweeps_over_all_points(method, kernel):
    state, evaluation, x, given = sweep_digits(method, kernel, steps=3)
    assert np.bincount(given[given >= 0], minlength=10).tolist() == [2] * 10
    options = {"kernel": kernel, "gamma": 1.0}
    expected = solved(method, x, given, 10, iterations=6, **options)
    scores = state.params["scores"]
    np.testing.assert_allclose(normalize_rows(scores), expected, atol=2e-5)
    limit = solved(method, x, given, 10, **options)
    labels = np.asarray(state.extra.labels)
    hidden = given < 0
    accuracy = np.mean(np.argmax(limit, axis=1)[hidden] == labels[hidden])
    np.testing.assert_allclose(evaluation["closed_form_accuracy"], accuracy, atol=1e-6)
    neighbor = KNeighborsClassifier(1).fit(x[~hidden], given[~hidden])
    accuracy = neighbor.score(x[hidden], labels[hidden])
    np.testing.assert_allclose(evaluation["nearest_accuracy"], accuracy, atol=1e-6)


def test_the_accuracy_of_the_surest_is_counted_by_hand():
    sure = np.array([0.9, -1.0, 0.5, 0.7])
    right = np.array([True, False, False, True])
    share, kept = accuracy_of_surest(sure, right)
    np.testing.assert_allclose(share, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(kept, [1, 1, 2 / 3])
