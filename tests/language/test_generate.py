"""Decoding against full forward passes, frequencies, and brute force."""

import itertools
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl import language
from jaxdl.core.run import BadInput
from jaxdl.language.beams import length_penalty
from jaxdl.language.decoding import read_prompt, read_token
from jaxdl.language.generate import BeamPlan, align, beam_search, write_tokens
from jaxdl.language.hugging_face import apply_of
from jaxdl.language.sampling import Sampling, choose, filtered
from jaxdl.nn import GPT2

GOLDEN = Path(__file__).parent / "golden"
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model():
    return language.load(GOLDEN / "gpt2")


@pytest.mark.parametrize("scan_layers", [False, True])
def test_cached_logits_are_those_of_the_full_forward_pass(scan_layers):
    """Of rows that begin at different slots, after the prompt and after every token."""
    with jax.enable_x64(True):
        net = GPT2(11, 9, 8, 2, 2, dtype=jnp.float64, scan_layers=scan_layers)
        tokens = jax.random.randint(KEY, (2, 9), 0, 11)
        params = jax.jit(net.init)(KEY, tokens)["params"]
        params = jax.tree.map(lambda x: 3 * x + 0.1, params)
        first = jnp.array([0, 2])
        whole = jax.jit(lambda row: net.apply({"params": params}, row[None])[0])
        full = [whole(tokens[0]), jnp.pad(whole(tokens[1, 2:]), ((2, 0), (0, 0)))]
        reading = jax.jit(partial(read_prompt, net, slots=9))(params, tokens[:, :4], first)
        close = partial(np.testing.assert_allclose, rtol=0, atol=1e-12)
        read = jax.jit(partial(read_token, net))
        for slot in range(3, 9):
            if slot > 3:
                reading = read(params, reading, tokens[:, slot], slot, first)
            assert reading.logits.dtype == jnp.float64
            close(reading.logits, jnp.stack([row[slot] for row in full]))


def greedy(apply, params, prompt, steps):
    """Passes over a whole row each time; what stands behind a token is not seen."""
    apply = jax.jit(apply)
    row = np.zeros((1, 12), int)
    row[0, : len(prompt)] = prompt
    for end in range(len(prompt), len(prompt) + steps):
        row[0, end] = jnp.argmax(apply(params, row)[0, end - 1])
    return row[0, : len(prompt) + steps]


def test_greedy_is_the_most_probable_token_of_full_passes(model):
    prompts = [[1, 2, 3, 4, 5], [7, 2]]
    expected = [greedy(*model, prompt, 4) for prompt in prompts]
    rows = np.asarray(language.generate(*model, prompts, steps=4))
    assert rows.shape == (2, 9)
    np.testing.assert_array_equal(rows[0], expected[0])
    np.testing.assert_array_equal(rows[1], [0, 0, 0, *expected[1]])
    alone = language.generate(*model, prompts[1], steps=4)
    np.testing.assert_array_equal(alone, expected[1])


@pytest.mark.parametrize("settings", [{}, {"beams": 3}, {"temperature": 1.0, "key": KEY}])
def test_a_function_without_a_cache_writes_the_same(model, settings):
    apply, params = model
    prompts = [[1, 2, 3], [7, 2, 9]]
    write = partial(language.generate, params=params, prompt=prompts, steps=4, **settings)
    cached = write(apply)
    np.testing.assert_array_equal(write(jax.jit(apply)), cached)
    np.testing.assert_array_equal(write(lambda params, tokens: apply(params, tokens)), cached)


def test_a_stop_token_ends_its_row_alone(model):
    apply, params = model
    prompts = [[1, 2, 3, 4, 5], [7, 2, 9, 9, 1]]
    free = np.asarray(language.generate(apply, params, prompts, steps=5))[:, 5:]
    stop = int(free[0, 0])
    assert stop not in free[1]
    rows = np.asarray(language.generate(apply, params, prompts, steps=5, stop=stop))[:, 5:]
    np.testing.assert_array_equal(rows, [[stop] * 5, free[1]])


