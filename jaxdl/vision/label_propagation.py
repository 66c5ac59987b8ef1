"""What is close to a labeled example assumes its label: two methods on a graph of all points.

Label propagation (Zhu & Ghahramani 2002, CMU-CALD-02-107) keeps the given labels as they are; label
spreading (Zhou et al. 2004, NIPS 16) lets them be overruled. Graphs, clamping and iterates are
those of scikit-learn's `LabelPropagation` and `LabelSpreading`; see `jaxdl.vision.graphs`.
"""

import chex
import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import bicgstab

from jaxdl.vision.graphs import Graph, Kernel, Product, spreading_graph, walk_graph

TOLERANCE = 1e-6  # of a residual, over that of the beginning
EXACT = 1e-9  # the same, in float64
ROUNDS = 3  # of the solver, each on the residual that the last one left
HALF = 0.5  # alpha up to which one round is enough: each sweep after it halves the error
MOST_ITERATIONS = 1000  # of the solver in a round
MOST_LOST = 1e-3  # of the probability of a point, before a solution is given up
DEFAULT_SWEEPS = 1000  # of scikit-learn's LabelPropagation
SWEEPS_AT_ONCE = 50  # of these, the first of which takes longer than the others
MOST_SWEEPS = 200  # that are added to a solution of label spreading


def label_propagation(
    x: jax.Array,
    labels: jax.Array,
    *,
    classes: int,
    kernel: Kernel = "rbf",
    gamma: float = 20.0,
    neighbors: int = 7,
    iterations: int | None = None,
) -> jax.Array:
    """Walks at random from each point until a labeled one: its label's probability (eq. 5).

    What is far from all labels, for there is no path to one, has probabilities 0, as in
    scikit-learn; and a walk never goes to such a point.

    Args:
      x: [N, D] points.
      labels: [N] integers below `classes`, -1 where there is none.
      classes: C.
      kernel: "rbf" or "knn".
      gamma: of the RBF kernel exp(-gamma |x - y|^2).
      neighbors: of a point in the kNN graph, itself included.
      iterations: sweeps over all points, or None for the limit, in closed form.

    Returns:
      Probabilities [N, C]; rows of labeled points are their labels.

    Raises:
      BadInput: a kernel of another name, or fewer points than neighbors.
    """
    given = one_hot(labels, classes)
    graph = walk_graph(x, kernel, gamma=gamma, neighbors=neighbors)
    if iterations is None:
        return solve_propagation(graph, given)
    return propagate(graph, given, given, iterations=iterations)


def label_spreading(
    x: jax.Array,
    labels: jax.Array,
    *,
    classes: int,
    alpha: float = 0.2,
    kernel: Kernel = "rbf",
    gamma: float = 20.0,
    neighbors: int = 7,
    iterations: int | None = None,
) -> jax.Array:
    """Sums over all paths from the labels, of which each step counts alpha: (I - alpha S)^-1 Y.

    Args:
      x: [N, D] points.
      labels: [N] integers below `classes`, -1 where there is none.
      classes: C.
      alpha: how much a point takes from its neighbors, rather than from the label that is given.
      kernel: "rbf" or "knn".
      gamma: of the RBF kernel exp(-gamma |x - y|^2).
      neighbors: of a point in the kNN graph, itself included.
      iterations: sweeps over all points, or None for the limit, in closed form.

    Returns:
      Probabilities [N, C]; zeros where no path leads to a label.

    Raises:
      BadInput: a kernel of another name, or fewer points than neighbors.
    """
    given = one_hot(labels, classes)
    product = spreading_graph(x, kernel, gamma=gamma, neighbors=neighbors)
    if iterations is None:
        return solve_spreading(product, given, alpha=alpha)
    return normalize_rows(spread(product, given, given, alpha=alpha, iterations=iterations))


def one_hot(labels: jax.Array, classes: int) -> jax.Array:
    """Returns the given distributions [N, C]: rows of zeros where the label [N] is -1."""
    chex.assert_rank(labels, 1)
    return jax.nn.one_hot(labels, classes)


def propagate(graph: Graph, given: jax.Array, start: jax.Array, *, iterations: int) -> jax.Array:
    """Takes sweeps of label propagation (Zhu & Ghahramani 2002, section 2.2).

    Args:
      graph: of N points.
      given: [N, C] one-hot rows, zeros where there is no label.
      start: [N, C] what the sweeps begin with.
      iterations: how many.
    """
    chex.assert_equal_shape([given, start])
    is_given = jnp.any(given > 0, axis=1, keepdims=True)

    def clamp(moved):
        return jnp.where(is_given, given, normalize_rows(moved))  # steps 2 and 3

    def sweep(_, f):
        return clamp(graph.product(f) + graph.own[:, None] * f)  # step 1: Y <- T Y

    first = clamp(graph.begin(start))
    return jax.lax.fori_loop(1, iterations, sweep, first) if iterations else start


