"""Contrastive losses: SimCLR's NT-Xent and its rivals, and the InfoNCE of MoCo and of CURL.

NT-Xent (Chen et al. 2020, arXiv 2002.05709, eq. 1) takes O(M c) of memory. With M = 2N unit rows x
and c = `chunk`, the loss needs the log-sum-exp of each row of x x^T, and its gradient needs the
softmax of each row and of each column. Both are sums over columns, so a scan over c columns at a
time holds [M, c] and never [M, M]. Rows stay where they are when they are split over devices: each
step asks only for the columns, [c, D].
"""

from functools import partial
from typing import Literal

import chex
import jax
import jax.numpy as jnp

Mining = Literal["all", "semi-hard"]  # which views of other images are negatives


def ntxent(
    z1: jax.Array, z2: jax.Array, *, temperature: float | jax.Array = 0.1, chunk: int | None = None
) -> jax.Array:
    """Computes the mean cross entropy of finding a view's other view among 2N - 1 others.

    The convention is that of lightly and optax; the paper's TensorFlow code returns the sum of
    both directions, which is twice this. With one pair (N = 1) there is nothing to tell apart, and
    the loss is 0. A zero vector has no direction: it stays zero and receives no gradient.

    Args:
      z1: [N, D] projections of the first views, of any length and floating dtype.
      z2: [N, D] projections of the second views, in the same order.
      temperature: tau of eq. 1; may be traced and differentiated.
      chunk: columns held at a time, for memory O(N chunk); None holds the matrix [2N, 2N].

    Returns:
      The loss, a float32 scalar.

    Raises:
      ValueError: chunk < 1.
    """
    chex.assert_rank([z1, z2], 2)
    chex.assert_equal_shape([z1, z2])
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    x1, x2 = (unit(z.astype(jnp.float32)) / jnp.sqrt(temperature) for z in (z1, z2))
    # Views of one image side by side: row i's other view is row i ^ 1, and a batch that is split
    # over devices along N is split along 2N in the same way, so no row has to move.
    x = jnp.stack([x1, x2], axis=1).reshape(-1, z1.shape[1])  # [2N, D]
    if chunk is None:
        logsumexp = logsumexp_of_others(x)
    else:
        logsumexp = chunked_logsumexp_of_others(x, min(chunk, x.shape[0]))
    positive = jnp.sum(x1 * x2, axis=1)  # [N], the same for both directions
    return jnp.mean(logsumexp) - jnp.mean(positive)


def info_nce(
    query: jax.Array, key: jax.Array, queue: jax.Array, *, temperature: float | jax.Array = 0.07
) -> jax.Array:
    """Computes the mean cross entropy of finding a query's key among a queue of other keys.

    He et al. 2019 (arXiv 1911.05722), eq. 1. Whether a gradient may reach the key and the queue is
    the caller's business: the loss is differentiated by all of its arguments, and MoCo stops the
    gradient of both. A zero vector has no direction: it stays zero and receives no gradient. It
    holds the similarities [N, K], which the small batches that a queue is for keep small.

    Args:
      query: [N, D] projections of any length and floating dtype.
      key: [N, D], those of the other views of the same images.
      queue: [K, D] keys of other images, the negatives; with K = 0 the loss is 0.
      temperature: tau of eq. 1; may be traced and differentiated.

    Returns:
      The loss, a float32 scalar.
    """
    positive, negatives = queue_logits(query, key, queue, temperature=temperature)
    logits = jnp.concatenate([positive[:, None], negatives], axis=1)  # [N, 1 + K]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - positive)


def bilinear_nce(query: jax.Array, key: jax.Array, weights: jax.Array) -> jax.Array:
    """Computes the mean cross entropy of finding a query's key among all keys of the batch.

    It is the InfoNCE loss with the similarity q^T W k of CURL (Laskin et al. 2020, eq. 4), of codes
    of any length. Whether a gradient may reach the keys is the caller's business.

    Args:
      query: [N, D] codes.
      key: [N, D], those of the other views of the same observations.
      weights: [D, D], W.

    Returns:
      The loss, a float32 scalar.
    """
    chex.assert_rank([query, key, weights], 2)
    chex.assert_equal_shape([query, key])
    logits = _dot(query.astype(jnp.float32), _dot(key.astype(jnp.float32), weights))  # [N, N]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.diagonal(logits))


