from collections import Counter
from functools import lru_cache
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.core.run import BadInput
from jaxdl.language import tokenizers
from jaxdl.language.masking import Vocabulary, mask_tokens, masking_vocabulary, word_numbers

PAD, START, SEPARATOR, MASK = range(4)
V = 24
T = 24
DRAWS = 20_000
WITHIN = {20, 21, 22, 23}  # tokens that go on with a word


def vocabulary():
    is_special = np.arange(V) < 4
    joins_left = np.isin(np.arange(V), list(WITHIN))
    return Vocabulary(MASK, np.arange(4, V, dtype=np.int32), is_special, joins_left, ~is_special)


@lru_cache
def program(whole_words, most):
    def run(key, tokens, share):
        return mask_tokens(
            key, tokens, vocabulary(), most=most, share=share, whole_words=whole_words
        )

    return jax.jit(run)


def mask(row, share, *, whole_words=False, most=10, key=3):
    """Masks DRAWS copies of a row; all tests share two programs."""
    row = [*row, *[PAD] * (T - len(row))]
    tokens = jnp.broadcast_to(jnp.asarray(row, jnp.int32), (DRAWS, T))
    made = program(whole_words, most)(jax.random.key(key), tokens, jnp.float32(share))
    return jax.tree.map(np.asarray, made)


def chosen_of(masked):
    """Which positions are asked for: [draws, T] bool."""
    chosen = np.zeros(masked.tokens.shape, bool)
    rows, slots = np.nonzero(masked.weights)
    chosen[rows, masked.positions[rows, slots]] = True
    assert chosen.sum() == len(rows)  # no position twice
    return chosen


def agree(counts, probabilities):
    """Whether counts are those of a multinomial (chi-square, p > 0.001)."""
    counts, probabilities = np.asarray(counts, float), np.asarray(probabilities, float)
    assert probabilities.sum() == pytest.approx(1)
    return stats.chisquare(counts, probabilities * counts.sum()).pvalue > 0.001


def test_each_subset_of_tokens_is_drawn_equally_often():
    row = [START, 5, 6, 20, SEPARATOR, 7, 8, SEPARATOR, PAD, PAD]
    masked = mask(row, 0.4)  # 2 of 5
    subsets = Counter(tuple(np.flatnonzero(one)) for one in chosen_of(masked))
    assert set(subsets) == {(a, b) for a in (1, 2, 3, 5, 6) for b in (1, 2, 3, 5, 6) if a < b}
    assert agree(list(subsets.values()), [0.1] * 10)
    assert (masked.weights.sum(axis=1) == 2).all()


def test_fates_and_replacements_have_their_probabilities():
    row = np.array([START, *range(4, V), SEPARATOR, PAD, PAD])
    masked = mask(row, 0.5)
    chosen = chosen_of(masked)
    original = np.broadcast_to(row, chosen.shape)
    hidden = (masked.tokens == MASK)[chosen]
    same = (masked.tokens == original)[chosen]
    ordinary = V - 4
    counts = [hidden.sum(), (~hidden & ~same).sum(), same.sum()]
    assert sum(counts) == DRAWS * 10
    assert agree(counts, [0.8, 0.1 * (1 - 1 / ordinary), 0.1 + 0.1 / ordinary])
    replaced = (masked.tokens - original)[chosen][~hidden & ~same] % ordinary
    assert agree(np.bincount(replaced, minlength=ordinary)[1:], [1 / (ordinary - 1)] * 19)
    np.testing.assert_array_equal(masked.tokens[~chosen], original[~chosen])
    for column in range(1, 1 + ordinary):  # each position alone
        hits = int(chosen[:, column].sum())
        assert stats.binomtest(hits, DRAWS, 0.5).pvalue > 1e-4


@pytest.mark.parametrize("whole_words", [False, True])
def test_special_tokens_are_never_asked_for_nor_drawn(whole_words):
    tokens = np.random.default_rng(0).integers(0, V, (DRAWS, T)).astype(np.int32)
    run = program(whole_words, 10)
    masked = jax.tree.map(np.asarray, run(jax.random.key(0), tokens, jnp.float32(0.5)))
    special = tokens < 4
    assert not chosen_of(masked)[special].any()
    np.testing.assert_array_equal(masked.tokens[special], tokens[special])
    assert (masked.tokens[masked.tokens != tokens] >= MASK).all()


@pytest.mark.parametrize("length, wanted", [(1, 1), (3, 1), (9, 1), (10, 2), (16, 2), (17, 3)])
def test_fifteen_percent_are_asked_for_rounded_and_one_at_least(length, wanted):
    masked = mask([START] + [5] * length + [SEPARATOR], 0.15)
    assert (masked.weights.sum(axis=1) == wanted).all()
    assert masked.positions.shape == (DRAWS, 10)


