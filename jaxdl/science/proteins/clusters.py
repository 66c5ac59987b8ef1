"""Splits of proteins by likeness of sequence, so that no relative of a test chain is learned from.

Sequences that share words of k letters are related; who is related to a relative is in the same
cluster. Words see less than alignments do: chains of different clusters may still fold alike.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from jaxdl.core.run import BadInput


class Split(NamedTuple):
    """Which sequences are for what.

    Attributes:
      train: [T] int32, places in the list of sequences, in its order.
      held_out: [H] int32, the others; no cluster has sequences in both.
      clusters: [T + H] int32, the cluster of each sequence.
    """

    train: np.ndarray
    held_out: np.ndarray
    clusters: np.ndarray


def cluster_sequences(
    sequences: Sequence[str], *, word: int = 4, threshold: float = 0.05
) -> np.ndarray:
    """Puts sequences together that share words, directly or through others.

    Two sequences are related where the share of words in common, among the different words of the
    one that has fewer, exceeds the threshold. Random sequences of 200 letters share 0.1 % of their
    words of four.

    Args:
      sequences: N of them.
      word: letters of a word.
      threshold: share of words above which sequences are related.

    Returns:
      [N] int32, clusters numbered by their first sequences.
    """
    words = [{s[i : i + word] for i in range(max(len(s) - word + 1, 1))} for s in sequences]
    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(w, len(numbers)) for group in words for w in sorted(group)]
    counts = np.array([len(group) for group in words])
    rows = np.repeat(np.arange(len(words)), counts)
    shape = (len(words), len(numbers))
    holds = csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape)
    shared = (holds @ holds.T).tocoo()
    fewer = np.minimum(counts[shared.row], counts[shared.col])
    is_related = shared.data > threshold * fewer
    edges = (shared.row[is_related], shared.col[is_related])
    graph = csr_array((np.ones(len(edges[0]), np.int8), edges), (len(words), len(words)))
    return connected_components(graph, directed=False)[1].astype(np.int32)


def split_by_cluster(
    sequences: Sequence[str], *, held_out: float = 0.2, word: int = 4, threshold: float = 0.05
) -> Split:
    """Holds whole clusters out.

    Which ones is settled by a hash of the sequences, not by chance and not by their order: clusters
    are taken in the order of the hash of their alphabetically first sequence, as long as they fit
    into the share that is asked for; the smallest one is, if none does.

    Args:
      sequences: N of them.
      held_out: share of the sequences to hold out, at most.
      word: letters of a word, see `cluster_sequences`.
      threshold: share of words above which sequences are related.

    Raises:
      BadInput: all sequences are in one cluster, or the share is not between 0 and 1.
    """
    if not 0 < held_out < 1:
        raise BadInput(f"the share to hold out lies between 0 and 1, got {held_out:g}")
    clusters = cluster_sequences(sequences, word=word, threshold=threshold)
    members = [np.flatnonzero(clusters == c) for c in range(clusters.max(initial=-1) + 1)]
    if len(members) < 2:
        raise BadInput(f"{len(sequences)} sequences in {len(members)} cluster: none to hold out")
    members.sort(key=lambda rows: _digest(min(sequences[i] for i in rows)))
    room = held_out * len(sequences)
    chosen: list[int] = []
    for rows in members:
        if len(chosen) + len(rows) <= room:
            chosen.extend(rows.tolist())
    chosen = chosen or min(members, key=len).tolist()
    is_held_out = np.isin(np.arange(len(sequences)), chosen)
    train, test = (np.flatnonzero(rows).astype(np.int32) for rows in (~is_held_out, is_held_out))
    return Split(train, test, clusters)


def _digest(sequence: str) -> str:
    return hashlib.sha256(sequence.encode()).hexdigest()
