"""Counts of trees against closed forms, and that all of them are drawn alike."""

from collections import Counter
from functools import partial
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.language.symbolic.expressions import CODES, FRACTION, arities, count_tokens
from jaxdl.language.symbolic.trees import count_trees, sample_shape


def test_counts_are_those_of_catalan_and_schroeder():
    for n in range(12):
        assert count_trees(1, n, unary=0) == comb(2 * n, n) // (n + 1)
        schroeder = sum(comb(n + k, n - k) * comb(2 * k, k) // (k + 1) for k in range(n + 1))
        assert count_trees(1, n) == schroeder


def test_kinds_multiply_counts():
    """By the number of leaves, of unary and of binary operators of each shape."""
    one_operator = count_trees(1, 1, leaves=11, unary=15, binary=4)
    assert one_operator == 15 * 11 + 4 * 11**2
    # Two operators: unary of either, binary with either on either side.
    assert count_trees(1, 2, leaves=11, unary=15, binary=4) == (
        15 * one_operator + 4 * 2 * 11 * one_operator
    )


def chi_square(unary, binary, leaves, trees):
    """Draws trees of 3 operators; returns how many shapes came up, and p against the weights."""
    draw = partial(sample_shape, most=4, leaves=leaves, unary=unary, binary=binary)
    keys = jax.random.split(jax.random.key(1), trees)
    shapes = np.asarray(jax.jit(jax.vmap(lambda key: draw(key, jnp.int32(3))))(keys))
    counts = Counter(tuple(row[row >= 0]) for row in shapes)
    kinds = np.array([leaves, unary, binary], float)
    weights = np.array([np.prod(kinds[list(shape)]) for shape in counts])
    expected = trees * weights / weights.sum()
    total = count_trees(1, 3, leaves=leaves, unary=unary, binary=binary)
    assert weights.sum() == total
    return len(counts), stats.chisquare(list(counts.values()), expected).pvalue


def test_trees_of_a_size_are_equally_likely():
    assert chi_square(1, 1, 1, 22_000)[0] == 22
    assert chi_square(1, 1, 1, 22_000)[1] > 1e-3
    assert chi_square(0, 1, 1, 5_000)[0] == 5


@pytest.mark.slow
def test_shapes_are_as_likely_as_the_expressions_that_have_them():
    assert chi_square(3, 2, 2, 20_000)[1] > 1e-3


def test_drawn_expressions_are_complete_and_of_the_size(drawn):
    opened = np.asarray(jnp.sum(jnp.where(drawn > 0, arities(drawn) - 1, 0), axis=1))
    np.testing.assert_array_equal(opened, -1)
    operators = np.asarray(jnp.sum(arities(drawn) > 0, axis=1))
    assert operators.min() == 1 and operators.max() == 8
    assert stats.chisquare(np.bincount(operators)[1:]).pvalue > 1e-3
    leaves = np.asarray(drawn)[np.asarray((arities(drawn) == 0) & (drawn > 0))]
    share = np.mean(leaves == CODES["x"])
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / len(leaves)) ** 0.5
    assert set(np.unique(leaves[leaves >= FRACTION] - 2**30 - 2**29)) == {*range(-5, 6)} - {0}
    assert int(jnp.max(count_tokens(drawn))) <= 17
