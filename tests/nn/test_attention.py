"""Attention and the core of language models: who sees whom, on every backend that is here."""

from functools import partial
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.nn import BERT, GPT2
from jaxdl.nn.attention import PLATFORMS, Backend, attend, splash
from jaxdl.nn.transformer import Transformer, stack_blocks, unstack_blocks

KEY = jax.random.key(0)
HERE = jax.default_backend()
PRESENT = [each for each in get_args(Backend) if PLATFORMS.get(each, HERE) == HERE]
ABSENT = [each for each in get_args(Backend) if each not in PRESENT]
TOKENS = 128  # of one block of splash attention


def by_loop(q, k, v, seen):
    """One query and head at a time, over the keys that it sees."""
    y = np.zeros(q.shape)
    for b, t, h in np.ndindex(q.shape[:3]):
        rows = np.flatnonzero(seen[b, t])
        scores = k[b, rows, h] @ q[b, t, h] / np.sqrt(q.shape[-1])
        powers = np.exp(scores - scores.max())
        y[b, t, h] = powers @ v[b, rows, h] / powers.sum()
    return y


def test_masks_are_joined_as_in_a_loop_and_float64_stays():
    """`jax.nn.dot_product_attention` takes the softmax in float32 even then."""
    draw = np.random.default_rng(0)
    q, k, v = draw.normal(size=(3, 2, 6, 2, 4))
    segments = np.array([[0, 0, 1, 1, 1, 2], [3, 3, 3, 3, 4, 4]])
    keys = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1]], bool)
    seen = (segments[:, :, None] == segments[:, None]) & keys[:, None] & np.tri(6, dtype=bool)
    with jax.enable_x64(True):
        y = attend(*map(jnp.asarray, (q, k, v)), causal=True, segments=segments, keys=keys)
        assert y.dtype == jnp.float64
        np.testing.assert_allclose(y, by_loop(q, k, v, seen), rtol=0, atol=1e-12)


def interpreted(q, k, v, **masks):
    return splash(q, k, v, interpret=True, **masks)


FUNCTIONS = {each: partial(attend, backend=each) for each in PRESENT} | {
    "splash, interpreted": interpreted
}


@pytest.fixture(scope="module")
def heads():
    """Queries, keys and values of two documents in one row, and where the second begins."""
    dtype = jnp.float32 if HERE == "cpu" else jnp.bfloat16
    q, k, v = jax.random.normal(KEY, (3, 1, TOKENS, 1, 128)).astype(dtype)
    return q, k, v, 50


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_document_keeps_its_bits_whatever_stands_before_it(name, causal, heads):
    """So do its gradients, and none reaches the other document."""
    q, k, v, begin = heads
    segments = jnp.where(jnp.arange(TOKENS) < begin, 0, 1)[None]

    @jax.jit
    def second(q, k, v):
        def total(q, k, v):
            y = FUNCTIONS[name](q, k, v, causal=causal, segments=segments, keys=None)[:, begin:]
            return jnp.sum(jnp.sin(y.astype(jnp.float32))), y

        gradients, y = jax.grad(total, (0, 1, 2), has_aux=True)(q, k, v)
        return y, gradients

    others = [x.at[:, :begin].multiply(-1.7) for x in (q, k, v)]
    before, gradients = second(q, k, v)
    after, gradients_after = second(*others)
    np.testing.assert_array_equal(before, after)
    for left, right in zip(gradients, gradients_after, strict=True):
        np.testing.assert_array_equal(left[:, begin:], right[:, begin:])
        np.testing.assert_array_equal(left[:, :begin], 0.0)
        assert np.abs(left[:, begin:]).max() > 0
    reference = attend(q, k, v, causal=causal, segments=segments)[:, begin:]
    np.testing.assert_allclose(before, reference, atol=1e-5 if q.dtype == jnp.float32 else 0.02)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_without_segments_the_leak_would_be_found(name, heads):
    q, k, v, begin = heads
    before, after = (
        FUNCTIONS[name](q, k, x, causal=True, segments=None, keys=None)[:, begin:]
        for x in (v, v.at[:, :begin].multiply(-1.7))
    )
    assert np.abs(np.asarray(before - after, np.float32)).max() > 1e-2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_padding_is_not_seen(name, heads):
    q, k, v, begin = heads
    keys = (jnp.arange(TOKENS) < begin)[None]
    run = partial(FUNCTIONS[name], causal=False, segments=None, keys=keys)
    before, after = (run(q, k, x)[:, :begin] for x in (v, v.at[:, begin:].set(7.0)))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("backend", ABSENT)
def test_a_backend_of_another_machine_is_refused_in_one_line(backend):
    x = jnp.zeros((1, TOKENS, 1, 128))
    with pytest.raises(BadInput, match=f"by {backend} needs a [GT]PU, and JAX runs on {HERE}"):
        attend(x, x, x, backend=backend)


def test_other_backends_and_lengths_are_refused():
    x = jnp.zeros((1, 60, 1, 128))
    with pytest.raises(BadInput, match="'flash' should be one of xla, cudnn, splash"):
        attend(x, x, x, backend="flash")
    with pytest.raises(BadInput, match="multiple of 128 tokens, got 60"):
        interpreted(x, x, x, causal=True, segments=None, keys=None)


