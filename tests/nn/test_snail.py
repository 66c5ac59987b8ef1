"""SNAIL's blocks by plain loops, and its cache: stepping is the full pass, nothing looks ahead."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.nn import initial
from jaxdl.nn.mlp import Dense
from jaxdl.nn.snail import (
    Attention,
    Past,
    Temporal,
    attention_block,
    dense_block,
    snail_layer,
    unroll_snail,
)

T, E, D, H, LENGTH = 4, 3, 2, 4, 4
BLOCKS = [Temporal(3), Attention(2, 3)]
LAYER = snail_layer(BLOCKS, length=LENGTH)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense_reference(kernel, bias, x, dilation):
    """One trial [T, C]: convolutions of two steps written as sums."""
    channels, filters = x.shape[1], kernel.shape[1] // 2
    y = np.zeros((len(x), filters))
    for t in range(len(x)):
        both = bias + x[t] @ kernel[channels:]
        if t >= dilation:
            both = both + x[t - dilation] @ kernel[:channels]
        y[t] = np.tanh(both[:filters]) * sigmoid(both[filters:])
    return np.hstack([x, y])


def attention_reference(kernel, bias, x, keys):
    """One trial [T, C]: the softmax is over the steps that were."""
    queries, known, values = np.split(x @ kernel + bias, [keys, 2 * keys], axis=1)
    y = np.zeros_like(values)
    for t in range(len(x)):
        scores = known[: t + 1] @ queries[t] / np.sqrt(keys)
        chances = np.exp(scores) / np.exp(scores).sum()
        y[t] = chances @ values[: t + 1]
    return np.hstack([x, y])


def slopes(function, arrays, step=1e-6):
    """Finite differences of a scalar function of arrays, by each of their numbers."""
    found = []
    for i, array in enumerate(arrays):
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[place] += sign * step
                ends.append(function(*arrays[:i], moved, *arrays[i + 1 :]))
            slope[place] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return found


def block_of(kind):
    """(the block, its reference, kernel width) of one trial, as functions of kernel, bias, x."""
    age = jnp.arange(5)[None]
    if kind == "dense":

        def run(kernel, bias, x):
            return dense_block(Dense(kernel, bias), jnp.zeros((1, 2, 3)), x[None], age)[0][0]

        return run, lambda *a: dense_reference(*a, dilation=2), (6, 4)

    def run(kernel, bias, x):
        past = [jnp.zeros((1, 4, 2)), jnp.zeros((1, 4, 3))]
        return attention_block(Attention(2, 3), Dense(kernel, bias), past, x[None], age)[0][0]

    return run, lambda *a: attention_reference(*a, keys=2), (3, 7)


@pytest.mark.parametrize("kind", ["dense", "attention"])
def test_a_block_by_plain_loops_in_value_and_gradient(kind):
    run, reference, shape = block_of(kind)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in (shape, shape[1:], (5, 3))]
    weights = rng.normal(size=reference(*arrays).shape)
    with jax.enable_x64(True):

        def both(*args):
            y = run(*args)
            return jnp.sum(weights * y), y

        gradient, y = jax.jit(jax.grad(both, (0, 1, 2), has_aux=True))(*arrays)
    np.testing.assert_allclose(y, reference(*arrays), atol=1e-12)
    expected = slopes(lambda *args: np.sum(weights * reference(*args)), arrays)
    for one, other in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def layer_reference(params, x):
    """One trial [T, D] through the whole layer."""
    y = np.tanh(x @ params.read.kernel + params.read.bias)
    for block, kernels in zip(BLOCKS, params.blocks, strict=True):
        for i, (kernel, bias) in enumerate(kernels):
            if isinstance(block, Attention):
                y = attention_reference(kernel, bias, y, block.keys)
            else:
                y = dense_reference(kernel, bias, y, 2**i)
    return np.tanh(y @ params.write.kernel + params.write.bias)


FIRST = np.zeros((2, T, E), bool)
FIRST[0, 0] = FIRST[0, 2, 1] = FIRST[0, 3, 1] = FIRST[1, 2, 2] = True
TRIALS = {0: [0, 8], 1: [0, 2, 3, 8], 2: [0, 6, 8]}  # world -> where its trials begin and end


@pytest.fixture(scope="module")
def layer():
    """Parameters, two unrolls [2, T, E, D], and the layer over T steps and step by step."""
    rng = np.random.default_rng(0)
    draw = lambda shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    shapes = jax.eval_shape(lambda: initial(jax.random.key(0), LAYER.plan(D, H)))
    params = jax.tree.map(lambda x: 0.5 * draw(x.shape), shapes)
    x, weights = draw((2, T, E, D)), draw((2, T, E, H))

    def dense(layer, x):
        return x @ layer.kernel + layer.bias

    def unroll(params, x):
        def some(past, xs):
            return LAYER.apply(params, past, *xs, dense)

        past, y = jax.lax.scan(some, LAYER.initial_carry(E, H), (x, jnp.asarray(FIRST)))
        return jnp.sum(weights * y), (y, past)

    def steps(params, x):
        def one(past, xs):
            past, y = LAYER.apply(params, past, xs[0][None], xs[1][None], dense)
            return past, y[0]

        rows = jax.tree.map(lambda a: a.reshape(2 * T, *a.shape[2:]), (x, jnp.asarray(FIRST)))
        past, y = jax.lax.scan(one, LAYER.initial_carry(E, H), rows)
        y = y.reshape(2, T, E, H)
        return jnp.sum(weights * y), (y, past)

    whole, stepped = (jax.jit(jax.grad(f, (0, 1), has_aux=True)) for f in (unroll, steps))
    return params, x, whole, stepped


def test_cached_stepping_is_the_full_pass(layer):
    """Over resets within an unroll, from one unroll to the next, and beyond the memory's length."""
    params, x, whole, stepped = layer
    gradient, (y, past) = whole(params, x)
    other_gradient, (other, other_past) = stepped(params, x)
    np.testing.assert_allclose(y, other, atol=1e-5)
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4)  # noqa: E731
    jax.tree.map(close, gradient, other_gradient)
    jax.tree.map(close, past, other_past)
    np.testing.assert_array_equal(past.age, [8, 5, 2])


