from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.core.run import BadInput
from jaxdl.language import corpus, tokenizers
from jaxdl.language.masking import masking_vocabulary
from jaxdl.language.sentence_pairs import (
    Marks,
    Rows,
    bert_batch,
    document_rows,
    draw_pairs,
    join_one,
    join_pair,
    marks_of,
)

TOKENIZER = tokenizers.raw_bytes(("end", "pad", "start", "separator", "mask"))
VOCABULARY = masking_vocabulary(TOKENIZER)
PAD, START, SEPARATOR = 257, 258, 259
MARKS = Marks(START, SEPARATOR, PAD)
L = 13


def rows_of(*texts, documents=None):
    tokens = np.zeros((len(texts), L), np.uint16)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = TOKENIZER.encode(text)
    length = np.array([len(text) for text in texts], np.int32)
    return Rows(tokens, length, np.arange(len(texts)) if documents is None else documents)


@jax.jit
def _draw(keys, rows):
    return jax.vmap(lambda key: draw_pairs(key, rows, VOCABULARY, MARKS))(keys)


def draw_many(rows, draws=400):
    """Pairs of so many draws of a batch, one below the other."""
    pairs = _draw(jax.random.split(jax.random.key(0), draws), rows)
    return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), pairs)


def parts_of(pairs):
    """A and B of each row as text, read off types and marks, which are checked."""
    for tokens, types, mask in zip(*map(np.asarray, pairs[:3]), strict=True):
        size = int(mask.sum())
        assert mask[:size].all()
        assert (tokens[size:] == PAD).all() and not types[size:].any()
        first = int((types[:size] == 0).sum())
        assert types[first:size].all()
        assert tokens[0] == START
        assert np.flatnonzero(tokens == SEPARATOR).tolist() == [first - 1, size - 1]
        yield TOKENIZER.decode(tokens[1 : first - 1]), TOKENIZER.decode(tokens[first : size - 1])


def test_pairs_are_joined_as_in_the_paper():
    first = jnp.array([[1, 2, 3, 0], [4, 0, 0, 0]])
    second = jnp.array([[5, 6, 0, 0], [7, 8, 9, 0]])
    made = join_pair(first, jnp.array([2, 1]), second, jnp.array([1, 3]), Marks(90, 91, 92))
    assert made.tokens.tolist() == [[90, 1, 2, 91, 5, 91, 92], [90, 4, 91, 7, 8, 9, 91]]
    assert made.token_types.tolist() == [[0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]]
    assert made.mask.tolist() == [[True] * 6 + [False], [True] * 7]
    single = join_one(Rows(first, jnp.array([3, 1]), jnp.array([0, 1])), Marks(90, 91, 92))
    assert single.tokens.tolist() == [[90, 1, 2, 3, 91, 92], [90, 4, 91, 92, 92, 92]]
    assert not single.token_types.any()
    assert single.mask.tolist() == [[True] * 5 + [False], [True] * 3 + [False] * 3]


def test_half_of_the_pairs_follow_and_are_cut_before_a_word():
    texts = ["aa bb cc dd e", "one two three", "x.y.z", "it is"]
    pairs = draw_many(rows_of(*texts))
    random = np.asarray(pairs.next_sentence)
    assert stats.binomtest(int(random.sum()), len(random), 0.5).pvalue > 0.001
    follows = Counter()
    labels = np.asarray(pairs.next_sentence)
    for place, (first, second) in enumerate(parts_of(pairs)):
        number = place % 4
        if labels[place] == 0:
            assert first + second == texts[number]
            follows[number, len(first)] += 1
        else:
            assert any(second in text for i, text in enumerate(texts) if i != number)
    cuts = [2, 3, 5, 6, 8, 9, 11, 12]  # every change between a word and a blank
    assert {size for number, size in follows if number == 0} == set(cuts)
    assert stats.chisquare([follows[0, size] for size in cuts]).pvalue > 0.001


def test_lengths_tell_nothing_of_what_follows():
    texts = ["aa bb cc dd e", "one two three", "yes or no, no", "a-b-c-d-e-f-g"]
    pairs = draw_many(rows_of(*texts))
    assert np.asarray(pairs.mask).all()  # full rows stay full
    labels = np.asarray(pairs.next_sentence)
    begins = [text[i:] for text in texts for i in range(len(text)) if word_begins(text, i)]
    for label, (first, second) in zip(labels, parts_of(pairs), strict=True):
        assert first and second
        assert any(text.startswith(second) for text in begins)
        assert label or first + second in texts