def nt_logistic(
    z1: jax.Array,
    z2: jax.Array,
    *,
    temperature: float | jax.Array = 0.2,
    mining: Mining = "all",
) -> jax.Array:
    """Computes the logistic loss of SimCLR's table 2, to which NT-Xent is compared in table 4.

    Each view should score high with its other view, -log sigma(u.v+ / tau), and low with the views
    of other images, the mean of -log sigma(-u.v- / tau). The paper states both terms for one
    negative; it does not say how those of several are put together. It holds [2N, 2N].

    Args:
      z1: [N, D] projections of the first views, of any length and floating dtype.
      z2: [N, D] projections of the second views, in the same order.
      temperature: tau; may be traced and differentiated.
      mining: which of the views of other images count as negatives.

    Returns:
      The mean over the 2N views, a float32 scalar.
    """
    positive, negatives, weights = compare_views(z1, z2, mining)
    attract = jax.nn.softplus(-positive / temperature)  # [M]
    repel = jnp.sum(weights * jax.nn.softplus(negatives / temperature), axis=1)
    return jnp.mean(attract + repel)


def margin_triplet(
    z1: jax.Array, z2: jax.Array, *, margin: float = 0.4, mining: Mining = "all"
) -> jax.Array:
    """Computes the margin loss of SimCLR's table 2, max(u.v- - u.v+ + m, 0).

    It is the triplet loss of Schroff et al. 2015 (arXiv 1503.03832, eq. 3) on cosines. It holds
    [2N, 2N].

    Args:
      z1: [N, D] projections of the first views, of any length and floating dtype.
      z2: [N, D] projections of the second views, in the same order.
      margin: m, by how much a positive should be nearer than a negative.
      mining: which of the views of other images count as negatives.

    Returns:
      The mean over the 2N views, and for each over its negatives: a float32 scalar.
    """
    positive, negatives, weights = compare_views(z1, z2, mining)
    hinge = jnp.maximum(negatives - positive[:, None] + margin, 0.0)  # [M, M]
    return jnp.mean(jnp.sum(weights * hinge, axis=1))


def compare_views(
    z1: jax.Array, z2: jax.Array, mining: Mining
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Computes the cosines of all views, M = 2N, those of one image in a row.

    Args:
      z1: [N, D].
      z2: [N, D].
      mining: "all" views of other images are negatives; or only the "semi-hard" one of each view,
        the nearest of those that are farther than its positive (Schroff et al. 2015, section 3.2).
        Where all are nearer there is none.

    Returns:
      Cosines of positives [M], of all views [M, M], and the weights [M, M] of the negatives, which
      sum to 1 in each row that has any.
    """
    chex.assert_rank([z1, z2], 2)
    chex.assert_equal_shape([z1, z2])
    x1, x2 = (unit(z.astype(jnp.float32)) for z in (z1, z2))
    x = jnp.stack([x1, x2], axis=1).reshape(-1, z1.shape[1])
    cosines = _dot(x, x)
    positive = jnp.repeat(jnp.sum(x1 * x2, axis=1), 2)
    image = jnp.arange(len(x)) // 2
    other = image[:, None] != image
    if mining == "all":
        return positive, cosines, other / max(len(x) - 2, 1)
    farther = other & (cosines < positive[:, None])
    nearest = jnp.argmax(jnp.where(farther, cosines, -jnp.inf), axis=1)
    chosen = jnp.arange(len(x)) == nearest[:, None]
    return positive, cosines, jnp.float32(chosen & farther)


def queue_logits(
    query: jax.Array, key: jax.Array, queue: jax.Array, *, temperature: float | jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns cosines over the temperature, of queries with their keys [N] and the queue [N, K]."""
    chex.assert_rank([query, key, queue], 2)
    chex.assert_equal_shape([query, key])
    chex.assert_equal_shape_suffix([query, queue], 1)
    q, k, others = (
        unit(rows.astype(jnp.float32)) / jnp.sqrt(temperature) for rows in (query, key, queue)
    )
    return jnp.sum(q * k, axis=1), _dot(q, others)


def unit(z: jax.Array) -> jax.Array:
    """Scales rows [N, D] to length 1. A zero row stays zero, and so does its gradient."""
    # The direction does not depend on the scale: without it no square over- or underflows.
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(z), axis=-1, keepdims=True))
    is_zero = scale == 0.0
    z = z / jnp.where(is_zero, 1.0, scale)
    square = jnp.sum(z * z, axis=-1, keepdims=True)
    return jnp.where(is_zero, 0.0, z * jax.lax.rsqrt(jnp.where(is_zero, 1.0, square)))