def test_each_trial_of_an_unroll_is_as_if_it_were_alone(layer):
    params, x, whole, _ = layer
    y = np.asarray(whole(params, x)[1][0]).reshape(2 * T, E, H)
    rows = np.float64(x).reshape(2 * T, E, D)
    params = jax.tree.map(np.float64, params)
    for world, ends in TRIALS.items():
        for begin, end in zip(ends[:-1], ends[1:], strict=True):
            end = min(end, begin + LENGTH)  # what is longer is not all seen
            expected = layer_reference(params, rows[begin:end, world])
            np.testing.assert_allclose(y[begin:end, world], expected, atol=1e-5)


def test_the_future_and_other_trials_change_no_bit_of_the_past(layer):
    params, x, whole, _ = layer
    _, (y, _) = whole(params, x)
    changed = False
    for t in range(1, T):
        future = x.copy()
        future[0, t:], future[1] = -3.0, 7.0
        _, (other, _) = whole(params, future)
        np.testing.assert_array_equal(other[0, :t], y[0, :t])
        changed |= bool(np.any(np.asarray(other[0, t:]) != y[0, t:]))
    assert changed
    # World 1 begins anew at step 2: nothing of what was before changes it, and world 0 remembers.
    before = x.copy()
    before[0, :2] += 1.0
    _, (other, _) = whole(params, before)
    np.testing.assert_array_equal(other[0, 2:, 1], y[0, 2:, 1])
    assert np.all(np.any(np.asarray(other[0, 2:, 0] != y[0, 2:, 0]), axis=-1))


def test_what_is_looked_at_sums_to_one_over_the_trial_so_far(layer):
    params, x, _, _ = layer
    start = LAYER.initial_carry(E, H)
    first = jnp.asarray(FIRST[0])
    _, _, looks = jax.jit(lambda *a: unroll_snail(BLOCKS, *a))(params, start, x[0], first)
    (look,) = looks
    assert look.shape == (E, T, LENGTH - 1 + T)
    np.testing.assert_allclose(np.sum(look, axis=-1), 1.0, rtol=1e-5)
    seen = np.arange(LENGTH - 1 + T) - (LENGTH - 1)
    assert np.all((look[0, 2] > 0) == ((seen >= 0) & (seen <= 2)))
    assert np.all((look[1, 2] > 0) == (seen == 2))  # a trial begins there


def test_the_dilations_reach_back_to_the_first_step():
    sizes = {2: [1], 5: [1, 2, 4], 8: [1, 2, 4], 9: [1, 2, 4, 8], 100: [1, 2, 4, 8, 16, 32, 64]}
    for length, expected in sizes.items():
        layer = snail_layer([Temporal(2)], length=length)
        past = jax.eval_shape(lambda layer=layer: layer.initial_carry(3, 4))
        assert isinstance(past, Past)
        assert [cache.shape for cache in past.blocks[0]] == [
            (3, d, 4 + 2 * i) for i, d in enumerate(expected)
        ]
        assert sum(expected) >= length - 1 > sum(expected[:-1])


def test_a_trial_of_one_step_has_no_past():
    with pytest.raises(BadInput, match="2 steps at least, got length=1"):
        snail_layer(BLOCKS, length=1)
