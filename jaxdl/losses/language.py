"""Losses of language models, which never hold the logits of all tokens over the whole vocabulary.

With N rows and a vocabulary of V, the logits [N, V] are the largest array of a small language
model. Here rows are taken a chunk at a time, and only [chunk, V] is ever held. A chunk is every
K-th row of the N, so that rows which are split over devices stay where they are.

`cross_entropy` computes the logits again in the backward pass, since the weight of each row is
known only then: four products of N V D, where the plain form has three. `mean_cross_entropy` knows
the weights, and computes its gradients beside the value: three products.
"""

from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

# Logits of a chunk, if no other number of rows is asked for: 32 MiB in float32 on CPUs. Elsewhere
# 1 GiB, since each chunk reads the whole embedding and adds to its whole gradient.
HELD = 1 << 23
HELD_ELSEWHERE = 1 << 28


class Head(NamedTuple):
    """What turns hidden states into logits.

    Attributes:
      embedding: [V, D].
      bias: [V].
    """

    embedding: jax.Array
    bias: jax.Array


def cross_entropy(
    hidden: jax.Array,
    embedding: jax.Array,
    targets: jax.Array,
    *,
    bias: jax.Array | None = None,
    chunk: int | None = None,
) -> jax.Array:
    """Computes -log softmax(hidden embedding^T + bias) of each row's target, in nats.

    Products are of hidden's dtype; sums, the softmax and the gradient of the embedding are float32,
    or float64 where an argument is.

    Args:
      hidden: [N, D] states.
      embedding: [M, D] of a vocabulary of M words.
      targets: [N] int, from 0 to M - 1; elsewhere the loss is NaN.
      bias: [M], or None.
      chunk: rows held at a time; None for as many as have 8 million logits, or
        268 million on an accelerator.

    Returns:
      [N] losses.

    Raises:
      ValueError: chunk < 1.
    """
    head, parts = _prepare(hidden, embedding, targets, bias, chunk)
    return _row_losses(hidden, head, targets, parts)


def mean_cross_entropy(
    hidden: jax.Array,
    embedding: jax.Array,
    targets: jax.Array,
    weights: jax.Array | None = None,
    *,
    bias: jax.Array | None = None,
    chunk: int | None = None,
) -> jax.Array:
    """Computes the weighted mean of `cross_entropy`, with a cheaper gradient.

    Args:
      hidden: [N, D] states.
      embedding: [M, D] of a vocabulary of M words.
      targets: [N] int; where the weight is 0 they may be anything.
      weights: [N] of the rows, 0 for padding; None for ones. They have no gradient.
      bias: [M], or None.
      chunk: rows held at a time; None for as many as have 8 million logits, or
        268 million on an accelerator.

    Returns:
      A scalar; 0 where all weights are.

    Raises:
      ValueError: chunk < 1.
    """
    head, parts = _prepare(hidden, embedding, targets, bias, chunk)
    dtype = head.bias.dtype
    weights = jnp.ones(targets.shape, dtype) if weights is None else weights.astype(dtype)
    chex.assert_equal_shape([weights, targets])
    total = jnp.sum(weights)
    shares = jax.lax.stop_gradient(weights / jnp.where(total == 0, 1.0, total))
    return _mean_loss(hidden, head, jnp.where(shares == 0, 0, targets), shares, parts)


def masked_lm_loss(
    hidden: jax.Array,
    embedding: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    *,
    chunk: int | None = None,
) -> jax.Array:
    """Computes the mean cross entropy of the words that were masked (Devlin et al. 2018, task 1).

    Args:
      hidden: [B, N, D] states of the masked positions alone, see `take_positions`.
      embedding: [M, D] of a vocabulary of M words.
      bias: [M].
      targets: [B, N] int, the words that were there.
      weights: [B, N], 1 for a masked word and 0 for what fills a row up to N.
      chunk: rows held at a time; None for as many as have 8 million logits, or
        268 million on an accelerator.

    Returns:
      A scalar; 0 where nothing is masked.
    """
    chex.assert_rank([hidden, targets, weights], [3, 2, 2])
    chex.assert_equal_shape([targets, weights])
    chex.assert_equal_shape_prefix([hidden, targets], 2)
    rows = hidden.reshape(-1, hidden.shape[-1])
    flat = (x.reshape(-1) for x in (targets, weights))
    return mean_cross_entropy(rows, embedding, *flat, bias=bias, chunk=chunk)


def take_positions(hidden: jax.Array, positions: jax.Array) -> jax.Array:
    """Takes the states of some positions of each row.

    Args:
      hidden: [B, T, D].
      positions: [B, N] int.

    Returns:
      [B, N, D].
    """
    chex.assert_rank([hidden, positions], [3, 2])
    return jnp.take_along_axis(hidden, positions[..., None], axis=1)


def next_sentence_loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Computes the mean cross entropy of telling what follows (Devlin et al. 2018, task 2).

    Args:
      logits: [B, 2], that the second sentence follows the first, and that it is a random one.
      labels: [B] int, 0 where it follows and 1 where it is a random one.

    Returns:
      A scalar.
    """
    chex.assert_shape(logits, (None, 2))
    chex.assert_shape(labels, (len(logits),))
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    return jnp.mean(_losses(logits, labels)[0])


def _prepare(hidden, embedding, targets, bias, chunk) -> tuple[Head, int]:
    """Checks the arguments; returns the head, and in how many parts the rows are taken."""
    chex.assert_rank([hidden, embedding, targets], [2, 2, 1])
    chex.assert_equal_shape_prefix([hidden, targets], 1)
    chex.assert_equal_shape_suffix([hidden, embedding], 1)
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    words = len(embedding)
    if bias is None:
        dtypes = (hidden.dtype, embedding.dtype, jnp.float32)
        bias = jnp.zeros(words, jnp.result_type(*dtypes))
    chex.assert_shape(bias, (words,))
    held = HELD if jax.default_backend() == "cpu" else HELD_ELSEWHERE
    rows = max(held // words, 1) if chunk is None else chunk
    return Head(embedding, bias), max(-(-len(hidden) // rows), 1)


def _logits(hidden: jax.Array, head: Head) -> jax.Array:
    """Returns the logits [C, V] of a chunk, in the bias' dtype."""
    table = head.embedding.astype(hidden.dtype)
    return _product("cd,vd->cv", hidden, table, head.bias.dtype) + head.bias


