"""The nearest neighbors in feature space, by cosine, and their vote (Wu et al. 2018, sec. 3.4)."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxdl.vision import ridge
from jaxdl.vision.ridge import Rows, product, sum_over_rows

NEIGHBORS = 20  # k; Caron et al. 2021 (DINO), section 4.1, finds 20 best throughout
TEMPERATURE = 0.07  # tau of Wu et al. 2018, section 3.4


class Neighbors(NamedTuple):
    """What lies nearest to M queries, the nearest first.

    Attributes:
      similarities: [M, k] cosines.
      rows: [M, k] int32, numbers of rows.
    """

    similarities: jax.Array
    rows: jax.Array


def fit_and_score(
    train: Rows,
    test: Rows,
    *,
    num_classes: int,
    neighbors: int = NEIGHBORS,
    temperature: float | None = TEMPERATURE,
) -> jax.Array:
    """Returns the test accuracy of the vote of the nearest training rows.

    Nothing is fitted or chosen: features are taken as they are, and scaled to length 1.

    Args:
      train: at least 1 row.
      test: at least 1 row.
      num_classes: labels are below it.
      neighbors: k, or all training rows where they are fewer.
      temperature: tau of `vote`.

    Returns:
      A float32 scalar.
    """

    def count_correct(x, y):
        nearest = find_neighbors(train, x, neighbors)
        votes = vote(nearest, train.labels, num_classes=num_classes, temperature=temperature)
        return jnp.sum(jnp.argmax(votes, axis=1) == y, dtype=jnp.float32)

    return sum_over_rows(count_correct, test) / len(test.part)


def find_neighbors(rows: Rows, queries: jax.Array, neighbors: int) -> Neighbors:
    """Finds the rows whose features point most nearly where a query's do.

    Similarities are held for a block of the rows at a time. A row of zeros has the cosine 0.

    Args:
      rows: among which is searched.
      queries: [M, F].
      neighbors: k, or all of the rows where they are fewer.
    """
    chex.assert_rank([rows.features, queries], 2)
    total_rows = len(rows.part)
    block = min(ridge.BLOCK, total_rows)
    k = min(neighbors, total_rows)
    queries = _unit(queries)

    def search(i, best):
        # The last block begins earlier, so that all have one size; what was seen is left out.
        start = jnp.minimum(i * block, total_rows - block)
        index = rows.part.start + start + jnp.arange(block)
        features = jax.lax.dynamic_slice_in_dim(rows.features, index[0], block)
        cosines = product(queries, _unit(features).T)
        cosines = jnp.where(start + jnp.arange(block) >= i * block, cosines, -jnp.inf)
        found = jnp.broadcast_to(index.astype(jnp.int32), cosines.shape)
        cosines = jnp.concatenate([best.similarities, cosines], axis=1)
        found = jnp.concatenate([best.rows, found], axis=1)
        similarities, places = jax.lax.top_k(cosines, k)
        return Neighbors(similarities, jnp.take_along_axis(found, places, axis=1))

    nothing = jnp.full((len(queries), k), -jnp.inf, queries.dtype)
    empty = Neighbors(nothing, jnp.zeros(nothing.shape, jnp.int32))
    return jax.lax.fori_loop(0, -(-total_rows // block), search, empty)


def vote(
    nearest: Neighbors, labels: jax.Array, *, num_classes: int, temperature: float | None
) -> jax.Array:
    """Returns the votes [M, K] of the neighbors for each class.

    Args:
      nearest: the neighbors.
      labels: [N] int32, of all rows that are numbered.
      num_classes: K; labels are below it.
      temperature: tau; a neighbor's vote has the weight exp(cosine / tau), divided here by that of
        the nearest one, which changes no order. None: all weigh the same.
    """
    chex.assert_rank([nearest.rows, labels], [2, 1])
    weights = jnp.ones_like(nearest.similarities)
    if temperature is not None:
        weights = jnp.exp((nearest.similarities - nearest.similarities[:, :1]) / temperature)
    ballots = jax.nn.one_hot(labels[nearest.rows], num_classes, dtype=weights.dtype)
    return jnp.einsum("mk,mkc->mc", weights, ballots, precision="highest")


def _unit(features: jax.Array) -> jax.Array:
    """Scales rows [N, F] to length 1; a row of zeros stays."""
    x = features.astype(jnp.promote_types(features.dtype, jnp.float32))
    length = jnp.linalg.norm(x, axis=1, keepdims=True)
    return x / jnp.where(length > 0, length, 1.0)
