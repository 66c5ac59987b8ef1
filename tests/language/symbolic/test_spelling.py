"""Programs to words and back, and what a net may write that is no expression."""

import jax
import numpy as np

from jaxdl.language import symbolic
from jaxdl.language.symbolic.expressions import pack
from jaxdl.language.symbolic.spelling import WORDS, read_words, spell

SPELLED = {
    "x": "x <end>",
    "2*x": "* INT+ 2 x <end>",
    "-120 + sin(x)": "+ INT- 1 2 0 sin x <end>",
    "0.5^x": "^ / INT+ 1 INT+ 2 x <end>",
    "0*536870911": "* INT+ 0 INT+ 5 3 6 8 7 0 9 1 1 <end>",
}
NO_EXPRESSIONS = (
    "<end>", "+ x <end>", "x x <end>", "INT+ <end>", "5 <end>", "+ INT+ x 1 <end>", "+ x",
    "<begin> x <end>", "INT+ 9 9 9 9 9 9 9 9 9 9 <end>", "sin <end>", "x 1 <end>",
)  # fmt: skip


def words_of(text, length=24):
    numbers = [WORDS.index(word) for word in text.split()]
    return np.pad(np.array(numbers, np.int32), (0, length - len(numbers)))


def test_spelling_by_hand():
    rows = np.stack([symbolic.parse(text, length=12) for text in SPELLED])
    found = jax.jit(jax.vmap(lambda row: spell(row, length=24)))(rows)
    np.testing.assert_array_equal(found.words, [words_of(text) for text in SPELLED.values()])
    assert bool(found.fits.all())
    assert not bool(spell(rows[2], length=6).fits)


def test_what_is_spelled_is_read_again(drawn):
    spelled = jax.jit(jax.vmap(lambda row: spell(row, length=64)))(drawn)
    found = jax.jit(jax.vmap(read_words))(spelled.words)
    assert bool(found.fits.all()) and bool(spelled.fits.all())
    np.testing.assert_array_equal(found.tokens[:, : drawn.shape[1]], drawn)


def test_other_words_are_no_expressions():
    rows = np.stack([words_of(text) for text in (*NO_EXPRESSIONS, "x <end> x")])
    found = jax.jit(jax.vmap(read_words))(rows)
    np.testing.assert_array_equal(found.fits, [False] * len(NO_EXPRESSIONS) + [True])
    np.testing.assert_array_equal(found.tokens[-1], pack([1], 24))