def _product(formula: str, left: jax.Array, right: jax.Array, dtype) -> jax.Array:
    return jnp.einsum(formula, left, right, preferred_element_type=dtype)


def _losses(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the losses and the log-sum-exps [C]."""
    logsumexp = jax.nn.logsumexp(logits, axis=1)
    column = jnp.where(targets < 0, logits.shape[1], targets)[:, None]  # no counting from behind
    picked = jnp.take_along_axis(logits, column, axis=1, mode="fill")[:, 0]
    return logsumexp - picked, logsumexp


def _gradients(hidden, head, targets, logits, logsumexp, scale):
    """Returns those of a chunk: of its states, and of the head in the dtype of sums."""
    is_target = jnp.arange(logits.shape[1]) == targets[:, None]
    error = (jnp.exp(logits - logsumexp[:, None]) - is_target) * scale[:, None]  # [C, V]
    dtype = error.dtype
    narrow = error.astype(hidden.dtype)
    table = head.embedding.astype(hidden.dtype)
    of_hidden = _product("cv,vd->cd", narrow, table, dtype).astype(hidden.dtype)
    of_table = _product("cv,cd->vd", narrow, hidden, dtype)
    return of_hidden, Head(of_table, jnp.sum(error, axis=0))


def _split(x: jax.Array, parts: int) -> jax.Array:
    """Cuts rows [N, ...] into [parts, N / parts, ...]; N is filled up with zeros."""
    rows = -(-len(x) // parts)
    padding = [(0, rows * parts - len(x))] + [(0, 0)] * (x.ndim - 1)
    return jnp.moveaxis(jnp.pad(x, padding).reshape(rows, parts, *x.shape[1:]), 1, 0)


def _join(x: jax.Array, rows: int) -> jax.Array:
    """Undoes `_split`."""
    return jnp.moveaxis(x, 0, 1).reshape(-1, *x.shape[2:])[:rows]


def _scan(body, total, chunks):
    """Scans over chunks; a single one needs no loop, which XLA would leave standing on CPUs."""
    if len(jax.tree.leaves(chunks)[0]) > 1:
        return jax.lax.scan(body, total, chunks)
    total, found = body(total, jax.tree.map(lambda x: x[0], chunks))
    return total, jax.tree.map(lambda x: x[None], found)


def _no_gradient(head: Head) -> Head:
    return jax.tree.map(lambda x: jnp.zeros(x.shape, head.bias.dtype), head)


def _like(gradient: Head, head: Head) -> Head:
    return jax.tree.map(lambda x, y: x.astype(y.dtype), gradient, head)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _row_losses(hidden, head, targets, parts):
    return _row_losses_forward(hidden, head, targets, parts)[0]


def _row_losses_forward(hidden, head, targets, parts):
    def one(chunk):
        rows, aims = chunk
        return _losses(_logits(rows, head), aims)

    split = _split(hidden, parts), _split(targets, parts)
    _, found = _scan(lambda total, chunk: (total, one(chunk)), (), split)
    losses, logsumexp = (_join(x, len(hidden)) for x in found)
    return losses, (hidden, head, targets, logsumexp)


def _row_losses_backward(parts, saved, scale):
    hidden, head, targets, logsumexp = saved

    def add(total, chunk):
        rows, aims, norms, scales = chunk
        logits = _logits(rows, head)
        of_rows, of_head = _gradients(rows, head, aims, logits, norms, scales)
        return jax.tree.map(jnp.add, total, of_head), of_rows

    chunks = tuple(_split(x, parts) for x in (hidden, targets, logsumexp, scale))
    of_head, of_hidden = _scan(add, _no_gradient(head), chunks)
    return _join(of_hidden, len(hidden)), _like(of_head, head), None


_row_losses.defvjp(_row_losses_forward, _row_losses_backward)


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _mean_loss(hidden, head, targets, shares, parts):
    return jnp.sum(_row_losses(hidden, head, targets, parts) * shares)


def _mean_loss_forward(hidden, head, targets, shares, parts):
    def add(total, chunk):
        rows, aims, scales = chunk
        logits = _logits(rows, head)
        losses, norms = _losses(logits, aims)
        of_rows, of_head = _gradients(rows, head, aims, logits, norms, scales)
        return jax.tree.map(jnp.add, total, (jnp.sum(losses * scales), of_head)), of_rows

    chunks = tuple(_split(x, parts) for x in (hidden, targets, shares))
    nothing = jnp.zeros((), head.bias.dtype), _no_gradient(head)
    (loss, of_head), of_hidden = _scan(add, nothing, chunks)
    return loss, (_join(of_hidden, len(hidden)), _like(of_head, head))


def _mean_loss_backward(parts, saved, scale):
    of_hidden, of_head = jax.tree.map(lambda x: (scale * x).astype(x.dtype), saved)
    return of_hidden, of_head, None, None


_mean_loss.defvjp(_mean_loss_forward, _mean_loss_backward)