NET = GPT2(vocabulary=13, context=10, width=8, depth=2, heads=2)


@pytest.fixture(scope="module")
def gpt2():
    tokens = jax.random.randint(KEY, (2, 10), 0, 13)
    return NET.init(KEY, tokens), tokens


@pytest.mark.parametrize("backend", [each for each in PRESENT if each == "xla"])
def test_logits_of_a_packed_document_keep_their_bits(backend, gpt2):
    variables, tokens = gpt2
    segments = jnp.array([[0, 0, 0, 0, 1, 1, 1, 1, 1, 1]] * 2)
    net = NET.clone(backend=backend)
    run = jax.jit(lambda tokens, segments: net.apply(variables, tokens, segments=segments))
    changed = tokens.at[:, :4].set((tokens[:, :4] + 5) % 13)
    packed, other = run(tokens, segments), run(changed, segments)
    np.testing.assert_array_equal(packed[:, 4:], other[:, 4:])
    assert not np.array_equal(packed[:, :4], other[:, :4])
    one = jnp.zeros_like(segments)
    assert not np.array_equal(run(tokens, one)[:, 4:], run(changed, one)[:, 4:])


def test_later_tokens_are_not_seen(gpt2):
    variables, tokens = gpt2
    run = jax.jit(lambda tokens: NET.apply(variables, tokens))
    changed = tokens.at[:, 6].set((tokens[:, 6] + 1) % 13)
    np.testing.assert_array_equal(run(tokens)[:, :6], run(changed)[:, :6])
    assert not np.array_equal(run(tokens)[:, 6:], run(changed)[:, 6:])


@pytest.mark.parametrize("scan_layers, remat", [(True, False), (False, True), (True, True)])
def test_layers_in_a_scan_and_activations_anew_change_no_result(scan_layers, remat, gpt2):
    variables, tokens = gpt2
    params = variables["params"]
    other = NET.clone(scan_layers=scan_layers, remat=remat)

    def loss(net, params):
        return jnp.mean(net.apply({"params": params}, tokens)[..., 3] ** 2)

    expected, gradient = jax.value_and_grad(partial(loss, NET))(params)
    stacked = params | {"transformer": stack_blocks(params["transformer"])}
    value, other_gradient = jax.value_and_grad(partial(loss, other))(
        stacked if scan_layers else params
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    if scan_layers:
        again = unstack_blocks(other_gradient["transformer"])
        other_gradient = other_gradient | {"transformer": again}
        made = jax.eval_shape(other.init, KEY, tokens)["params"]
        assert jax.tree.map(jnp.shape, made) == jax.tree.map(jnp.shape, stacked)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-7), gradient, other_gradient)


def test_a_scan_takes_no_growing_drop_path():
    net = Transformer(2, 2, drop_path=0.1, scan_layers=True)
    with pytest.raises(BadInput, match="scan_layers=True takes no drop_path"):
        net.init(KEY, jnp.zeros((1, 3, 8)), False)


def test_bfloat16_keeps_parameters_and_logits_in_float32(gpt2):
    variables, tokens = gpt2
    half = NET.clone(dtype=jnp.bfloat16)
    made = half.init(KEY, tokens)
    assert {x.dtype for x in jax.tree.leaves(made)} == {jnp.dtype("float32")}
    logits = half.apply(variables, tokens)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, NET.apply(variables, tokens), atol=2e-3)


def test_attention_weights_can_be_looked_at(gpt2):
    variables, tokens = gpt2
    _, found = NET.apply(variables, tokens, mutable=["intermediates"])
    maps = jax.tree.leaves(found)
    assert [x.shape for x in maps] == [(2, 2, 10, 10)] * 2
    for each in maps:
        np.testing.assert_allclose(each.sum(axis=-1), 1.0, rtol=1e-5)
        np.testing.assert_array_equal(np.triu(each, 1), 0.0)


def test_more_tokens_than_positions_are_one_line(gpt2):
    variables, _ = gpt2
    with pytest.raises(BadInput, match="11 tokens exceed the context of 10"):
        NET.apply(variables, jnp.zeros((1, 11), jnp.int32))
    net = BERT(13, 10, width=8, depth=1, heads=2)
    with pytest.raises(BadInput, match="11 tokens exceed the context of 10"):
        net.init(KEY, jnp.zeros((1, 11), jnp.int32))


def test_initial_kernels_are_those_of_the_paper():
    """Residual layers begin smaller by the root of their number (Radford et al. 2019, 2.3)."""
    net = GPT2(vocabulary=50, context=8, width=64, depth=8, heads=2)
    params = jax.jit(net.init)(KEY, jnp.zeros((1, 2), jnp.int32))["params"]
    block = params["transformer"]["Block_3"]
    for kernel in (block["Dense_0"], block["Attention_0"]["Dense_0"]):
        np.testing.assert_allclose(np.std(kernel["kernel"]), 0.02, rtol=0.05)
    for kernel in (block["Dense_1"], block["Attention_0"]["Dense_1"]):
        np.testing.assert_allclose(np.std(kernel["kernel"]), 0.02 / 4, rtol=0.05)
    np.testing.assert_allclose(np.std(params["words"]["embedding"]), 0.02, rtol=0.05)
