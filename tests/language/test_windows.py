from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Learner, Run, TrainState, fit
from jaxdl.core.run import BadInput
from jaxdl.language import corpus, tokenizers, windows

T = 8
END = 256


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for i in range(30):
        (folder / f"{i:02d}.txt").write_text("".join(chr(97 + (i + j) % 26) for j in range(3 + i)))
    return corpus.open_corpus(folder, tokenizers.raw_bytes()).train


def places_by_hand(row, end):
    segments, positions, segment, position = [], [], 1, -1
    for token in row:
        begins = token == end
        segment += begins
        position = 0 if begins else position + 1
        segments.append(segment)
        positions.append(position)
    return segments, positions


def test_segments_and_positions_are_read_off_the_ends():
    rows = np.array([[5, 6, 9, 7, 9, 9, 1], [9, 1, 2, 3, 4, 5, 9], [1, 2, 3, 4, 5, 6, 7]])
    segments, positions = windows.document_places(jnp.asarray(rows), 9)
    for row, s, p in zip(rows, segments, positions, strict=True):
        assert (s.tolist(), p.tolist()) == places_by_hand(row, 9)
    batch = windows.next_token_batch(jnp.asarray(rows, jnp.uint16), 9)
    assert all(leaf.shape == (3, 6) and leaf.dtype == jnp.int32 for leaf in batch)
    np.testing.assert_array_equal(batch.targets[:, :-1], batch.tokens[:, 1:])
    np.testing.assert_array_equal(batch.targets, rows[:, 1:])
    np.testing.assert_array_equal(batch.segments, segments[:, :-1])


def test_in_fixed_windows_each_token_is_a_target_once(text):
    tokens = corpus.all_tokens(text)
    data = windows.fixed_windows(text, context=T, batch_size=4)
    assert data.arrays.dtype == np.uint16
    targets = data.arrays[:, 1:].reshape(-1)
    np.testing.assert_array_equal(targets, tokens[1 : 1 + len(targets)])
    assert len(tokens) - 1 - len(targets) < T
    np.testing.assert_array_equal(data.arrays[1:, 0], data.arrays[:-1, -1])


def test_shifting_windows_begin_anywhere_and_equally_often(text):
    tokens = corpus.all_tokens(text)
    data = windows.shifting_windows(text, context=T, batch_size=4)
    numbered = np.arange(len(data.arrays) * T + T, dtype=np.uint16)
    rows = np.lib.stride_tricks.sliding_window_view(numbered, 2 * T)[::T]
    np.testing.assert_array_equal(data.arrays, tokens[rows])
    draw = jax.jit(jax.vmap(windows.draw_windows, (0, None)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 2000), jnp.asarray(rows)))
    np.testing.assert_array_equal(np.diff(drawn, axis=-1), 1)
    begins = drawn[..., 0]  # [draws, rows]
    np.testing.assert_array_equal(begins // T, np.broadcast_to(np.arange(len(rows)), begins.shape))
    counts = np.bincount(begins.reshape(-1) % T, minlength=T)
    expected = begins.size / T
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 24.3  # 7 degrees of freedom, p = 0.001


def test_random_windows_are_a_function_of_the_key(text):
    tokens = corpus.all_tokens(text)
    sample = windows.random_windows(text, context=T, batch_size=5000)
    one = np.asarray(jax.jit(sample)(jax.random.key(1), jnp.int32(0)))
    assert one.shape == (5000, T + 1) and one.dtype == np.uint16
    np.testing.assert_array_equal(one, sample(jax.random.key(1), jnp.int32(7)))
    assert (one != np.asarray(sample(jax.random.key(2), jnp.int32(0)))).any()
    every = {row.tobytes() for row in np.lib.stride_tricks.sliding_window_view(tokens, T + 1)}
    assert {row.tobytes() for row in one} == every  # the first and the last among them


def test_host_windows_read_exact_epochs_from_shards(text, tmp_path):
    data = windows.host_windows(text, context=T, batch_size=3)
    fixed = windows.fixed_windows(text, context=T, batch_size=3).arrays
    count = len(fixed)
    steps = [data.fetch(11, step, np.arange(3)) for step in range(count)]  # 3 epochs
    seen = Counter(row.tobytes() for batch in steps for row in batch)
    assert seen == Counter({k: 3 * v for k, v in Counter(r.tobytes() for r in fixed).items()})
    first = np.concatenate(steps)[:count]
    assert Counter(r.tobytes() for r in first) == Counter(r.tobytes() for r in fixed)
    np.testing.assert_array_equal(data.fetch(11, 5, np.array([2])), steps[5][2:])
    assert (data.fetch(12, 0, np.arange(3)) != steps[0]).any()
    assert text.identity in data.identity


def test_each_token_is_scored_once(text):
    tokens = corpus.all_tokens(text)
    scored = windows.scored_windows(text, context=T)
    targets = scored.rows[:, 1:][scored.weights > 0]
    np.testing.assert_array_equal(targets, tokens[1:])
    assert scored.weights.sum() == len(tokens) - 1
    assert (scored.rows[:, 1:][scored.weights == 0] == END).all()
    assert scored.num_bytes == corpus.num_bytes(text)
    some = windows.scored_windows(text, context=T, most=50)
    assert some.weights.sum() <= 49
    ends = (some.rows[:, 1:][some.weights > 0] == END).sum()
    assert some.num_bytes == some.weights.sum() - ends  # bytes are tokens here
    one = windows.scored_windows(text, context=T, most=1)
    assert one.num_bytes == text.index.num_bytes[0]


def test_windows_that_are_not_there_are_refused(text):
    most = (corpus.num_tokens(text) - 1) // T
    windows.fixed_windows(text, context=T, batch_size=most)
    for make in (windows.fixed_windows, windows.host_windows, windows.shifting_windows):
        with pytest.raises(BadInput, match="windows of context=8 there are"):
            make(text, context=T, batch_size=most + 1)
        with pytest.raises(BadInput, match="should be 1 to 0"):
            make(text, context=100_000, batch_size=1)
    with pytest.raises(BadInput, match="above context=100000"):
        windows.random_windows(text, context=100_000, batch_size=1)


def test_the_driver_takes_each_kind_of_window(text):
    def step(key, state, batch):
        rows = windows.draw_windows(key, batch) if batch.shape[1] == 2 * T else batch
        made = windows.next_token_batch(rows, END)
        seen = state.params + jnp.zeros(257).at[made.targets].add(1.0)
        return state._replace(params=seen), {"tokens": jnp.float32(made.targets.size)}

    learner = Learner(lambda key: TrainState(jnp.zeros(257), ()), step)
    for make in (windows.fixed_windows, windows.shifting_windows, windows.random_windows):
        data = make(text, context=T, batch_size=8)
        state, _ = fit(learner, data, Run(steps=4, steps_per_call=2, devices=1))
        assert state.params.sum() == 4 * 8 * T