def logsumexp_of_others(x: jax.Array) -> jax.Array:
    """Computes log sum_{j != i} exp(x_i . x_j), [M, D] -> [M], by the matrix [M, M]."""
    return jax.nn.logsumexp(jnp.fill_diagonal(_dot(x, x), -jnp.inf, inplace=False), axis=1)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def chunked_logsumexp_of_others(x: jax.Array, chunk: int) -> jax.Array:
    """Computes the same, [M, D] -> [M], by blocks of [M, chunk] forward and backward."""
    rows = x.shape[0]

    def add(carry, block):
        peak, total = carry
        logits = _logits(x, *block)
        new_peak = jnp.maximum(peak, jnp.max(logits, axis=1))
        total *= jnp.exp(peak - new_peak)
        return (new_peak, total + jnp.sum(jnp.exp(logits - new_peak[:, None]), axis=1)), None

    # Finite, unlike the neutral -inf: a block may hold nothing but the diagonal and padding.
    start = jnp.full(rows, jnp.finfo(jnp.float32).min), jnp.zeros(rows)
    (peak, total), _ = jax.lax.scan(add, start, _columns(x, chunk))
    return peak + jnp.log(total)


def _forward(x, chunk):
    logsumexp = chunked_logsumexp_of_others(x, chunk)
    return logsumexp, (x, logsumexp)


def _backward(chunk, residuals, cotangent):
    """Computes dx_i = sum_j (g_i P_ij + g_j P_ji) x_j, P_ij = exp(x_i . x_j - logsumexp_i)."""
    x, logsumexp = residuals

    def add(gradient, block):
        columns, index, column_logsumexp, column_cotangent = block
        logits = _logits(x, columns, index)
        weights = cotangent[:, None] * jnp.exp(logits - logsumexp[:, None])  # g_i P_ij
        weights += column_cotangent * jnp.exp(logits - column_logsumexp)  # g_j P_ji
        return gradient + jnp.matmul(weights, columns, precision="highest"), None

    blocks = *_columns(x, chunk), *(_split(v, chunk) for v in (logsumexp, cotangent))
    gradient, _ = jax.lax.scan(add, jnp.zeros_like(x), blocks)
    return (gradient,)


chunked_logsumexp_of_others.defvjp(_forward, _backward)


def _dot(x, y):
    """Computes x y^T in full float32.

    The default of TPUs and GPUs keeps 8 to 11 bits of a logit of 100.
    """
    return jnp.matmul(x, y.T, precision="highest")


def _logits(x, columns, index):
    """Computes x_i . x_j for the columns j = index, [M, chunk], -inf for j = i and padding."""
    rows = x.shape[0]
    left_out = (index == jnp.arange(rows)[:, None]) | (index >= rows)
    return jnp.where(left_out, -jnp.inf, _dot(x, columns))


def _columns(x, chunk):
    """Returns the rows of x as columns, [K, chunk, D], and their numbers, [K, chunk]."""
    blocks = _split(x, chunk)
    return blocks, jnp.arange(blocks.shape[0] * chunk).reshape(-1, chunk)


def _split(array, chunk):
    """Cuts [M, ...] into [K, chunk, ...] with K = ceil(M / chunk), padded with zeros."""
    padding = -array.shape[0] % chunk
    padded = jnp.pad(array, ((0, padding), *((0, 0),) * (array.ndim - 1)))
    return padded.reshape(-1, chunk, *array.shape[1:])
