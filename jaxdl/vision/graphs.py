"""Graphs of points, known by their products with columns, and made in blocks of rows.

The conventions are those of scikit-learn 1.9's `semi_supervised`: in an RBF graph all points are
joined, by weights exp(-gamma d^2); in a kNN graph a point is joined to its k nearest by weights 1,
of which it is itself the first, so that this graph is directed. Sums of tiny weights are taken of
their logarithms: float32 has no number below exp(-103), where float64 goes on to exp(-745).
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import chex
import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput

Kernel = Literal["rbf", "knn"]
Product = Callable[[jax.Array], jax.Array]  # [N, C] -> [N, C]
# rows [B, D], their numbers [B] -> pytree of [B, ...]
OfRows = Callable[[jax.Array, jax.Array], Any]

DENSE_BYTES = 2**30  # a matrix of all pairs is held up to this size, beyond it is made each time
BLOCK_NUMBERS = 2**24  # numbers in a block of rows of a larger one: 64 MB
MOST_OWN = 1e30  # beside it the rest of a row is less than rounding


class Graph(NamedTuple):
    """A graph as a random walk sees it, on a scale of its own in every row.

    Attributes:
      product: F [N, C] -> the sums over others, sum_{j != i} w_ij F_j [N, C].
      own: [N] the weight w_ii of a point to itself.
      begin: the same sums over all points whose row in F is not 0, itself included, on the scale of
        the largest of their weights: where F is mostly 0 those may be less than any number on the
        scale of all others.
    """

    product: Product
    own: jax.Array
    begin: Product


def walk_graph(x: jax.Array, kernel: Kernel, *, gamma: float, neighbors: int) -> Graph:
    """Makes the graph of points [N, D] whose rows a random walk normalizes.

    Args:
      x: [N, D].
      kernel: "rbf" or "knn".
      gamma: of the RBF kernel.
      neighbors: k, the point itself included.

    Raises:
      BadInput: a kernel of another name, or fewer points than neighbors.
    """
    check_graph(x, kernel, neighbors)
    if kernel == "knn":
        listed, is_other = _neighbors(x, neighbors)
        own = jnp.any(~is_other, axis=1).astype(jnp.float32)
        everyone = jnp.ones_like(is_other)
        return Graph(
            lambda f: _gather(f, listed, is_other), own, lambda f: _gather(f, listed, everyone)
        )
    pairs = _rbf_pairs(x, gamma)
    product = _pair_product(pairs, pairs.degrees, jnp.zeros(len(x)))
    own = jnp.exp(jnp.minimum(-pairs.degrees, jnp.log(MOST_OWN)))
    return Graph(product, own, _beginning(pairs))


def spreading_graph(x: jax.Array, kernel: Kernel, *, gamma: float, neighbors: int) -> Product:
    """Makes the products with S = D^-1/2 W D^-1/2, W without its diagonal (Zhou et al. 2004).

    D holds the sums of W's columns, as in scipy's `csgraph.laplacian`: in a kNN graph the number of
    points that have this one among their neighbors. What is joined to nothing has a row of zeros.

    Args:
      x: [N, D].
      kernel: "rbf" or "knn".
      gamma: of the RBF kernel.
      neighbors: k, the point itself included.

    Raises:
      BadInput: a kernel of another name, or fewer points than neighbors.
    """
    check_graph(x, kernel, neighbors)
    if kernel == "knn":
        listed, is_other = _neighbors(x, neighbors)
        degrees = jnp.zeros(len(x)).at[listed].add(is_other)
        scale = jax.lax.rsqrt(jnp.maximum(degrees, 1.0))[:, None]
        return lambda f: scale * _gather(scale * f, listed, is_other)
    pairs = _rbf_pairs(x, gamma)
    return _pair_product(pairs, pairs.degrees / 2, pairs.degrees / 2)


def check_graph(x: jax.Array, kernel: str, neighbors: int) -> None:
    """Refuses what gives no graph.

    Raises:
      BadInput: a kernel of another name, or fewer points than neighbors.
    """
    chex.assert_rank(x, 2)
    if kernel not in get_args(Kernel):
        raise BadInput(f"kernel={kernel!r} should be one of {', '.join(get_args(Kernel))}")
    if kernel == "knn" and not 1 <= neighbors <= len(x):
        raise BadInput(f"neighbors={neighbors} should be 1 to {len(x)}, the points there are")


def _neighbors(x: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Lists the nearest of each point [N, k], and marks those that are not the point itself."""
    listed = nearest_points(x, count)
    return listed, listed != jnp.arange(len(x))[:, None]


def nearest_points(x: jax.Array, count: int) -> jax.Array:
    """Lists the nearest of points [N, D]: [N, count] int32, each point first among its own.

    Products tell distances to within rounding of the points' squares. Twice as many as are wanted
    are found by them, and sorted by differences. Of points at equal distances the first one counts,
    as in scikit-learn's brute force.
    """
    x = _centered(x)
    squares = jnp.sum(x * x, axis=1)
    candidates = min(2 * count, len(x))

    def search(rows, numbers):
        is_self = numbers[:, None] == jnp.arange(len(x))
        roughly = jnp.where(is_self, -1.0, squared_distances(rows, x, squares))
        near = jnp.sort(jax.lax.top_k(-roughly, candidates)[1], axis=1)  # [B, 2 count]
        exactly = jnp.sum((rows[:, None] - x[near]) ** 2, axis=-1)
        exactly = jnp.where(near == numbers[:, None], -1.0, exactly)
        places = jax.lax.top_k(-exactly, count)[1]
        return jnp.take_along_axis(near, places, axis=1)

    return _map_rows(search, x, _block_rows(len(x)))


