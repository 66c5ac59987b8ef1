"""BERT's learner: its loss and gradient, its scores, and what it shows."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.language import _setup
from experiments.language._options import MaskedText
from experiments.language.bert import PRESETS, build
from jaxdl import language
from jaxdl.core import DeviceData, Run, fit
from jaxdl.core.run import BadInput
from jaxdl.language import tokenizers
from jaxdl.language.bert import (
    EVAL_ROWS,
    Masking,
    bert,
    draw_batch,
    look,
    most_masked,
    opening,
    score_rows,
    words_of,
)
from jaxdl.language.sentence_pairs import Rows
from jaxdl.launch import Outcome, configure
from jaxdl.nn import BERT

KEY = jax.random.key(0)
TOKENIZER = tokenizers.raw_bytes(("end", "pad", "start", "separator", "mask"))
MASK = TOKENIZER.specials["mask"]
WORDS, CONTEXT = TOKENIZER.vocab_size, 16
NET = BERT(WORDS, CONTEXT, width=16, depth=1, heads=2)
MASKING = Masking(lambda: words_of(TOKENIZER), share=0.3)
ALONE = MASKING._replace(pairs=False)
RATE = 0.1


def draw_rows(seed, count=4, length=CONTEXT - 3, letters=b"abcd efgh"):
    rng = np.random.default_rng(seed)
    tokens = np.array(list(letters), np.int32)[rng.integers(0, len(letters), (count, length))]
    sizes = rng.integers(length // 2, length + 1, count).astype(np.int32)
    return Rows(tokens, sizes, np.arange(count, dtype=np.int32))


@pytest.fixture(scope="module")
def begun():
    """The state of a learner that has learned nothing."""
    return jax.jit(bert(NET, optax.sgd(RATE), MASKING).init)(KEY)


def plain_losses(params, batch, pairs):
    """Devlin et al. 2018, A.2, from the whole logits [B, T, V] of the net."""
    words, follows = NET.apply({"params": params}, batch.tokens, batch.token_types, batch.mask)
    logp = jax.nn.log_softmax(words)
    total = 0.0
    for row in range(len(batch.tokens)):
        asked = logp[row, batch.positions[row], batch.targets[row]]
        total = total - jnp.sum(jnp.where(batch.weights[row] > 0, asked, 0.0))
    masked = total / jnp.sum(batch.weights)
    losses = optax.softmax_cross_entropy_with_integer_labels(follows, batch.next_sentence)
    return masked, jnp.mean(losses) if pairs else 0.0


@pytest.mark.parametrize("masking", [MASKING, ALONE], ids=["pairs", "alone"])
def test_a_step_is_one_of_the_plain_losses_in_any_number_of_parts(begun, masking):
    rows = draw_rows(1, length=CONTEXT - (3 if masking.pairs else 2))
    batch = draw_batch(jax.random.split(KEY)[0], NET, masking, rows)
    assert len(set(batch.weights.sum(axis=1).tolist())) > 1  # parts differ in size

    def plain(params):
        return sum(plain_losses(params, batch, masking.pairs))

    loss, gradient = jax.jit(jax.value_and_grad(plain))(begun.params)
    for parts in (1, 2):
        step = jax.jit(bert(NET, optax.sgd(RATE), masking, microbatches=parts).step)
        after, metrics = step(KEY, begun, rows)
        np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
        for left, before, slope in zip(
            *map(jax.tree.leaves, (after.params, begun.params, gradient)), strict=True
        ):
            np.testing.assert_allclose(left, before - RATE * slope, atol=1e-6)
    assert optax.tree.norm(gradient) > 0.1
    of_pairs = optax.tree.norm(gradient["follows"])
    assert (of_pairs > 0) == masking.pairs
    assert ("next_sentence_loss" in metrics) == masking.pairs
    np.testing.assert_allclose(metrics["masked_loss"], math.log(WORDS), atol=0.1)
    with pytest.raises(BadInput, match="microbatches=3 should divide the batch of 4"):
        bert(NET, optax.sgd(RATE), masking, microbatches=3).step(KEY, begun, rows)


def test_masks_are_drawn_anew_at_every_step(begun):
    step = jax.jit(bert(NET, optax.sgd(RATE), MASKING).step)
    keys = jax.random.split(KEY, 3)
    losses = [float(step(key, begun, draw_rows(1))[1]["masked_loss"]) for key in keys]
    assert len(set(losses)) == 3


def evaluate(net, rows, params, masking=MASKING):
    fold = score_rows(net, masking, lambda: rows)
    state = bert(net, optax.sgd(RATE), masking).init(KEY)._replace(params=params)
    sums = fold.init(KEY, state)
    update = jax.jit(fold.update)
    parts = list(fold.batches())
    for part in parts:
        shapes = partial(jax.tree.map, lambda x: (x.shape, x.dtype))
        assert shapes(part) == shapes(fold.batch_shape())
        sums = update(sums, state, part)
    result = fold.result(sums)
    scores = {n: float(x.total / x.count) for n, x in result.items() if hasattr(x, "count")}
    return scores, result, parts


def test_scores_by_hand_of_a_net_that_always_says_e(begun):
    """Even chances but for one letter; rows that fill up the last part count for nothing."""
    zeros = jax.tree.map(jnp.zeros_like, begun.params)
    zeros["words_bias"] = zeros["words_bias"].at[ord("e")].set(3.0)
    zeros["follows"]["bias"] = jnp.array([0.0, 1.0])
    count = EVAL_ROWS + 5
    rows = draw_rows(2, count)
    scores, result, parts = evaluate(NET, rows, zeros)
    assert [part.weights.sum() for part in parts] == [EVAL_ROWS, 5]
    asked = []
    labels = []
    for number, part in enumerate(parts):
        key = jax.random.fold_in(jax.random.key(0), number)
        batch = draw_batch(key, NET, MASKING, part.rows)
        kept = int(part.weights.sum())
        weights = np.asarray(batch.weights[:kept]) > 0
        asked += np.asarray(batch.targets[:kept])[weights].tolist()
        labels += batch.next_sentence[:kept].tolist()
    told = np.mean(np.array(asked) == ord("e"))
    total = math.log(math.exp(3) + WORDS - 1)
    assert result["loss"].count == len(asked) and 0 < told < 0.5
    np.testing.assert_allclose(scores["loss"], total - 3 * told, rtol=1e-5)
    np.testing.assert_allclose(scores["masked_accuracy"], told, rtol=1e-5)
    most = np.bincount(asked).max() / len(asked)
    np.testing.assert_allclose(scores["most_frequent"], most, rtol=1e-5)
    assert 0 < sum(labels) < count
    np.testing.assert_allclose(scores["next_sentence_accuracy"], np.mean(labels), rtol=1e-5)
    of_pairs = math.log(1 + math.e) - np.mean(labels)
    np.testing.assert_allclose(scores["next_sentence_loss"], of_pairs, rtol=1e-5)
    best, chances = result["best"], result["chances"]
    assert (best[..., 0] == ord("e")).all()
    np.testing.assert_allclose(chances[..., 0], math.exp(3 - total), rtol=1e-5)
    np.testing.assert_allclose(chances[..., 4], math.exp(-total), rtol=1e-5)
    first = draw_batch(jax.random.fold_in(jax.random.key(0), 0), NET, MASKING, parts[0].rows)
    np.testing.assert_array_equal(result["tokens"], first.tokens[:8])
    np.testing.assert_array_equal(result["targets"], first.targets[:8])
    text, _ = opening(parts[0].rows, MASKING.read().marks, CONTEXT)  # and not of the last part
    np.testing.assert_array_equal(result["shown"], text)


def learn(rows, masking, steps):
    net = NET.clone(width=32, heads=4)
    learner = bert(net, optax.adam(5e-3), masking, held_out=lambda: draw_pattern(1, 64))
    run = Run(steps=steps, steps_per_call=100, devices=1)
    return fit(learner, DeviceData(rows, 32), run)[1]["metrics"]


def draw_pattern(seed, count):
    """Rows of letters of which each tells its neighbors, 26 in a circle."""
    begins = np.random.default_rng(seed).integers(0, 26, (count, 1))
    tokens = (97 + (begins + np.arange(CONTEXT - 2)) % 26).astype(np.int32)
    return Rows(tokens, np.full(count, CONTEXT - 2, np.int32), np.arange(count, dtype=np.int32))


def test_a_circle_of_letters_is_told_from_both_sides_and_noise_is_not():
    masking = ALONE._replace(share=0.15)
    found = learn(draw_pattern(0, 256), masking, 800)
    assert found["eval/masked_accuracy"]["mean"] > 0.9
    assert found["eval/most_frequent"]["mean"] < 0.2
    noise = draw_rows(0, 256, CONTEXT - 2, bytes(range(97, 123)))
    assert learn(noise, masking, 200)["eval/masked_accuracy"]["mean"] < 0.2


def test_a_causal_net_sees_nothing_of_what_follows(begun):
    row = jnp.array([[258, *b"abcdefgh", 259]])
    other = row.at[0, 6].set(ord("z"))
    for causal in (True, False):
        net = NET.clone(causal=causal)
        one, two = (net.apply({"params": begun.params}, x, method="encode") for x in (row, other))
        assert bool((one[:, :6] == two[:, :6]).all()) == causal
        assert bool((one[:, 6:] != two[:, 6:]).any())
    with pytest.raises(BadInput, match="a causal BERT has no form"):
        language.save("nowhere", NET.clone(causal=True), begun.params)


def test_a_full_row_is_asked_for_its_share():
    assert most_masked(128, MASKING._replace(share=0.15)) == 19  # of 125
    assert most_masked(8, MASKING._replace(share=0.01)) == 1


def test_the_report_shows_gaps_and_their_fillings():
    system = build(configure("bert", PRESETS, "smoke", {}))
    row = [258, *b"on", MASK, MASK, *b"nd", 259, 257]
    best = np.zeros((1, 2, 5), np.int32)
    best[0] = [list(b"eaiou"), list(b" tnsr")]
    chances = np.array([[[0.5, 0.2, 0.1, 0.05, 0.01]] * 2])
    arrays = {
        "tokens": np.array([row]),
        "positions": np.array([[3, 4]]),
        "targets": np.array([[ord("e"), ord("e")]]),
        "weights": np.ones((1, 2)),
        "best": best,
        "chances": chances,
    }
    (shown,) = system.figures(Outcome({}, arrays, [], 1))
    first, second = shown.content.rows
    fillings = ["'e' 50 %", "'a' 20 %", "'i' 10 %", "'o' 5 %", "'u' 1 %"]
    assert first == ["[CLS]on[_]_nd[SEP]", "'e'", *fillings]
    assert second[:3] == ["[CLS]on_[_]nd[SEP]", "'e'", "' ' 50 %"]
    seeds = {name: np.stack([x, x]) for name, x in arrays.items()}
    assert system.figures(Outcome({}, seeds, [], 2))[0].content.rows == shown.content.rows
    nothing = arrays | {"weights": np.zeros((1, 2))}
    assert system.figures(Outcome({}, nothing, [], 1)) == []
    assert system.figures(Outcome({}, {}, [], 1)) == []


def test_the_report_shows_where_tokens_look():
    system = build(configure("bert", PRESETS, "smoke", {"causal": True}))
    text = np.array([258, *b"on the", 259])
    maps = np.random.default_rng(0).random((1, 2, 8, 8))
    (drawn,) = system.figures(Outcome({}, {"shown": text, "attention": maps}, [], 1))
    panels = drawn.content.axes
    assert [panel.get_title() for panel in panels] == ["block 1, head 1", "block 1, head 2"]
    assert panels[0].get_yticklabels()[0].get_text() == "[CLS]"
    np.testing.assert_allclose(panels[1].images[0].get_array(), maps[0, 1])
    assert "no token sees those after it" in drawn.caption


@pytest.mark.parametrize("length", [5, 13])
def test_a_text_whose_attention_is_drawn_is_read_unmasked_and_without_its_padding(begun, length):
    rows = draw_rows(4)._replace(length=np.array([3, length, 4, length - 1], np.int32))
    marks = MASKING.read().marks
    tokens, seen = opening(rows, marks, CONTEXT - 4)
    kept = min(length, CONTEXT - 6)
    inside = [marks.start, *rows.tokens[1, :kept].tolist(), marks.separator]
    assert tokens.tolist() == inside + [marks.pad] * (CONTEXT - 4 - len(inside))
    assert seen.tolist() == [True] * len(inside) + [False] * (CONTEXT - 4 - len(inside))
    looks = jax.jit(partial(look, NET))(begun.params, tokens, seen)
    np.testing.assert_array_equal(looks.shown, tokens)
    assert looks.attention.shape == (1, 2, CONTEXT - 4, CONTEXT - 4)
    alone = jax.jit(partial(look, NET))(begun.params, tokens[: len(inside)], seen[: len(inside)])
    shown = looks.attention[..., : len(inside), : len(inside)]
    np.testing.assert_allclose(shown, alone.attention, atol=1e-6)
    np.testing.assert_allclose(jnp.sum(shown, axis=-1), 1, rtol=1e-5)


def test_an_export_has_both_heads():
    config = configure("bert", PRESETS, "smoke", {})
    system = build(config)
    state = jax.eval_shape(system.learner.init, KEY)
    weights = system.deployment.weights(state)
    row = jax.ShapeDtypeStruct((3, config.encoder.context), jnp.int32)
    inputs = dict.fromkeys(("tokens", "token_types", "mask"), row)
    outputs = jax.eval_shape(system.deployment.apply, weights, inputs)
    assert outputs["words"].shape == (3, config.encoder.context, WORDS)
    assert outputs["next_sentence"].shape == (3, 2)


def test_held_out_rows_are_of_other_documents_and_few_where_few_are_asked_for():
    text = MaskedText("topics", scored_tokens=8_000)
    rows = _setup.masked_held_out(text, context=32, pairs=True)
    data = _setup.masked_training(text, context=32, batch_size=8, pairs=True)
    assert rows.tokens.shape[1] == data.arrays.tokens.shape[1] == 29
    assert rows.length.sum() <= 8_000
    spans = {x.tobytes() for x in rows.tokens} & {x.tobytes() for x in data.arrays.tokens}
    assert len(spans) < 0.02 * len(rows.tokens)
    assert (np.diff(rows.document) < 0).any()  # mixed, for pairs within a part


def test_tokenizers_that_are_not_there_are_one_line(tmp_path):
    with pytest.raises(BadInput, match="--tokenizer=bert needs --tokenizer_dir, with vocab.txt"):
        _setup.open_tokenizer(MaskedText(tokenizer="bert"))
    plain = tokenizers.raw_bytes(("end",))
    with pytest.raises(BadInput, match="has no token for masks"):
        words_of(plain)
    tokenizers.save(plain, tmp_path)
    with pytest.raises(BadInput, match="has 257 tokens, and bert 30522"):
        _setup.open_tokenizer(MaskedText(tokenizer="bert", tokenizer_dir=str(tmp_path)))
