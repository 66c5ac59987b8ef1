from collections import Counter

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language import corpus, packing, tokenizers

T = 8


def test_documents_are_packed_whole_into_as_few_rows_as_fit():
    rng = np.random.default_rng(0)
    documents = [
        np.arange(100 * i, 100 * i + n, dtype=np.uint16)
        for i, n in enumerate(rng.integers(1, T + 1, 60))
    ]
    documents.append(np.arange(9000, 9000 + 2 * T + 3, dtype=np.uint16))
    packed = packing.pack_documents(documents, context=T, end=7)
    found = []
    for tokens, segments, positions in zip(*packed, strict=True):
        for segment in range(1, segments.max() + 1):
            part = tokens[segments == segment]
            np.testing.assert_array_equal(np.diff(part), 1)
            np.testing.assert_array_equal(positions[segments == segment], np.arange(len(part)))
            assert np.ptp(np.flatnonzero(segments == segment)) == len(part) - 1
            found.append(part)
        assert (tokens[segments == 0] == 7).all()
    pieces = [d[i : i + T] for d in documents for i in range(0, len(d), T)]
    assert Counter(x.tobytes() for x in found) == Counter(x.tobytes() for x in pieces)
    least = -(-sum(map(len, documents)) // T)
    assert least <= len(packed.tokens) <= 11 * least / 9 + 1  # of best fit, decreasing
    assert packing.pack_documents([], context=T, end=7).tokens.shape == (0, T)


def test_packing_finds_the_perfect_fit():
    sizes = [8, 5, 3, 4, 4, 7, 1, 6, 2]
    packed = packing.pack_documents([np.ones(n, np.uint16) for n in sizes], context=T, end=0)
    assert len(packed.tokens) == 5
    assert (packed.segments > 0).all()


def test_a_batch_of_packed_rows_predicts_within_documents(tmp_path):
    for letter, size in (("a", 3), ("b", 2), ("c", 9), ("d", 1), ("e", 4)):
        (tmp_path / f"{letter}.txt").write_text(letter * size)
    text = corpus.open_corpus(tmp_path, tokenizers.raw_bytes(), held_out=0.01)
    data = packing.packed_rows(text.train, context=T, batch_size=2)
    batch = packing.packed_batch(data.arrays, 256)
    seen = []
    for tokens, targets, segments, positions in zip(*map(np.asarray, batch), strict=True):
        for segment in range(1, segments.max() + 1):
            inside = segments == segment
            assert (targets[inside][:-1] == tokens[inside][1:]).all()
            assert targets[inside][-1] == 256
            assert positions[inside][0] == 0
            seen.append(tokenizers.raw_bytes().decode(tokens[inside]).replace(tokenizers.END, "|"))
    documents = [corpus.document(text.train, i) for i in range(len(text.train.shard))]
    whole = [tokenizers.raw_bytes().decode(x).replace(tokenizers.END, "|") for x in documents]
    assert sorted(seen) == sorted(x[i : i + T] for x in whole for i in range(0, len(x), T))
    with pytest.raises(BadInput, match="windows of context=8 there are"):
        packing.packed_rows(text.train, context=T, batch_size=100)