def test_no_more_are_asked_for_than_there_is_room():
    masked = mask([START] + [5] * 20 + [SEPARATOR], 0.9)
    assert (masked.weights == 1).all()
    assert agree(chosen_of(masked)[:, 1:21].sum(axis=0), [1 / 20] * 20)


def test_a_row_without_ordinary_tokens_asks_for_nothing():
    masked = mask([START, SEPARATOR], 0.15)
    assert not masked.weights.any() and not masked.positions.any() and not masked.targets.any()
    assert (masked.tokens == [START, SEPARATOR, *[PAD] * (T - 2)]).all()


def test_targets_are_the_originals_at_positions_in_order():
    row = np.array([START, *range(4, 20), SEPARATOR])
    masked = mask(row, 0.3)
    assert (masked.weights.sum(axis=1) == 5).all()
    np.testing.assert_array_equal(masked.targets[:, :5], row[masked.positions[:, :5]])
    assert (np.diff(masked.positions[:, :5], axis=1) > 0).all()
    assert not masked.positions[:, 5:].any() and not masked.targets[:, 5:].any()


def test_words_are_drawn_as_a_whole_with_the_probabilities_of_all_orders():
    row = [START, 5, 20, 6, 7, 21, 22, 8, 20, 21, 22, 23, SEPARATOR, 9, PAD]
    spans = [(1, 2), (3,), (4, 5, 6), (7, 8, 9, 10, 11), (13,)]
    # 12 ordinary tokens, share 1/3: 4 are asked for at most; the word of five is never drawn.
    masked = mask(row, 1 / 3, whole_words=True)
    expected = Counter()
    for order in permutations([0, 1, 2, 4]):
        taken, size = [], 0
        for word in order:
            if size + len(spans[word]) > 4:
                break
            size += len(spans[word])
            taken.append(word)
        expected[tuple(sorted(p for word in taken for p in spans[word]))] += 1 / 24
    chosen = chosen_of(masked)
    found = Counter(tuple(np.flatnonzero(one).tolist()) for one in chosen)
    assert set(found) == set(expected)
    assert agree([found[k] for k in expected], list(expected.values()))


def test_a_word_has_one_fate():
    row = np.array([START, 5, 20, 6, 21, 22, SEPARATOR])
    masked = mask(row, 1.0, whole_words=True)  # both words, always
    chosen = chosen_of(masked)
    assert chosen[:, 1:6].all()
    fates = Counter()
    for tokens in masked.tokens:
        hidden = tokens == MASK
        assert hidden[1] == hidden[2]
        assert hidden[3] == hidden[4] == hidden[5]
        fates[bool(hidden[1]), bool(hidden[3])] += 1
    pairs = [(a, b) for a in (True, False) for b in (True, False)]
    assert agree([fates[pair] for pair in pairs], [0.64, 0.16, 0.16, 0.04])
    shown = masked.tokens[masked.tokens[:, 3] != MASK][:, 3:6]
    kept = (shown == row[3:6]).all(axis=1).mean()
    # half of them are kept, and a random word is the same with probability 1 / 20^3
    assert stats.binomtest(int(kept * len(shown)), len(shown), 0.5 + 0.5 / 8000).pvalue > 0.001


def test_masks_are_a_function_of_the_key():
    row = [START] + [5] * 20
    one, same, other = (mask(row, 0.3, key=k) for k in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert (one.positions != other.positions).any()
    assert (one.positions[0] != one.positions[1]).any()


def test_words_of_bytes_and_of_word_piece(subwords, tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##able", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    word_piece = tokenizers.word_piece(tmp_path / "vocab.txt")
    row = jnp.array([[2, 5, 6, 6, 7, 5, 3, 0]])
    numbers = word_numbers(row, masking_vocabulary(word_piece))
    assert numbers.tolist() == [[0, 1, 1, 1, 2, 3, 4, 5]]


def test_what_masking_knows_of_bytes():
    tokenizer = tokenizers.raw_bytes(("pad", "start", "separator", "mask"))
    known = masking_vocabulary(tokenizer)
    assert known.mask == 259
    assert known.ordinary.tolist() == list(range(256))
    row = jnp.asarray([tokenizer.encode("ab c!d")])
    assert word_numbers(row, known).tolist() == [[0, 0, 1, 2, 3, 4]]
    with pytest.raises(BadInput, match="no token for masks"):
        masking_vocabulary(tokenizers.raw_bytes())
