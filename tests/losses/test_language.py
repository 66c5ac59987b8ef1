"""Losses over a vocabulary in chunks, against the plain form that holds all logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import (
    cross_entropy,
    masked_lm_loss,
    mean_cross_entropy,
    next_sentence_loss,
    take_positions,
)

ROWS, WIDTH, WORDS = 13, 6, 17
DRAW = np.random.default_rng(0)
HIDDEN = DRAW.normal(size=(ROWS, WIDTH))
TABLE = DRAW.normal(size=(WORDS, WIDTH))
BIAS = DRAW.normal(size=WORDS)
TARGETS = DRAW.integers(0, WORDS, ROWS)
WEIGHTS = DRAW.random(ROWS) * (DRAW.random(ROWS) < 0.6)


def plain(hidden, table, bias, targets=TARGETS):
    logits = hidden @ table.T + bias
    return jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(len(targets)), targets]


def assert_same(ours, theirs):
    for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert left.dtype == right.dtype == jnp.float64
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [None, 1, 5, 13, 40])
def test_values_and_gradients_are_those_of_the_plain_form_in_float64(chunk):
    """Gradients by every argument, with a different weight of each row."""
    with jax.enable_x64(True):
        arrays = HIDDEN, TABLE, BIAS

        def rows(hidden, table, bias):
            losses = cross_entropy(hidden, table, TARGETS, bias=bias, chunk=chunk)
            return jnp.sum(jnp.sin(losses)), losses

        def mean(hidden, table, bias):
            loss = mean_cross_entropy(hidden, table, TARGETS, WEIGHTS, bias=bias, chunk=chunk)
            return 3 * loss, loss

        def expected(hidden, table, bias):
            losses = plain(hidden, table, bias)
            return jnp.sum(jnp.sin(losses)), losses

        def expected_mean(hidden, table, bias):
            loss = jnp.sum(WEIGHTS * plain(hidden, table, bias)) / WEIGHTS.sum()
            return 3 * loss, loss

        for ours, theirs in ((rows, expected), (mean, expected_mean)):
            both = (jax.value_and_grad(f, (0, 1, 2), has_aux=True)(*arrays) for f in (ours, theirs))
            assert_same(*both)
        assert_same(mean_cross_entropy(HIDDEN, TABLE, TARGETS), jnp.mean(plain(HIDDEN, TABLE, 0.0)))


def test_a_weight_of_zero_leaves_a_row_out():
    targets = np.where(WEIGHTS == 0, -100, TARGETS)  # as Hugging Face marks what is not asked for
    ours = mean_cross_entropy(HIDDEN, TABLE, targets, WEIGHTS, chunk=4)
    np.testing.assert_allclose(
        ours, np.average(plain(HIDDEN, TABLE, 0.0), weights=WEIGHTS), rtol=1e-5
    )
    nothing = jax.grad(mean_cross_entropy)(HIDDEN, TABLE, targets, np.zeros(ROWS))
    np.testing.assert_array_equal(nothing, 0.0)
    assert mean_cross_entropy(HIDDEN, TABLE, targets, np.zeros(ROWS)) == 0


@pytest.mark.parametrize("odd", [-1, WORDS, -100])
def test_a_target_that_is_no_word_is_not_taken_for_another(odd):
    losses = cross_entropy(HIDDEN, TABLE, np.where(np.arange(ROWS) == 3, odd, TARGETS))
    assert np.isnan(losses[3])
    assert np.isfinite(np.delete(losses, 3)).all()


def test_large_logits_stay_finite():
    value, gradient = jax.value_and_grad(lambda x: cross_entropy(x, TABLE, TARGETS).sum())(
        1e4 * HIDDEN.astype(np.float32)
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_half_precision_is_summed_in_float32():
    hidden = jnp.asarray(HIDDEN, jnp.bfloat16)
    table = jnp.asarray(TABLE, jnp.float32)
    loss = lambda x, t: mean_cross_entropy(x, t, TARGETS, chunk=4)  # noqa: E731
    value, gradients = jax.value_and_grad(loss, (0, 1))(hidden, table)
    assert (value.dtype, *(x.dtype for x in gradients)) == ("float32", "bfloat16", "float32")
    np.testing.assert_allclose(value, jnp.mean(plain(HIDDEN, TABLE, 0.0)), rtol=0.02)


def test_memory_is_a_tenth_of_the_plain_form():
    """Of 8k tokens and 50k words it is measured by `./run bench --only=cross_entropy_50k`."""
    rows, width, words = 1024, 16, 4096
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((rows, width), (words, width))]
    targets = jax.ShapeDtypeStruct((rows,), jnp.int32)

    def temporary(loss):
        program = jax.jit(jax.grad(loss, (0, 1))).lower(*shapes, targets).compile()
        return program.memory_analysis().temp_size_in_bytes

    dense = temporary(lambda h, e, t: jnp.mean(plain(h, e, 0.0, t)))
    assert dense >= 4 * rows * words
    for loss in (cross_entropy, mean_cross_entropy):
        chunked = temporary(lambda h, e, t, loss=loss: jnp.mean(loss(h, e, t, chunk=32)))
        assert chunked <= 0.1 * dense


def test_masked_words_are_looked_for_where_they_were():
    hidden = HIDDEN[:12].reshape(2, 6, WIDTH)
    positions = np.array([[4, 1, 0], [5, 0, 0]])
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    targets = TARGETS[:6].reshape(2, 3)
    taken = take_positions(hidden, positions)
    np.testing.assert_array_equal(taken[0, 1], hidden[0, 1].astype(np.float32))
    ours = masked_lm_loss(taken, TABLE, BIAS, targets, weights)
    rows = np.stack([hidden[0, 4], hidden[0, 1], hidden[1, 5]])
    expected = jnp.mean(plain(rows, TABLE, BIAS, targets[[0, 0, 1], [0, 1, 0]]))
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_the_next_sentence_by_hand():
    logits = np.array([[2.0, 0.0], [1.0, 1.0]])
    ours = next_sentence_loss(logits, np.array([0, 1]))
    np.testing.assert_allclose(ours, (np.log1p(np.exp(-2.0)) + np.log(2.0)) / 2, rtol=1e-6)


@pytest.mark.parametrize("arguments", [(HIDDEN[0], TABLE, TARGETS), (HIDDEN, TABLE, TARGETS[:-1])])
def test_other_shapes_are_refused(arguments):
    with pytest.raises(AssertionError):
        cross_entropy(*arguments)
    with pytest.raises(AssertionError):
        cross_entropy(HIDDEN, TABLE[:, :-1], TARGETS)
    with pytest.raises(ValueError, match="chunk must be at least 1"):
        cross_entropy(HIDDEN, TABLE, TARGETS, chunk=0)
