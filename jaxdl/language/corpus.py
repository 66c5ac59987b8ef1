"""Corpora: documents as tokens, divided into those that are learned from and those held out."""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.shards import Index, Shard, end_of, make_shards, read_shards, write_shards
from jaxdl.language.texts import Texts, open_texts
from jaxdl.language.tokenizers import Tokenizer, identity


class Corpus(NamedTuple):
    """Documents as tokens, in memory or mapped from the disk.

    A document is the token `end` (BERT's [SEP]) and then its text, so that its first token is
    predicted from `end` and `end` itself from the last one: one token begins and ends a text.

    Attributes:
      shards: arrays [N_i] of tokens, uint16 or uint32.
      shard: [D] int64, which of them holds a document.
      index: of all documents: `start` is within the shard.
      vocab_size: ids are below it.
      end: the token before each document.
      identity: what it is, with the version of Python where the text is Python's own, and a hash
        of all of it.
    """

    shards: tuple[np.ndarray, ...]
    shard: np.ndarray
    index: Index
    vocab_size: int
    end: int
    identity: str


class Split(NamedTuple):
    """Two corpora without a document in common.

    Attributes:
      train: what is learned from.
      held_out: what is measured on.
    """

    train: Corpus
    held_out: Corpus


def open_corpus(
    text: str | os.PathLike,
    tokenizer: Tokenizer,
    *,
    held_out: float = 0.1,
    folder: str | os.PathLike = "",
    encoding: str = "",
    dtype: str = "",
    on_broken: Callable[[BadInput], None] | None = None,
) -> Split:
    """Reads text, encodes it, and holds documents out.

    Args:
      text: "python" (docstrings and topics of Python's own library, the default of experiments),
        "topics" (the topics alone), "source" (its code), or the path of a folder, a .zip or a file.
      tokenizer: what encodes it.
      held_out: the share of bytes that is held out, as whole documents; of a single file its end.
      folder: where tokens are kept and found again; "" keeps them in memory.
      encoding: of the files; by default that of their byte order mark, or UTF-8. Of several, such
        as "utf-8,latin-1", the first that fits is taken.
      dtype: "uint16" or "uint32"; by default the smaller one that holds all ids.
      on_broken: what is done about files that are no text; by default the error is raised.

    Raises:
      BadInput: there is no such text, or a file of it or of the folder is damaged.
    """
    texts = open_texts(text, held_out=held_out, encoding=encoding, on_broken=on_broken)
    if str(folder):
        write_shards(texts, tokenizer, folder, dtype=dtype)
        shards, _ = read_shards(folder)
    else:
        shards = list(make_shards(texts, tokenizer, dtype=dtype, least=2**62))
    if not shards:
        raise BadInput(f"{texts.name} holds no text: all of its files are blank")
    return split(_join(shards, tokenizer, texts), held_out)


def split(corpus: Corpus, held_out: float) -> Split:
    """Holds out documents of at least that share of all bytes, and never the last text.

    Which ones is told by the hash of a text: a text that is there twice is on one side, and a new
    one moves few others.

    Args:
      corpus: all documents.
      held_out: above 0 and below 1.

    Raises:
      BadInput: there is only one text.
    """
    if not 0 < held_out < 1:
        raise BadInput(f"held_out={held_out} must be above 0 and below 1")
    orders, group = np.unique(corpus.index.order, return_inverse=True)
    if len(orders) < 2:
        raise BadInput("there is only one document, and none that could be held out")
    sizes = np.bincount(group, corpus.index.num_bytes)
    reached = np.searchsorted(np.cumsum(sizes), held_out * sizes.sum())
    groups = min(int(reached) + 1, len(orders) - 1)
    is_out = group < groups
    return Split(choose(corpus, ~is_out), choose(corpus, is_out))


def choose(corpus: Corpus, rows: np.ndarray) -> Corpus:
    """Returns some of the documents, by a mask [D] or by their numbers."""
    index = Index(*(x[rows] for x in corpus.index))
    return corpus._replace(shard=corpus.shard[rows], index=index)


def first_documents(corpus: Corpus, most: int) -> Corpus:
    """Returns the first documents that have at most so many tokens (0: all), but one at least."""
    if not most:
        return corpus
    ends = np.cumsum(corpus.index.length)
    kept = max(1, int(np.searchsorted(ends, most, "right")))
    return choose(corpus, np.arange(len(ends)) < kept)


def num_tokens(corpus: Corpus) -> int:
    """Counts tokens, one `end` for each document among them."""
    return int(corpus.index.length.sum())


def num_bytes(corpus: Corpus) -> int:
    """Counts the bytes of the text in UTF-8, without ends."""
    return int(corpus.index.num_bytes.sum())


def bits_per_byte(nats: float, num_bytes: float) -> float:
    """Returns the bits that a model needs for a byte of text, whatever its tokens are.

    Args:
      nats: the sum of the cross entropies of all tokens of the text, ends among them.
      num_bytes: of the text.
    """
    return nats / math.log(2) / num_bytes


def document(corpus: Corpus, number: int) -> np.ndarray:
    """Returns the tokens [N] of a document, its `end` first."""
    start = corpus.index.start[number]
    return corpus.shards[corpus.shard[number]][start : start + corpus.index.length[number]]


def decoded(corpus: Corpus, tokenizer: Tokenizer) -> list[str]:
    """Returns the texts of all documents."""
    return [tokenizer.decode(document(corpus, i)[1:]) for i in range(len(corpus.shard))]


def all_tokens(corpus: Corpus) -> np.ndarray:
    """Returns the tokens of all documents in one array [N]."""
    if not len(corpus.shard):
        return np.zeros(0, corpus.shards[0].dtype)
    return np.concatenate([document(corpus, i) for i in range(len(corpus.shard))])


def span_reader(corpus: Corpus) -> Callable[[int, int], np.ndarray]:
    """Makes begin, size -> [size] tokens from a place in the row of all documents.

    Nothing else is read, so the row may be larger than memory.
    """
    ends = np.cumsum(corpus.index.length)

    def read(begin, size):
        number = int(np.searchsorted(ends, begin, "right"))
        parts = []
        while size > 0:
            tokens = document(corpus, number)
            offset = begin - int(ends[number] - len(tokens))
            parts.append(tokens[offset : offset + size])
            begin, size, number = begin + len(parts[-1]), size - len(parts[-1]), number + 1
        return np.concatenate(parts)

    return read


def _join(shards: Sequence[Shard], tokenizer: Tokenizer, texts: Texts) -> Corpus:
    counts = [len(shard.index.start) for shard in shards]
    fields = zip(*(shard.index for shard in shards), strict=True)
    index = Index(*map(np.concatenate, fields))
    digest = hashlib.sha256(identity(tokenizer).encode())
    for field in index:
        digest.update(np.ascontiguousarray(field).data)
    return Corpus(
        shards=tuple(shard.tokens for shard in shards),
        shard=np.repeat(np.arange(len(shards)), counts),
        index=index,
        vocab_size=tokenizer.vocab_size,
        end=end_of(tokenizer),
        identity=f"{texts.identity} {digest.hexdigest()[:16]}",
    )
