"""BERT's inputs: [CLS] A [SEP] B [SEP], made and masked on the device (Devlin et al. 2018, 3.1).

A corpus becomes rows of at most T - 3 tokens of one document (`document_rows`). At every step a row
is cut in two at the beginning of a word; in half of them the second part is replaced by a part of
another document in the batch that is as long, so that lengths and paddings tell nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import DeviceData
from jaxdl.core.run import BadInput
from jaxdl.language.corpus import Corpus, document
from jaxdl.language.masking import Vocabulary, mask_tokens, word_numbers
from jaxdl.language.tokenizers import Tokenizer

FOLLOWS = 0  # the label of B that stood behind A, as in google-research/bert
RANDOM = 1


class Rows(NamedTuple):
    """Parts of documents.

    Attributes:
      tokens: [M, L] tokens without special ones; what follows behind `length` says nothing.
      length: [M] int32.
      document: [M] int32, the number of the document.
    """

    tokens: np.ndarray
    length: np.ndarray
    document: np.ndarray


class Pairs(NamedTuple):
    """Rows as BERT reads them.

    Attributes:
      tokens: [B, T] int32.
      token_types: [B, T] int32: 0 for [CLS] A [SEP], 1 for B [SEP], 0 for padding.
      mask: [B, T] bool, False for padding.
      next_sentence: [B] int32, 0 where B followed A and 1 where it is of another document; 0
        without pairs.
    """

    tokens: jax.Array
    token_types: jax.Array
    mask: jax.Array
    next_sentence: jax.Array


class BertBatch(NamedTuple):
    """What BERT reads and is asked in pretraining.

    Attributes:
      tokens: [B, T] int32, some of them masked.
      token_types: [B, T] int32, as in `Pairs`.
      mask: [B, T] bool, False for padding.
      positions: [B, P] int32 of the tokens that are asked for.
      targets: [B, P] int32.
      weights: [B, P] float32, 0 where a row has fewer than P.
      next_sentence: [B] int32, as in `Pairs`.
    """

    tokens: jax.Array
    token_types: jax.Array
    mask: jax.Array
    positions: jax.Array
    targets: jax.Array
    weights: jax.Array
    next_sentence: jax.Array


class Marks(NamedTuple):
    """Special tokens.

    Attributes:
      start: [CLS].
      separator: [SEP].
      pad: [PAD].
    """

    start: int
    separator: int
    pad: int


def marks_of(tokenizer: Tokenizer) -> Marks:
    """Reads the special tokens of BERT's inputs.

    Raises:
      BadInput: one of them is missing.
    """
    if missing := [name for name in Marks._fields if name not in tokenizer.specials]:
        raise BadInput(f"the tokenizer ({tokenizer.kind}) has no special token {missing[0]!r}")
    return Marks(*(tokenizer.specials[name] for name in Marks._fields))


def document_rows(
    corpus: Corpus, *, context: int, batch_size: int, pairs: bool = True, least: int = 8
) -> DeviceData:
    """Cuts documents into rows, which are read in exact epochs.

    Args:
      corpus: what is learned from.
      context: T, with the special tokens.
      batch_size: B.
      pairs: leave room for two [SEP] instead of one.
      least: shorter rests of documents are left out.

    Returns:
      Data whose batches are `Rows` of L = T - 3 tokens, or T - 2 without pairs.

    Raises:
      BadInput: there are fewer than B rows, or no room for tokens.
    """
    size = context - (3 if pairs else 2)
    if size < 2:
        raise BadInput(f"context={context} leaves no room for two tokens beside the special ones")
    least = min(max(least, 2), size)
    parts = []
    numbers = []
    for number in range(len(corpus.shard)):
        tokens = document(corpus, number)[1:]
        found = [tokens[i : i + size] for i in range(0, len(tokens), size)]
        found = [part for part in found if len(part) >= least]
        parts += found
        numbers += [number] * len(found)
    if not 1 <= batch_size <= len(parts):
        raise BadInput(f"batch_size={batch_size} should be 1 to {len(parts)}, the rows there are")
    tokens = np.zeros((len(parts), size), corpus.shards[0].dtype)
    for row, part in zip(tokens, parts, strict=True):
        row[: len(part)] = part
    length = np.array([len(part) for part in parts], np.int32)
    return DeviceData(Rows(tokens, length, np.array(numbers, np.int32)), batch_size)


def bert_batch(
    key: jax.Array,
    rows: Rows,
    vocabulary: Vocabulary,
    marks: Marks,
    *,
    most: int,
    pairs: bool = True,
    share: float = 0.15,
    whole_words: bool = False,
) -> BertBatch:
    """Makes a batch for pretraining.

    Args:
      key: of all that is drawn.
      rows: of `document_rows`, with the same `pairs`.
      vocabulary: of the tokenizer, as is `marks`.
      marks: special tokens.
      most: P, Devlin et al. 2018 have 20 for T = 128.
      pairs: next-sentence pairs; without them a row is [CLS] A [SEP].
      share: of the tokens that are asked for.
      whole_words: words are masked as a whole.
    """
    pair_key, mask_key = jax.random.split(key)
    made = draw_pairs(pair_key, rows, vocabulary, marks) if pairs else join_one(rows, marks)
    masked = mask_tokens(
        mask_key, made.tokens, vocabulary, most=most, share=share, whole_words=whole_words
    )
    return BertBatch(
        masked.tokens,
        made.token_types,
        made.mask,
        masked.positions,
        masked.targets,
        masked.weights,
        made.next_sentence,
    )


def draw_pairs(key: jax.Array, rows: Rows, vocabulary: Vocabulary, marks: Marks) -> Pairs:
    """Draws where rows are cut, and which half of their second parts is replaced.

    The part of another document begins at the last of its words behind which there are as many
    tokens as are replaced, or is all of it where it is shorter. A batch of one document keeps all.
    """
    cut_key, half_key, other_key = jax.random.split(key, 3)
    tokens = jnp.asarray(rows.tokens).astype(jnp.int32)
    length = jnp.asarray(rows.length)
    begins = _word_begins(tokens, length, vocabulary)
    first = _draw_cut(cut_key, begins, length)
    different = jnp.asarray(rows.document)[:, None] != jnp.asarray(rows.document)[None]  # [B, B]
    is_random = jax.random.bernoulli(half_key, 0.5, length.shape) & different.any(axis=1)
    chance = jnp.where(different, 0.0, -jnp.inf)
    others = jax.random.categorical(other_key, jnp.where(is_random[:, None], chance, 0.0))
    source = jnp.where(is_random, others, jnp.arange(len(length)))
    size = jnp.where(is_random, jnp.minimum(length - first, length[source]), length - first)
    offset = _last_begin(begins[source], length[source] - size)
    offset = jnp.where(is_random, offset, first)
    made = join_pair(tokens, first, _shifted(tokens[source], offset), size, marks)
    labels = jnp.where(is_random, RANDOM, FOLLOWS)
    return made._replace(next_sentence=labels.astype(jnp.int32))


def join_one(rows: Rows, marks: Marks) -> Pairs:
    """Makes [CLS] A [SEP] of rows [B, L], which have T = L + 2 tokens of type 0."""
    tokens = jnp.asarray(rows.tokens).astype(jnp.int32)
    length = jnp.asarray(rows.length)[:, None]
    places = jnp.arange(tokens.shape[1] + 2)
    found = jnp.where(places == 0, marks.start, jnp.pad(tokens, ((0, 0), (1, 1))))
    found = jnp.where(places == length + 1, marks.separator, found)
    mask = places < length + 2
    zeros = jnp.zeros(mask.shape, jnp.int32)
    return Pairs(jnp.where(mask, found, marks.pad), zeros, mask, zeros[:, 0])


def join_pair(
    first: jax.Array, first_size: jax.Array, second: jax.Array, second_size: jax.Array, marks: Marks
) -> Pairs:
    """Makes [CLS] A [SEP] B [SEP], and padding up to T = L + 3.

    Args:
      first: [B, L] int32; A is the first `first_size` of them.
      first_size: [B] int32.
      second: [B, L] int32; B is the first `second_size` of them.
      second_size: [B] int32, with `first_size` at most L.
      marks: special tokens.
    """
    context = first.shape[1] + 3
    places = jnp.arange(context)[None]
    a, b = first_size[:, None], second_size[:, None]
    of_second = jnp.clip(places - a - 2, 0, second.shape[1] - 1)
    found = jnp.take_along_axis(second, of_second, axis=1)
    found = jnp.where(places <= a, jnp.pad(first, ((0, 0), (1, 2))), found)
    found = jnp.where(places == 0, marks.start, found)
    found = jnp.where((places == a + 1) | (places == a + b + 2), marks.separator, found)
    mask = places < a + b + 3
    types = (mask & (places > a + 1)).astype(jnp.int32)
    labels = jnp.full(first_size.shape, FOLLOWS, jnp.int32)
    return Pairs(jnp.where(mask, found, marks.pad), types, mask, labels)


def _word_begins(tokens: jax.Array, length: jax.Array, vocabulary: Vocabulary) -> jax.Array:
    """Whether a word begins at a token [B, L]; the first token counts as a beginning."""
    words = word_numbers(tokens, vocabulary)
    begins = jnp.diff(words, axis=1, prepend=-1) > 0
    return begins & (jnp.arange(tokens.shape[1]) < length[:, None])


def _draw_cut(key: jax.Array, begins: jax.Array, length: jax.Array) -> jax.Array:
    """Draws the beginning of a word [B] that leaves tokens on both sides; any token without one."""
    places = jnp.arange(begins.shape[1])
    inside = (places > 0) & (places < length[:, None])
    allowed = jnp.where((begins & inside).any(axis=1, keepdims=True), begins & inside, inside)
    return jax.random.categorical(key, jnp.where(allowed, 0.0, -jnp.inf)).astype(jnp.int32)


def _last_begin(begins: jax.Array, most: jax.Array) -> jax.Array:
    """The last beginning of a word [B] at or before `most` [B]."""
    places = jnp.arange(begins.shape[1])
    return jnp.max(jnp.where(begins & (places <= most[:, None]), places, 0), axis=1)


def _shifted(tokens: jax.Array, offset: jax.Array) -> jax.Array:
    """Rows [B, L] that begin at an offset [B]; behind their end they repeat the last token."""
    places = jnp.arange(tokens.shape[1]) + offset[:, None]
    return jnp.take_along_axis(tokens, jnp.minimum(places, tokens.shape[1] - 1), axis=1)
