"""Whole documents side by side in rows of T tokens, as few rows as fit."""

import bisect
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import DeviceData
from jaxdl.language.corpus import Corpus, document
from jaxdl.language.windows import TextBatch, check_count


class Packed(NamedTuple):
    """Whole documents side by side in rows.

    Attributes:
      tokens: [R, T] of the corpus's dtype; padding is the token `end`.
      segments: [R, T] int32 from 1 on, one for each document of a row; 0 is padding.
      positions: [R, T] int32 within the document.
    """

    tokens: np.ndarray
    segments: np.ndarray
    positions: np.ndarray


def packed_rows(corpus: Corpus, *, context: int, batch_size: int) -> DeviceData:
    """Packs a corpus into rows, which are read in exact epochs.

    Args:
      corpus: what is learned from; it is kept on the device.
      context: T; longer documents are cut into pieces, each of which begins anew.
      batch_size: B.

    Returns:
      Data whose batches are `Packed` rows [B, T], from which `packed_batch` makes a `TextBatch`.

    Raises:
      BadInput: there are fewer than B rows.
    """
    documents = [document(corpus, i) for i in range(len(corpus.shard))]
    packed = pack_documents(documents, context=context, end=corpus.end)
    check_count(len(packed.tokens), context, batch_size)
    return DeviceData(packed, batch_size)


def packed_batch(packed: Packed, end: int) -> TextBatch:
    """Makes the batch [B, T] of packed rows, in which `end` follows the last token of a document.

    Where `segments` is 0 a row is filled up, and no loss may be taken.
    """
    tokens = jnp.asarray(packed.tokens).astype(jnp.int32)
    segments = jnp.asarray(packed.segments)
    goes_on = segments[:, 1:] == segments[:, :-1]
    following = jnp.where(goes_on, tokens[:, 1:], end)
    targets = jnp.pad(following, ((0, 0), (0, 1)), constant_values=end)
    return TextBatch(tokens, targets, segments, jnp.asarray(packed.positions))


def pack_documents(documents: list[np.ndarray], *, context: int, end: int) -> Packed:
    """Packs whole documents into rows, each where it leaves the least room (best fit, decreasing).

    Args:
      documents: tokens [N_i] of each, with what is to stand before or behind them.
      context: T; a longer document is cut into pieces, each of which counts as a document.
      end: the token that fills up rows.
    """
    pieces = [
        document[begin : begin + context]
        for document in documents
        for begin in range(0, len(document), context)
    ]
    order = sorted(range(len(pieces)), key=lambda i: (-len(pieces[i]), i))
    rows: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, row), sorted
    for i in order:
        size = len(pieces[i])
        at = bisect.bisect_left(rooms, (size, 0))
        room, row = rooms.pop(at) if at < len(rooms) else (context, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(i)
        if room > size:
            bisect.insort(rooms, (room - size, row))
    return _fill_rows([[pieces[i] for i in row] for row in rows], context, end)


def _fill_rows(rows: list[list[np.ndarray]], context: int, end: int) -> Packed:
    dtype = rows[0][0].dtype if rows else np.dtype(np.uint16)
    tokens = np.full((len(rows), context), end, dtype)
    segments = np.zeros((len(rows), context), np.int32)
    positions = np.zeros((len(rows), context), np.int32)
    for r, row in enumerate(rows):
        begin = 0
        for number, piece in enumerate(row, 1):
            part = slice(begin, begin + len(piece))
            tokens[r, part] = piece
            segments[r, part] = number
            positions[r, part] = np.arange(len(piece))
            begin += len(piece)
    return Packed(tokens, segments, positions)
