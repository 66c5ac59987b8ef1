"""Batches of text: windows of T + 1 tokens, of which each but the last predicts the next one.

Documents begin with the token `end` (`Corpus`), so where one ends can be read off the tokens: what
a batch keeps on the device is two bytes a token, and `next_token_batch` makes the rest.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import DeviceData, HostData, Sample
from jaxdl.core.run import BadInput
from jaxdl.language.corpus import (
    Corpus,
    all_tokens,
    first_documents,
    num_bytes,
    num_tokens,
    span_reader,
)


class TextBatch(NamedTuple):
    """What a language model reads and what it is to predict.

    Attributes:
      tokens: [B, T] int32.
      targets: [B, T] int32, the token behind each.
      segments: [B, T] int32 from 1 on, equal within a document; 0 is padding.
      positions: [B, T] int32, from the beginning of the document, or of the row within one.
    """

    tokens: jax.Array
    targets: jax.Array
    segments: jax.Array
    positions: jax.Array


class Scored(NamedTuple):
    """Windows in which each token of a corpus but the first is a target once.

    Attributes:
      rows: [M, T + 1] tokens; the last row is filled up with `end`.
      weights: [M, T] float32: 1 for a target, 0 where the row is filled up.
      num_bytes: of the text, for `bits_per_byte`.
    """

    rows: np.ndarray
    weights: np.ndarray
    num_bytes: int


def document_places(tokens: jax.Array, end: int) -> tuple[jax.Array, jax.Array]:
    """Reads off which document a token belongs to, and its position in it.

    Args:
      tokens: [..., T] integers; a document begins with `end`.
      end: that token.

    Returns:
      Segments [..., T] int32 from 1 on, and positions [..., T] int32; a document that began before
      the row has its positions from the row's beginning.
    """
    begins = tokens == end
    places = jnp.broadcast_to(jnp.arange(tokens.shape[-1], dtype=jnp.int32), tokens.shape)
    segments = 1 + jnp.cumsum(begins, axis=-1, dtype=jnp.int32)
    last = jax.lax.cummax(jnp.where(begins, places, 0), axis=tokens.ndim - 1)
    return segments, places - last


def next_token_batch(rows: jax.Array, end: int) -> TextBatch:
    """Makes the batch [B, T] of windows [B, T + 1]."""
    rows = rows.astype(jnp.int32)
    tokens = rows[:, :-1]
    segments, positions = document_places(tokens, end)
    return TextBatch(tokens, rows[:, 1:], segments, positions)


def fixed_windows(corpus: Corpus, *, context: int, batch_size: int) -> DeviceData:
    """Makes windows that lie one behind the other, so that each token is a target once an epoch.

    Args:
      corpus: what is learned from; it is kept on the device.
      context: T.
      batch_size: B.

    Returns:
      Data whose batches are windows [B, T + 1]. What is left behind the last one is not seen.

    Raises:
      BadInput: there are fewer than B windows.
    """
    tokens = all_tokens(corpus)
    count = (len(tokens) - 1) // context
    check_count(count, context, batch_size)
    rows = np.lib.stride_tricks.sliding_window_view(tokens, context + 1)[::context]
    return DeviceData(np.ascontiguousarray(rows[:count]), batch_size)


def shifting_windows(corpus: Corpus, *, context: int, batch_size: int) -> DeviceData:
    """Makes stretches of 2T tokens, T apart, in which `draw_windows` draws a window each time.

    So every place of the text can begin a window, all of the text is passed once an epoch, and the
    driver checks and resumes the data as those of any other system. It takes 2 x 2 bytes a token.

    Args:
      corpus: what is learned from; it is kept on the device.
      context: T.
      batch_size: B.

    Returns:
      Data whose batches are stretches [B, 2T].

    Raises:
      BadInput: there are fewer than B stretches.
    """
    tokens = all_tokens(corpus)
    count = len(tokens) // context - 1
    check_count(count, context, batch_size)
    rows = np.lib.stride_tricks.sliding_window_view(tokens, 2 * context)[::context]
    return DeviceData(np.ascontiguousarray(rows[:count]), batch_size)


def draw_windows(key: jax.Array, stretches: jax.Array) -> jax.Array:
    """Draws a window [B, T + 1] at a random place of each stretch [B, 2T]."""
    context = stretches.shape[1] // 2
    begins = jax.random.randint(key, (len(stretches),), 0, context)
    places = begins[:, None] + jnp.arange(context + 1)
    return jnp.take_along_axis(stretches, places, axis=1)


def random_windows(corpus: Corpus, *, context: int, batch_size: int) -> Sample:
    """Makes sample(key, step) -> windows [B, T + 1] at random places, as nanoGPT draws them.

    With replacement, and 2 bytes a token on the device. `fit` does not compare what a function
    closes over, and copies it to each device at each call where there are several.

    Args:
      corpus: what is learned from; it is kept on the device.
      context: T.
      batch_size: B.

    Raises:
      BadInput: the text is shorter than a window, or has more tokens than 32 bits count.
    """
    tokens = all_tokens(corpus)
    if not context < len(tokens) < 2**31:
        raise BadInput(f"{len(tokens)} tokens should be above context={context} and below 2^31")
    resident = jnp.asarray(tokens)

    def sample(key, step):
        del step  # the key is that of the step
        begins = jax.random.randint(key, (batch_size,), 0, len(tokens) - context)
        return resident[begins[:, None] + jnp.arange(context + 1)]

    return sample


def host_windows(corpus: Corpus, *, context: int, batch_size: int) -> HostData:
    """Reads windows [B, T + 1] from shards on the disk, for text that the device does not hold.

    Window p of epoch e is the p-th of a permutation that (seed, e) decides.

    Args:
      corpus: what is learned from.
      context: T.
      batch_size: B.

    Raises:
      BadInput: there are fewer than B windows.
    """
    count = (num_tokens(corpus) - 1) // context
    check_count(count, context, batch_size)
    read = span_reader(corpus)
    orders: dict[tuple[int, int], np.ndarray] = {}

    def order_of(seed, epoch):
        if (seed, epoch) not in orders:
            for old in [one for one in orders if one[0] == seed and one[1] < epoch - 1]:
                del orders[old]
            orders[seed, epoch] = np.random.default_rng((seed, epoch)).permutation(count)
        return orders[seed, epoch]

    def fetch(seed, step, rows):
        places = step * batch_size + np.asarray(rows)
        numbers = [order_of(seed, int(p // count))[p % count] for p in places]
        return np.stack([read(int(n) * context, context + 1) for n in numbers])

    return HostData(fetch, batch_size, f"{corpus.identity} context {context}")


def scored_windows(corpus: Corpus, *, context: int, most: int = 0) -> Scored:
    """Lays out the windows of an evaluation, which scores every token but the first once.

    Args:
      corpus: held-out text.
      context: T.
      most: score whole documents of so many tokens at most (0: all), but one at least.

    Raises:
      BadInput: there is no text.
    """
    scored = first_documents(corpus, most)
    tokens = all_tokens(scored)
    if len(tokens) < 2:
        raise BadInput("there is no text to score")
    count = -(-(len(tokens) - 1) // context)
    padded = np.full(count * context + 1, corpus.end, tokens.dtype)
    padded[: len(tokens)] = tokens
    rows = np.lib.stride_tricks.sliding_window_view(padded, context + 1)[::context]
    weights = np.arange(count * context) < len(tokens) - 1
    return Scored(
        np.ascontiguousarray(rows),
        weights.reshape(count, context).astype(np.float32),
        num_bytes(scored),
    )


def check_count(count: int, context: int, batch_size: int) -> None:
    """Refuses batches that are larger than all of the text.

    Raises:
      BadInput: with the number of windows that there are.
    """
    if not 1 <= batch_size <= count:
        raise BadInput(
            f"batch_size={batch_size} should be 1 to {max(count, 0)}, the windows of "
            f"context={context} there are"
        )