def squared_distances(rows: jax.Array, x: jax.Array, squares: jax.Array) -> jax.Array:
    """Returns |r - x|^2 [B, N] of rows [B, D] and points [N, D] whose |x|^2 are known [N]."""
    cross = jnp.matmul(rows, x.T, precision="highest")
    return jnp.maximum(jnp.sum(rows * rows, axis=1)[:, None] + squares - 2 * cross, 0.0)


class _Pairs(NamedTuple):
    """The RBF weights of all pairs.

    Attributes:
      x: [N, D] centered points.
      exponents: rows [B, D], their numbers [B] -> logarithms of weights [B, N], -inf to themselves.
      degrees: [N] logarithms of the sums of weights; 0 where there are no others.
      held: the exponents [N, N], where they are held.
    """

    x: jax.Array
    exponents: OfRows
    degrees: jax.Array
    held: jax.Array | None


def _rbf_pairs(x: jax.Array, gamma: float) -> _Pairs:
    x = _centered(x)
    squares = jnp.sum(x * x, axis=1)

    def exponents(rows, numbers):
        is_self = numbers[:, None] == jnp.arange(len(x))
        return jnp.where(is_self, -jnp.inf, -gamma * squared_distances(rows, x, squares))

    if 4 * len(x) ** 2 <= DENSE_BYTES:
        held = exponents(x, jnp.arange(len(x)))
        degrees = jax.nn.logsumexp(held, axis=1)
    else:
        held = None
        degrees = _map_rows(
            lambda rows, numbers: jax.nn.logsumexp(exponents(rows, numbers), axis=1),
            x,
            _block_rows(len(x)),
        )
    return _Pairs(x, exponents, jnp.where(jnp.isfinite(degrees), degrees, 0.0), held)


def _pair_product(pairs: _Pairs, left: jax.Array, right: jax.Array) -> Product:
    """Products with the weights over exp(left_i + right_j), for left and right [N]."""
    if pairs.held is not None:
        matrix = jnp.exp(pairs.held - left[:, None] - right)
        return lambda f: jnp.matmul(matrix, f, precision="highest")

    def product(f):
        def multiply(rows, numbers):
            weights = jnp.exp(pairs.exponents(rows, numbers) - left[numbers][:, None] - right)
            return jnp.matmul(weights, f, precision="highest")

        return _map_rows(multiply, pairs.x, _block_rows(len(pairs.x)))

    return product


def _beginning(pairs: _Pairs) -> Product:
    """Products with the weights of points whose rows are not 0, over their sum."""

    def product(f):
        counts = jnp.any(f > 0, axis=1)

        def multiply(rows, numbers):
            exponents = pairs.exponents(rows, numbers) if pairs.held is None else pairs.held
            is_self = numbers[:, None] == jnp.arange(len(pairs.x))
            exponents = jnp.where(counts, jnp.where(is_self, 0.0, exponents), -jnp.inf)
            weights = jnp.where(jnp.any(counts), jax.nn.softmax(exponents, axis=1), 0.0)
            return jnp.matmul(weights, f, precision="highest")

        if pairs.held is not None:
            return multiply(pairs.x, jnp.arange(len(pairs.x)))
        return _map_rows(multiply, pairs.x, _block_rows(len(pairs.x)))

    return product


def _gather(f: jax.Array, listed: jax.Array, counts: jax.Array) -> jax.Array:
    """Sums the rows of f [N, C] that are listed [N, k], where they count [N, k]."""
    return sum(counts[:, i, None] * f[listed[:, i]] for i in range(listed.shape[1]))


def _centered(x: jax.Array) -> jax.Array:
    """Moves points [N, D] to the origin, by which distances lose least to rounding.

    The shift is a multiple of a power of 2: whole numbers stay whole, and their distances exact.
    """
    x = x.astype(jnp.float32)
    mean = jax.lax.stop_gradient(jnp.mean(x, axis=0))
    spread = jnp.max(jnp.abs(x - mean))
    unit = jnp.exp2(jnp.floor(jnp.log2(jnp.maximum(spread, 1e-30))))
    return x - jax.lax.stop_gradient(jnp.round(mean / unit) * unit)


def _block_rows(points: int) -> int:
    return max(min(points, BLOCK_NUMBERS // points), 1)


def _map_rows(function: OfRows, x: jax.Array, block: int) -> Any:
    """Applies a function of rows to all of them, so many at a time.

    Row i N / B + j is in block j: rows that are split over devices are so in every block.
    """
    points = len(x)
    if block >= points:
        return function(x, jnp.arange(points))
    blocks = -(-points // block)
    numbers = jnp.minimum(jnp.arange(block * blocks), points - 1).reshape(block, blocks)
    padded = jnp.pad(x, ((0, block * blocks - points), (0, 0))).reshape(block, blocks, -1)
    parts = jax.lax.map(
        lambda at: function(padded[:, at], numbers[:, at]), jnp.arange(blocks)
    )  # [blocks, block, ...]
    return jax.tree.map(
        lambda part: jnp.moveaxis(part, 0, 1).reshape(block * blocks, *part.shape[2:])[:points],
        parts,
    )