def word_begins(text, i):
    return i == 0 or not (text[i - 1].isalnum() and text[i].isalnum())


def test_random_parts_come_from_other_documents():
    texts = ["aaaa aaaa", "bbbb bbbb", "AAAA AAAA", "BBBB BBBB"]
    documents = np.array([0, 1, 0, 1])
    pairs = draw_many(rows_of(*texts, documents=documents))
    labels = np.asarray(pairs.next_sentence)
    for place, (_, second) in enumerate(parts_of(pairs)):
        letter = "ab"[(documents[place % 4] + labels[place]) % 2]
        assert set(second.lower()) <= {letter, " "}
    assert 0.4 < labels.mean() < 0.6
    alone = rows_of(*texts, documents=np.zeros(4, int))
    pairs = draw_many(alone)
    assert not np.asarray(pairs.next_sentence).any()
    assert ["".join(parts) for parts in parts_of(pairs)] == texts * 400


@pytest.mark.parametrize("pairs, whole_words", [(True, True), (False, False)])
def test_a_batch_hides_tokens_and_can_be_put_together_again(tmp_path, pairs, whole_words):
    for i in range(12):
        (tmp_path / f"{i}.txt").write_text(" ".join(f"word{i}{j}" for j in range(3 + i)))
    split = corpus.open_corpus(tmp_path, TOKENIZER)
    data = document_rows(split.train, context=32, batch_size=8, pairs=pairs)
    assert data.arrays.tokens.shape[1] == (29 if pairs else 30)
    rows = jax.tree.map(lambda x: x[:8], data.arrays)
    batch = jax.jit(
        lambda key: bert_batch(
            key, rows, VOCABULARY, MARKS, most=6, pairs=pairs, whole_words=whole_words
        )
    )(jax.random.key(5))
    assert batch.tokens.shape == batch.token_types.shape == batch.mask.shape == (8, 32)
    assert batch.positions.shape == batch.targets.shape == batch.weights.shape == (8, 6)
    restored = np.array(batch.tokens)
    for r in range(8):
        on = np.asarray(batch.weights[r]) > 0
        assert on.any()
        restored[r, np.asarray(batch.positions[r])[on]] = np.asarray(batch.targets[r])[on]
    assert ((restored == 260).sum() == 0) and (np.asarray(batch.tokens) == 260).any()
    for r in range(8):
        text = TOKENIZER.decode(rows.tokens[r][: rows.length[r]])
        kept = restored[r][np.asarray(batch.mask[r])]
        body = kept[~np.isin(kept, [START, SEPARATOR])]
        if not batch.next_sentence[r]:
            assert TOKENIZER.decode(body) == text
    if not pairs:
        assert not np.asarray(batch.next_sentence).any()


def test_rows_hold_documents_in_parts_and_no_ends(tmp_path):
    for letter, size in (("a", 25), ("b", 10), ("c", 3), ("d", 1), ("e", 12)):
        (tmp_path / f"{letter}.txt").write_text(letter * size)
    split = corpus.open_corpus(tmp_path, TOKENIZER, held_out=0.01)
    left_out = TOKENIZER.decode(corpus.document(split.held_out, 0)[1:2])
    rows = document_rows(split.train, context=13, batch_size=1, least=3).arrays
    found = Counter()
    for tokens, length, _ in zip(*rows, strict=True):
        assert len(set(tokens[:length].tolist())) == 1
        assert not tokens[length:].any()
        found[TOKENIZER.decode(tokens[:1]), int(length)] += 1
    expected = Counter({("a", 10): 2, ("a", 5): 1, ("b", 10): 1, ("c", 3): 1, ("e", 10): 1})
    assert found == Counter({k: n for k, n in expected.items() if k[0] != left_out})
    assert len(set(rows.document.tolist())) == len({letter for letter, _ in found})


def test_what_does_not_fit_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 100)
    (tmp_path / "b.txt").write_text("b" * 100)
    train = corpus.open_corpus(tmp_path, TOKENIZER).train
    with pytest.raises(BadInput, match="should be 1 to 10, the rows there are"):
        document_rows(train, context=13, batch_size=11)
    with pytest.raises(BadInput, match="context=4 leaves no room"):
        document_rows(train, context=4, batch_size=1)
    with pytest.raises(BadInput, match="no special token 'start'"):
        marks_of(tokenizers.raw_bytes())
    assert marks_of(TOKENIZER) == MARKS
