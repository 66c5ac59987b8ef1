"""Texts of tasks as ids in rows of one length, for BERT and for causal models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.sentence_pairs import Marks, marks_of
from jaxdl.language.shards import end_of
from jaxdl.language.tasks import Examples
from jaxdl.language.tokenizers import Tokenizer


class Encoded(NamedTuple):
    """Examples as BERT reads them.

    Attributes:
      tokens: [N, T] int32: [CLS] A [SEP], or [CLS] A [SEP] B [SEP], and [PAD].
      token_types: [N, T] int32, 1 for B and the [SEP] behind it.
      mask: [N, T] bool, False for padding.
      labels: [N] int32.
    """

    tokens: np.ndarray
    token_types: np.ndarray
    mask: np.ndarray
    labels: np.ndarray


class EncodedCausal(NamedTuple):
    """Examples as a causal model reads them.

    Attributes:
      tokens: [N, T] int32: `end` A `end`, or `end` A `end` B `end`, filled up with `end`.
      last: [N] int32, the position of the last `end` that is no filling: what it has read by then
        is the whole example (Radford et al. 2018, section 3.3, have other tokens there).
      mask: [N, T] bool, False for the filling.
      labels: [N] int32.
    """

    tokens: np.ndarray
    last: np.ndarray
    mask: np.ndarray
    labels: np.ndarray


def truncated(first: int, second: int, most: int) -> tuple[int, int]:
    """Returns how many tokens of two texts are kept.

    One by one the longer loses its last token, and the second where both are as long
    (google-research/bert, run_classifier.py).
    """
    surplus = max(first + second - most, 0)
    uneven = min(surplus, abs(first - second))
    if first > second:
        first -= uneven
    else:
        second -= uneven
    rest = surplus - uneven
    return first - rest // 2, second - (rest + 1) // 2


def encode_examples(examples: Examples, tokenizer: Tokenizer, *, context: int) -> Encoded:
    """Encodes examples for BERT, and cuts what is too long at its end.

    Args:
      examples: N texts, or N pairs.
      tokenizer: with "start", "separator" and "pad".
      context: T.

    Raises:
      BadInput: the tokenizer lacks one of them, or T is too small.
    """
    marks = marks_of(tokenizer)
    first, second = _encode_texts(examples, tokenizer, context)
    tokens = np.full((len(first), context), marks.pad, np.int32)
    types = np.zeros(tokens.shape, np.int32)
    mask = np.zeros(tokens.shape, bool)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        found, begin = _join(a, b, marks)
        tokens[row, : len(found)] = found
        types[row, begin : len(found)] = 1
        mask[row, : len(found)] = True
    return Encoded(tokens, types, mask, examples.labels)


def encode_causal(examples: Examples, tokenizer: Tokenizer, *, context: int) -> EncodedCausal:
    """Encodes examples for a causal model, and cuts what is too long at its end.

    Args:
      examples: N texts, or N pairs.
      tokenizer: with "end".
      context: T.

    Raises:
      BadInput: the tokenizer has no end, or T is too small.
    """
    end = end_of(tokenizer)
    first, second = _encode_texts(examples, tokenizer, context)
    tokens = np.full((len(first), context), end, np.int32)
    size = np.zeros(len(first), np.int32)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        found, _ = _join(a, b, Marks(end, end, end))
        tokens[row, : len(found)] = found
        size[row] = len(found)
    mask = np.arange(context) < size[:, None]
    return EncodedCausal(tokens, size - 1, mask, examples.labels)


def _encode_texts(
    examples: Examples, tokenizer: Tokenizer, context: int
) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """The ids of both texts of each example, cut so that the special tokens have room too."""
    special = 3 if examples.second else 2
    if context < special + 2:
        raise BadInput(f"context={context} leaves no room for tokens beside {special} special ones")
    first = tokenizer.encode_all(examples.first)
    if not examples.second:
        return [ids[: context - special] for ids in first], [None] * len(first)
    second = tokenizer.encode_all(examples.second)
    sizes = [truncated(len(a), len(b), context - 3) for a, b in zip(first, second, strict=True)]
    cut = [(a[:n], b[:m]) for a, b, (n, m) in zip(first, second, sizes, strict=True)]
    return [a for a, _ in cut], [b for _, b in cut]


def _join(first: np.ndarray, second: np.ndarray | None, marks: Marks) -> tuple[list[int], int]:
    """The ids of an example, and where those of the second text begin."""
    found: Sequence[int] = [marks.start, *first, marks.separator]
    begin = len(found)
    if second is not None:
        found = [*found, *second, marks.separator]
    return found, begin