def solve_propagation(graph: Graph, given: jax.Array) -> jax.Array:
    """Solves (I - T_uu) Y_u = T_ul Y_l (Zhu & Ghahramani 2002, eq. 5) among points with a path.

    The kNN graph is directed, which conjugate gradients cannot do: the solver is their stabilized
    double (van der Vorst 1992). It computes in float64: with one label a class the system's
    condition is 1e5, by which it diverges in float32. Where clusters are joined by weights that are
    less than rounding beside those within, as in an RBF graph whose gamma is large for its
    distances, there is no solution: probabilities do not add up. As many sweeps as scikit-learn
    would take by default are then the answer.

    Args:
      graph: of N points.
      given: [N, C] one-hot rows, zeros where there is no label.
    """
    is_given = jnp.any(given > 0, axis=1, keepdims=True)
    is_reached = reached(graph.product, is_given)
    is_free = is_reached & ~is_given  # [N, 1]
    degrees = graph.product(is_reached.astype(jnp.float32))  # [N, 1], of points with a path
    degrees = jnp.where(is_free, degrees, 1.0)

    def operator(f):
        return f - jnp.where(is_free, graph.product(jnp.where(is_free, f, 0.0)) / degrees, 0.0)

    target = jnp.where(is_free, graph.product(given) / degrees, 0.0)
    with jax.enable_x64(True):
        solution = solve(operator, target.astype(jnp.float64), tolerance=EXACT).astype(jnp.float32)
    total = jnp.sum(jnp.maximum(solution, 0.0), axis=1, keepdims=True)
    is_lost = jnp.any(jnp.abs(jnp.where(is_free, total - 1.0, 0.0)) > MOST_LOST)
    solved = jnp.where(is_given, given, normalize_rows(jnp.maximum(solution, 0.0)))

    def sweep(last):
        f, count = last
        return propagate(graph, given, f, iterations=SWEEPS_AT_ONCE), count + SWEEPS_AT_ONCE

    start = (jnp.where(is_lost, given, solved), 0)
    goes_on = lambda last: is_lost & (last[1] < DEFAULT_SWEEPS)  # noqa: E731
    return jax.lax.while_loop(goes_on, sweep, start)[0]


def spread(
    product: Product, given: jax.Array, start: jax.Array, *, alpha: float, iterations: int
) -> jax.Array:
    """Takes sweeps of label spreading, F <- alpha S F + (1 - alpha) Y; returns F [N, C].

    Args:
      product: with S, of N points.
      given: [N, C] one-hot rows, zeros where there is no label.
      start: [N, C] what the sweeps begin with.
      alpha: how much a point takes from its neighbors.
      iterations: how many.
    """
    chex.assert_equal_shape([given, start])
    sweep = lambda _, f: alpha * product(f) + (1 - alpha) * given  # noqa: E731
    return jax.lax.fori_loop(0, iterations, sweep, start)


def solve_spreading(product: Product, given: jax.Array, *, alpha: float) -> jax.Array:
    """Solves (I - alpha S) F = (1 - alpha) Y (Zhou et al. 2004, eq. 4); returns normalized rows.

    Far from the labels F is tiny, and what the solver leaves is small beside the largest F only.
    Sweeps, in which nothing is subtracted, make every row as exact as float32 is.

    Args:
      product: with S, of N points.
      given: [N, C] one-hot rows, zeros where there is no label.
      alpha: how much a point takes from its neighbors.
    """
    target = (1 - alpha) * given

    def sweep(last):
        f, probabilities, _, count = last
        f = alpha * product(f) + target
        new = normalize_rows(f)
        return f, new, jnp.max(jnp.abs(new - probabilities)), count + 1

    def is_moving(last):
        return (last[2] > TOLERANCE) & (last[3] < MOST_SWEEPS)

    rounds = 1 if alpha <= HALF else ROUNDS
    f = jnp.maximum(solve(lambda f: f - alpha * product(f), target, rounds=rounds), 0.0)
    # Rounding that crossed to where no path leads is taken back.
    f = jnp.where(reached(product, jnp.any(given > 0, axis=1, keepdims=True)), f, 0.0)
    start = (f, normalize_rows(f), jnp.float32(jnp.inf), 0)
    return jax.lax.while_loop(is_moving, sweep, start)[1]


def solve(
    operator: Product,
    target: jax.Array,
    *,
    tolerance: float = TOLERANCE,
    rounds: int = ROUNDS,
) -> jax.Array:
    """Solves operator(f) = target [N, C], for an operator that is the identity less weights."""
    f = jnp.zeros_like(target)
    for _ in range(rounds):
        residual = target - operator(f)
        change, _ = bicgstab(operator, residual, tol=tolerance, maxiter=MOST_ITERATIONS)
        f = f + jnp.where(jnp.isfinite(change), change, 0.0)
    return f


def reached(product: Product, is_given: jax.Array) -> jax.Array:
    """Marks the points from which a path leads to a given one: [N, 1] -> [N, 1]."""

    def grow(last):
        marks, _ = last
        more = marks | (product(marks.astype(jnp.float32)) > 0)
        return more, jnp.any(more != marks)

    return jax.lax.while_loop(lambda last: last[1], grow, (is_given, jnp.bool_(True)))[0]


def rebalance(probabilities: jax.Array, given: jax.Array) -> jax.Array:
    """Scales the mass of each class among the unlabeled to its share of the given labels.

    It is the class mass normalization of Zhu & Ghahramani 2002, section 3: with few labels a walk
    mostly ends at the best connected of them, whatever it began near.

    Args:
      probabilities: [N, C] of label propagation.
      given: [N, C] one-hot rows, zeros where there is no label.

    Returns:
      Probabilities [N, C]; given rows stay.
    """
    chex.assert_equal_shape([probabilities, given])
    is_given = jnp.any(given > 0, axis=1, keepdims=True)
    mass = jnp.sum(jnp.where(is_given, 0.0, probabilities), axis=0)
    scale = jnp.sum(given, axis=0) / jnp.where(mass > 0, mass, 1.0)
    return jnp.where(is_given, given, normalize_rows(probabilities * scale))


def normalize_rows(f: jax.Array) -> jax.Array:
    """Divides rows [N, C] by their sums; rows of zeros stay."""
    total = jnp.sum(f, axis=1, keepdims=True)
    return f / jnp.where(total == 0, 1.0, total)