def test_draws_are_a_function_of_the_key(model):
    draw = partial(language.generate, *model, [[1, 2]] * 3, steps=5, temperature=1.0)
    first, again, other = (np.asarray(draw(key=jax.random.key(seed))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[0] != first[1]).any()


LOGITS = np.log(np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04]))


def by_hand(sampling):
    """The distribution that is drawn from, by a loop over tokens from the most probable one on."""
    powers = np.exp(LOGITS / sampling.temperature)
    kept = np.arange(len(powers)) < (sampling.top_k or len(powers))
    shares = np.where(kept, powers, 0) / powers[kept].sum()
    mass = 0.0
    for token, share in enumerate(shares):
        kept[token] &= mass < sampling.top_p
        mass += share
    kept &= powers >= sampling.min_p * powers[0]
    return np.where(kept, powers, 0) / powers[kept].sum()


SAMPLINGS = [
    Sampling(1.0),
    Sampling(0.7),
    Sampling(1.0, top_k=3),
    Sampling(1.0, top_p=0.7),
    Sampling(1.0, min_p=0.3),
    Sampling(1.3, top_k=5, top_p=0.9, min_p=0.2),
    Sampling(1.0, top_k=1),
    Sampling(1.0, top_p=1e-6),
]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_frequencies_are_those_of_the_distribution(sampling):
    draws = 20_000
    order = np.array([3, 0, 5, 1, 4, 2])  # the filters may not rely on tokens being sorted
    logits = jnp.broadcast_to(jnp.zeros(6).at[order].set(LOGITS), (draws, 6))
    counts = np.bincount(choose(KEY, logits, sampling), minlength=6)[order]
    expected = by_hand(sampling)
    assert (counts[expected == 0] == 0).all()
    is_in = expected > 0
    if is_in.sum() > 1:
        assert stats.chisquare(counts[is_in], draws * expected[is_in]).pvalue > 1e-3
        wrong = np.roll(expected[is_in], 1)  # what the test would find
        assert stats.chisquare(counts[is_in], draws * wrong).pvalue < 1e-9
    exact = jax.nn.softmax(filtered(logits[:1], sampling))[0, order]
    np.testing.assert_allclose(exact, expected, atol=1e-6)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="reads what XLA makes for a CPU")
def test_no_token_copies_or_turns_the_cache_around():
    net = GPT2(11, 40, 16, 2, 2)  # 2 heads of 8, 39 slots
    params = jax.eval_shape(net.init, KEY, jnp.zeros((1, 1), jnp.int32))["params"]
    prompt = jnp.zeros((1, 3), jnp.int32)
    program = write_tokens.lower(
        net, params, KEY, prompt, jnp.zeros(1, jnp.int32), 36, Sampling(1.0), ()
    )
    text = program.compile().as_text()
    assert len(re.findall(r" f32\[1,2,(?:8,39|39,8)\]\S* fusion", text)) >= 4  # it is written to
    assert not re.findall(r" f32\[(?:1,)?2,(?:8,39|39,8)\]\S* (?:copy|transpose)\(", text)


def test_the_most_probable_of_equal_tokens_all_stay():
    kept = filtered(jnp.zeros((1, 4)), Sampling(1.0, top_k=2, top_p=0.3, min_p=1.0))
    np.testing.assert_array_equal(kept, 0.0)


def by_brute_force(apply, params, prompt, steps, stop, alpha):
    """The best score of all continuations, and the continuation filled up with stop tokens."""
    words = 4
    best = (-np.inf, ())
    rows = np.array([[*prompt, *more] for more in itertools.product(range(words), repeat=steps)])
    logp = np.asarray(jax.nn.log_softmax(apply(params, rows)))
    for row, logps in zip(rows, logp, strict=True):
        total, more = 0.0, []
        for i in range(len(prompt), len(row)):
            total += logps[i - 1, row[i]]
            more.append(int(row[i]))
            if row[i] in stop:
                break
        score = total / length_penalty(len(more), alpha)
        more += [stop[0] if stop else 0] * (steps - len(more))
        best = max(best, (score, tuple(more)))
    return best


