"""How well a net tells texts: the nats of whole documents, and of what goes on from a context."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.gpt2 import token_losses
from jaxdl.language.shards import end_of
from jaxdl.language.tokenizers import Tokenizer
from jaxdl.nn.gpt2 import GPT2

BATCH = 16  # rows that are computed at a time
GRAINS = 8  # lengths of rows that are compiled


class Model(NamedTuple):
    """What tells texts.

    Attributes:
      net: whose context is T.
      params: of it.
      tokenizer: V tokens; it has `end`, which documents begin with.
      packed: whether the net was trained to see no document but its own.
    """

    net: GPT2
    params: Any
    tokenizer: Tokenizer
    packed: bool = False


class Question(NamedTuple):
    """What a net is to go on with.

    Attributes:
      context: tokens, `end` first; those that do not fit are left out from their beginning.
      target: tokens, one at least.
    """

    context: Sequence[int]
    target: Sequence[int]


class Answers(NamedTuple):
    """How well N questions were answered.

    Attributes:
      nats: [N], the sum of the cross entropies of a target's tokens.
      likeliest: [N] bool, whether each of them was the likeliest token.
    """

    nats: np.ndarray
    likeliest: np.ndarray


class Blocks(NamedTuple):
    """A text in M pieces of about half a context, in each of which a net has seen what was before.

    Attributes:
      nats: [M], the sum of the cross entropies of a piece's tokens.
      size: [M], bytes of the piece.
      counts: [V], how often each token is a target in the whole text.
    """

    nats: np.ndarray
    size: np.ndarray
    counts: np.ndarray


def score_texts(model: Model, texts: Sequence[str]) -> Blocks:
    """Scores documents in windows that overlap by half, so that each token sees half a context.

    Args:
      model: what tells them; the first token of a document is told from `end` before it.
      texts: documents.

    Raises:
      BadInput: they are empty.
    """
    end, context = end_of(model.tokenizer), model.net.context
    tokens = [
        np.asarray([end, *ids]) for ids in model.tokenizer.encode_all(list(texts)) if len(ids)
    ]
    if not tokens:
        raise BadInput("there is no text to score")
    rows, weights = sliding_windows(np.concatenate(tokens), context)
    losses = _in_batches(partial(_losses, model.net, end if model.packed else None), model, rows)
    sizes = np.array([len(piece) for piece in model.tokenizer.pieces])
    sizes[list(model.tokenizer.specials.values())] = 0  # they are no part of the text
    targets = rows[:, 1:]
    counts = np.bincount(targets[weights > 0], minlength=len(sizes))
    return Blocks((losses * weights).sum(1), (sizes[targets] * weights).sum(1), counts)


def sliding_windows(tokens: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Lays out windows that overlap by half, in which each token but the first is scored once.

    Args:
      tokens: [N].
      context: T.

    Returns:
      Rows [M, T + 1] int32, and weights [M, T] float64: 1 for what is scored.
    """
    stride = context - context // 2
    count = 1 + max(-(-(len(tokens) - 1 - context) // stride), 0)
    padded = np.zeros((count - 1) * stride + context + 1, np.int32)
    padded[: len(tokens)] = tokens
    rows = np.lib.stride_tricks.sliding_window_view(padded, context + 1)[::stride]
    place = stride * np.arange(count)[:, None] + np.arange(context)  # of what a target follows
    is_new = (np.arange(context) >= context - stride) | (np.arange(count)[:, None] == 0)
    return np.ascontiguousarray(rows), (is_new & (place < len(tokens) - 1)).astype(np.float64)


def score_answers(model: Model, questions: Sequence[Question]) -> Answers:
    """Scores how likely targets are behind their contexts, and whether they are the likeliest.

    Args:
      model: what is asked.
      questions: N of them; of a target longer than the net's context its end is scored.
    """
    most = model.net.context
    cut = [min(len(question.target), most) for question in questions]
    whole = [[*q.context, *q.target][-(most + 1) :] for q in questions]
    grain = max(most // GRAINS, 1)
    length = min(-(-max(len(row) - 1 for row in whole) // grain) * grain, most)
    spots = min(1 << (max(cut) - 1).bit_length(), length)  # P
    rows = np.zeros((len(whole), length + 1), np.int32)
    places = np.zeros((len(whole), spots), np.int32)
    weights = np.zeros((len(whole), spots))
    for i, (row, size) in enumerate(zip(whole, cut, strict=True)):
        rows[i, : len(row)] = row
        places[i, :size] = np.arange(len(row) - 1 - size, len(row) - 1)
        weights[i, :size] = 1
    losses, hits = _in_batches(partial(_told, model.net), model, rows, places)
    return Answers((losses * weights).sum(1), ((hits > 0) | (weights == 0)).all(1))


def _in_batches(function: Callable, model: Model, *arrays: np.ndarray) -> Any:
    """Computes rows of arrays a few at a time; the last batch is filled up with rows of zeros."""
    parts = []
    for begin in range(0, len(arrays[0]), BATCH):
        batch = [x[begin : begin + BATCH] for x in arrays]
        missing = BATCH - len(batch[0])
        filled = [np.pad(x, ((0, missing), *[(0, 0)] * (x.ndim - 1))) for x in batch]
        found = function(model.params, *filled)
        parts.append(jax.tree.map(lambda x, n=BATCH - missing: np.asarray(x[:n]), found))
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


@partial(jax.jit, static_argnums=(0, 1))
def _losses(net, end, params, windows):
    return token_losses(net, params, windows, end=end)


@partial(jax.jit, static_argnums=0)
def _told(net, params, rows, places):
    """Returns losses [B, P] of the tokens behind those places, and which are the likeliest."""
    hidden = net.apply({"params": params}, rows[:, :-1], method="encode")
    hidden = jnp.take_along_axis(hidden, places[:, :, None], axis=1)  # [B, P, D]
    logits = net.apply({"params": params}, hidden, method="logits")
    targets = jnp.take_along_axis(rows[:, 1:], places, axis=1)
    logp = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, :, None], axis=2)
    return -logp[:, :, 0], jnp.argmax(logits, axis=2) == targets
