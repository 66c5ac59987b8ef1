"""GPT-2's learner: its loss and gradient, its scores in bits, what it writes and shows."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.language import _setup
from experiments.language._options import Text
from experiments.language.gpt2 import PRESETS, build, pages
from jaxdl import language
from jaxdl.core import DeviceData, Run, fit
from jaxdl.core.run import BadInput
from jaxdl.language import windows
from jaxdl.language.generate import write_tokens
from jaxdl.language.gpt2 import BLANK, Samples, gpt2, score_held_out, token_losses
from jaxdl.language.sampling import Sampling
from jaxdl.launch import Outcome, configure
from jaxdl.nn import GPT2

KEY = jax.random.key(0)
WORDS, CONTEXT = 7, 8
NET = GPT2(WORDS, CONTEXT, width=16, depth=1, heads=2)
RATE = 0.1


@pytest.fixture(scope="module")
def begun():
    """The state of a learner that has learned nothing."""
    return jax.jit(gpt2(NET, optax.sgd(RATE)).init)(KEY)


def draw_windows(seed, rows=4):
    return jax.random.randint(jax.random.key(seed), (rows, CONTEXT + 1), 0, WORDS)


def plain_loss(params, tokens):
    logits = NET.apply({"params": params}, tokens[:, :-1])
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()


def test_a_step_is_one_of_the_plain_loss_in_any_number_of_parts(begun):
    tokens = draw_windows(1)
    after, metrics = jax.jit(gpt2(NET, optax.sgd(RATE)).step)(KEY, begun, tokens)
    loss, gradient = jax.jit(jax.value_and_grad(plain_loss))(begun.params, tokens)
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], math.log(WORDS), atol=0.1)  # knows nothing as yet
    assert optax.tree.norm(gradient) > 0.1
    for left, before, slope in zip(
        *map(jax.tree.leaves, (after.params, begun.params, gradient)), strict=True
    ):
        np.testing.assert_allclose(left, before - RATE * slope, atol=1e-6)
    in_parts = jax.jit(gpt2(NET, optax.sgd(RATE), microbatches=2).step)(KEY, begun, tokens)
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, (after, metrics), in_parts)
    with pytest.raises(BadInput, match="microbatches=3 should divide the batch of 4"):
        gpt2(NET, optax.sgd(RATE), microbatches=3).step(KEY, begun, tokens)


def test_stretches_are_cut_anew_each_time(begun):
    learner = gpt2(NET, optax.sgd(RATE))
    stretches = jax.random.randint(KEY, (4, 2 * CONTEXT), 0, WORDS)
    step = jax.jit(learner.step)
    losses = [float(step(key, begun, stretches)[1]["loss"]) for key in jax.random.split(KEY, 3)]
    assert len(set(losses)) == 3


def scored(rows, weights, num_bytes):
    return windows.Scored(np.asarray(rows, np.uint16), np.asarray(weights, np.float32), num_bytes)


def evaluate(net, text, state, **settings):
    fold = score_held_out(net, lambda: text, **settings)
    scores = jax.jit(fold.init)(KEY, state)
    update = jax.jit(fold.update)
    for batch in fold.batches():
        expected = fold.batch_shape()
        assert jax.tree.map(lambda x: (x.shape, x.dtype), batch) == jax.tree.map(
            lambda x: (x.shape, x.dtype), expected
        )
        scores = update(scores, state, batch)
    return jax.jit(fold.result)(scores)


def test_bits_per_byte_by_hand(begun):
    """A net that guesses evenly needs log2(7) bits a token; padding costs nothing."""
    even = begun._replace(params=jax.tree.map(jnp.zeros_like, begun.params))
    rows = np.random.default_rng(0).integers(0, WORDS, (37, CONTEXT + 1))
    weights = np.ones((37, CONTEXT))
    weights[-1, 3:] = 0
    result = evaluate(NET, scored(rows, weights, 100), even)
    tokens = 36 * CONTEXT + 3
    np.testing.assert_allclose(result["loss"], math.log(WORDS), rtol=1e-5)
    np.testing.assert_allclose(result["perplexity"], WORDS, rtol=1e-5)
    np.testing.assert_allclose(result["bits_per_byte"], tokens * math.log2(WORDS) / 100, rtol=1e-5)


def test_the_score_is_the_mean_of_the_plain_losses(begun):
    rows = np.asarray(draw_windows(3, 40))
    result = evaluate(NET, scored(rows, np.ones((40, CONTEXT)), 320), begun)
    expected = jax.jit(plain_loss)(begun.params, rows)
    np.testing.assert_allclose(result["loss"], expected, rtol=1e-5)


def test_of_packed_documents_none_sees_another(begun):
    params = begun.params
    row = np.array([[0, 3, 2, 0, 5, 4, 1, 2, 6]])
    other = row.copy()
    other[0, 1:3] = 6, 6
    losses = jax.jit(partial(token_losses, NET, end=0))
    before, after = losses(params, row), losses(params, other)
    np.testing.assert_array_equal(before[:, 3:], after[:, 3:])
    assert (before[:, :2] != after[:, :2]).all()
    open_losses = jax.jit(partial(token_losses, NET))
    assert (open_losses(params, row)[:, 3:] != open_losses(params, other)[:, 3:]).all()


def learn(tokens, steps, samples=None):
    learner = gpt2(NET, optax.adam(1e-2), samples=samples)
    rows = np.lib.stride_tricks.sliding_window_view(tokens, CONTEXT + 1)
    data = DeviceData(np.ascontiguousarray(rows, np.uint16), 16)
    return fit(learner, data, Run(steps=steps, steps_per_call=50, devices=1))


def test_a_text_that_repeats_is_learned_and_written_and_noise_is_not():
    text = np.tile([1, 4, 2, 2, 5, 3], 60)
    samples = Samples((1, 150), (1, 4), length=6, sampling=Sampling(0.0))
    state, result = learn(text, 150, samples)
    assert result["metrics"]["loss"]["mean"] < 0.2
    np.testing.assert_array_equal(state.extra.texts[1], [1, 4, 2, 2, 5, 3, 1, 4])
    whole = language.generate(NET, state.params, [1, 4], steps=6)
    np.testing.assert_array_equal(state.extra.texts[1], whole)
    noise = np.random.default_rng(0).integers(0, WORDS, 4_000)
    assert learn(noise, 150)[1]["metrics"]["loss"]["mean"] > 0.95 * math.log(WORDS)


def test_pages_are_written_after_their_steps_and_stay():
    samples = Samples((2, 3), (1,), length=3)
    learner = gpt2(NET, optax.sgd(RATE), samples=samples)
    step = jax.jit(learner.step)
    state = jax.jit(learner.init)(KEY)
    keys = jax.random.split(KEY, 4)
    texts = []
    for key in keys:
        state, _ = step(key, state, draw_windows(2))
        texts.append(np.asarray(state.extra.texts))
        if state.extra.step == 2:
            write_key = jax.random.split(key, 3)[2]
            prompt, first = jnp.array([[1]]), jnp.zeros(1, jnp.int32)
            expected = write_tokens(
                NET, state.params, write_key, prompt, first, 3, samples.sampling, ()
            )
    is_blank = [(page == BLANK).all(axis=1).tolist() for page in texts]
    assert is_blank == [[True, True], [False, True], [False, False], [False, False]]
    np.testing.assert_array_equal(texts[3][0], expected[0])
    np.testing.assert_array_equal(texts[3], texts[2])
    with pytest.raises(BadInput, match="samples of 9 tokens exceed the context of 8"):
        gpt2(NET, optax.sgd(RATE), samples=Samples((1,), (1,), length=8))


def test_pages_are_spread_by_the_logarithm_of_the_steps():
    assert pages(10_000, 4) == (10, 100, 1_000, 10_000)
    assert pages(3, 5) == (1, 2, 3)
    assert pages(100, 0) == ()


@pytest.mark.parametrize("scan_layers", [False, True])
def test_maps_are_in_the_order_of_the_blocks(scan_layers):
    """Twelve blocks: by name, the second would be the eleventh."""
    from jaxdl.language.gpt2 import attention_maps

    net = GPT2(WORDS, CONTEXT, width=4, depth=12, heads=1, scan_layers=scan_layers)
    params = jax.jit(net.init)(KEY, jnp.zeros((1, 2), jnp.int32))["params"]
    look = jax.jit(partial(attention_maps, net))
    maps = look(params, jnp.arange(5))
    assert maps.shape == (12, 1, 5, 5)
    rows = params["transformer"]
    rows = rows["Blocks"] if scan_layers else rows["Block_1"]
    kernel = rows["Attention_0"]["Dense_0"]["kernel"]
    silent = kernel.at[1].set(0.0) if scan_layers else jnp.zeros_like(kernel)
    rows["Attention_0"]["Dense_0"]["kernel"] = silent  # the second block looks evenly
    maps = look(params, jnp.arange(5))
    even = np.tri(5) / np.arange(1, 6)[:, None]
    assert [bool(np.allclose(each[0], even, atol=1e-7)) for each in maps] == [
        i == 1 for i in range(12)
    ]


def test_the_report_shows_texts_and_attention():
    config = configure("gpt2", PRESETS, "smoke", {})
    system = build(config)
    heads, depth = config.decoder.heads, config.decoder.depth
    texts = np.full((2, 5), BLANK)
    texts[0] = [10, *b"jax\t"]
    arrays = {
        "texts": texts,
        "shown": np.array([256, *b"Text"]),
        "attention": np.random.default_rng(0).random((depth, heads, 5, 5)),
    }
    table, maps = system.figures(Outcome({}, arrays, [], 1))
    assert table.content.rows == [[pages(config.run.horizon, 2)[0], r"\njax\t"]]
    assert len(maps.content.axes) == heads * depth
    labels = [label.get_text() for label in maps.content.axes[0].get_yticklabels()]
    assert labels == ["<|endoftext|>", "T", "e", "x", "t"]
    assert system.figures(Outcome({}, {}, [], 1)) == []


def test_texts_and_tokenizers_that_are_not_there_are_one_line(tmp_path):
    with pytest.raises(BadInput, match="needs --tokenizer_dir"):
        _setup.open_tokenizer(Text(tokenizer="gpt2"))
    with pytest.raises(BadInput, match="missing"):
        _setup.open_corpus(Text(text=str(tmp_path / "missing")))


def test_a_fine_description_of_a_net_is_what_an_export_computes():
    config = configure("gpt2", PRESETS, "smoke", {})
    system = build(config)
    state = jax.eval_shape(system.learner.init, KEY)
    weights = system.deployment.weights(state)
    tokens = jax.ShapeDtypeStruct((3, config.decoder.context), jnp.int32)
    logits = jax.eval_shape(system.deployment.apply, weights, {"tokens": tokens})["logits"]
    assert logits.shape == (3, config.decoder.context, 257)