@pytest.mark.parametrize("stop, alpha", [((), 0.0), ((2,), 0.0), ((2,), 0.9), ((1, 3), 0.6)])
def test_a_beam_search_that_is_wide_enough_finds_the_best_of_all(stop, alpha):
    with jax.enable_x64(True):
        net = GPT2(4, 8, 8, 1, 2, dtype=jnp.float64)
        made = jax.jit(net.init)(jax.random.key(3), jnp.zeros((1, 2), jnp.int32))
        params = jax.tree.map(lambda x: 5 * x, made["params"])
        prompts, steps = [[0, 1, 3], [2, 3]], 4
        rows, first = align(prompts)
        plan = BeamPlan(steps, 4 ** (steps - 1), stop, alpha)
        found = beam_search(net, params, rows, first, plan)
        for b, prompt in enumerate(prompts):
            best = by_brute_force(jax.jit(apply_of(net)), params, prompt, steps, stop, alpha)
            np.testing.assert_allclose(found.scores[b, 0], best[0], rtol=1e-10)
            np.testing.assert_array_equal(found.tokens[b, 0], best[1])
        assert (jnp.diff(found.scores, axis=1) <= 0).all()


def test_a_beam_finds_what_greedy_misses():
    """Of two first tokens the less probable one is followed by a certain one."""
    from jaxdl.language.beams import search_beams

    first = jnp.log(jnp.array([[0.55, 0.45, 1e-9]]))
    table = jnp.log(jnp.array([[0.4, 0.3, 0.3], [1e-9, 1e-9, 1.0], [0.4, 0.3, 0.3]]))
    extend = lambda reading, source, token, step: (reading, table[token])  # noqa: E731
    one, two = (search_beams(first, (), extend, steps=2, beams=k, alpha=0.0) for k in (1, 2))
    np.testing.assert_array_equal(one.tokens[0, 0], [0, 0])
    np.testing.assert_array_equal(two.tokens[0, 0], [1, 2])
    np.testing.assert_allclose(two.scores[0, 0], np.log(0.45), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"prompt": [1] * 13}, "a prompt of 13 tokens exceeds the context of 12"),
        ({"steps": 11}, "a prompt of 2 tokens and steps=11 exceed the context of 12"),
        ({"steps": 0}, "steps=0 should be at least 1"),
        ({"prompt": [1, 31]}, "the token 31 is none of the vocabulary of 31"),
        ({"prompt": [-1]}, "the token -1 is none of the vocabulary"),
        ({"stop": 40}, "the token 40 is none of the vocabulary"),
        ({"prompt": []}, "at least one token"),
        ({"prompt": [[1], []]}, "at least one token"),
        ({"prompt": [0.5]}, "whole numbers"),
        ({"prompt": "text"}, "whole numbers"),
        ({"temperature": 1.0}, "needs a key"),
        ({"temperature": -1.0}, "temperature=-1 should be at least 0"),
        ({"top_k": -1}, "top_k=-1 should be at least 0"),
        ({"top_p": 0.0}, "top_p=0 should be above 0 and at most 1"),
        ({"min_p": 2.0}, "min_p=2 should be within 0 to 1"),
        ({"beams": 0}, "beams=0 should be at least 1"),
        ({"beams": 2, "temperature": 1.0, "key": KEY}, "so temperature should be 0"),
    ],
)
def test_what_cannot_be_written_is_one_line(model, arguments, text):
    with pytest.raises(BadInput, match=text) as caught:
        language.generate(*model, **({"prompt": [1, 2], "steps": 2} | arguments))
    assert "\n" not in str(caught.value)


def test_padding_that_a_function_would_see_is_one_line(model):
    apply, params = model
    with pytest.raises(BadInput, match="prompts of different lengths need a GPT-2"):
        language.generate(lambda *args: apply(*args), params, [[1, 2], [1]], steps=1)


def test_a_net_that_is_no_gpt2_is_one_line():
    with pytest.raises(BadInput, match="takes a GPT-2, not a str"):
        language.generate("gpt2", {}, [1], steps=1)
    with pytest.raises(BadInput, match="takes a GPT-2, not a BERT"):
        language.generate(*language.load(GOLDEN / "bert"), [1], steps=1)
