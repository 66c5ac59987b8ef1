"""What GPT-2's claims decide, on figures whose answer is known and on small nets."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.language import _gpt2_rates as rates
from experiments.language import _gpt2_sizes as sizes
from jaxdl.launch import configure
from jaxdl.nn import GPT2

TRIED = rates.MUP["cpu"].rates
SPREAD = np.array([-0.1, 0.0, 0.1, -0.05, 0.05])  # of seeds, in doublings


def bowl(best):
    """Losses [R, S] that are lowest at the logarithms `best` [S]."""
    return 3 + 0.02 * (np.log2(TRIED)[:, None] - best) ** 2


def test_the_best_rate_is_the_vertex_of_a_parabola():
    vertices = np.log2(0.0006) + SPREAD
    np.testing.assert_allclose(rates.best_rates(TRIED, bowl(vertices)), vertices, rtol=1e-9)


def test_at_the_ends_and_beside_what_diverged_the_best_rate_is_one_that_was_tried():
    ends = rates.best_rates(TRIED, bowl(np.log2([1e-5, 1.0])))
    np.testing.assert_allclose(2**ends, [TRIED[0], TRIED[-1]])
    losses = bowl(np.log2([0.0013]))
    losses[-2:] = np.nan  # from 0.002 on, which is beside 0.001
    np.testing.assert_allclose(2 ** rates.best_rates(TRIED, losses), [0.001])
    assert rates.best_rates(TRIED, np.full((6, 1), 3.0))[0] == np.log2(TRIED[0])


@pytest.mark.parametrize(
    ("by_mup", "without", "answer"),
    [
        (0.3, 2.0, "holds"),
        (-0.3, 2.0, "holds"),
        (1.5, 2.0, "fails"),  # muP does not carry the rate
        (-1.5, 2.0, "fails"),
        (0.3, 0.4, "fails"),  # nor is it needed
        (0.3, -2.0, "fails"),  # without it the best rate should fall
        (0.95, 2.0, "undecided"),
    ],
)
def test_muP_holds_where_it_carries_a_rate_that_would_not_hold(  # noqa: N802
    monkeypatch, by_mup, without, answer
):
    falls = {(64, 0): 0.0, (256, 64): by_mup, (256, 0): without}

    def train_rates(plan, width, base_width, tried):
        assert tried == TRIED
        spread = SPREAD if base_width or width == 256 else SPREAD[::-1]
        return rates.Trained(width, bowl(np.log2(0.0008) - falls[width, base_width] + spread))

    monkeypatch.setattr(rates, "train_rates", train_rates)
    verdict = rates.compare_widths("cpu")
    assert verdict.answer == answer
    assert ("; 0 of 15 bests" in verdict.summary) == (without > 0)  # else some are at the end
    assert len(verdict.numbers) == 3 + 3 * 6 + 2


@pytest.mark.parametrize(
    ("floor", "last", "answer"),
    [
        (0.0, 0.0, "holds"),
        (1.5, 0.0, "fails"),  # a floor under the loss bends the line
        (0.0, 0.3, "fails"),  # the largest falls out of line
        (0.0, 0.0025, "undecided"),  # outside, by less than is known of it
    ],
)
def test_a_law_holds_where_it_tells_the_size_that_it_has_not_seen(monkeypatch, floor, last, answer):
    plan = rates.LAW["cpu"]

    def train_rates(_, width, base_width, tried):
        assert base_width == plan.widths[1]
        loss = floor + 3 * width**-0.15 + last * (width == plan.widths[-1])
        worse = 0.1 * np.abs(np.log2(tried) - np.log2(0.008))[:, None]
        return rates.Trained(width**2, loss + worse + 0.02 * SPREAD)

    monkeypatch.setattr(rates, "train_rates", train_rates)
    verdict = rates.compare_with_law("cpu")
    assert verdict.answer == answer
    assert "rate 0.008" in verdict.summary and "of 5 sizes from 64 to 2,304" in verdict.summary


def test_the_rate_is_the_last_factor_of_the_update():
    """So that it may be an argument of the program."""
    from experiments.language import _setup
    from experiments.language.gpt2 import PRESETS

    grads = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([0.1, 4.0])}
    found = []
    for rate in (1.0, 0.003):
        config = configure("gpt2", PRESETS, "cpu", {"learning_rate": rate, "steps": 10})
        tx = _setup.optimizer(config.optimizer, config.run)
        opt_state = tx.init(grads)
        for _ in range(3):
            updates, opt_state = tx.update(grads, opt_state, grads)
        found.append(jax.tree.map(lambda x, rate=rate: x / rate, updates))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), *found)


def test_the_score_is_the_mean_loss_of_all_tokens_that_count():
    net = GPT2(7, 4, 8, 1, 2)
    windows = jax.random.randint(jax.random.key(0), (rates.SCORED_ROWS + 6, 5), 0, 7)
    params = jax.jit(net.init)(jax.random.key(1), windows[:1, :-1])["params"]
    params = jax.tree.map(lambda x: 9 * x, params)
    weights = jnp.ones((len(windows), 4)).at[-1, 2:].set(0)
    logits = jax.jit(net.apply)({"params": params}, windows[:, :-1])
    logp = jax.nn.log_softmax(logits)
    told = jnp.take_along_axis(logp, windows[:, 1:, None], axis=2)[..., 0]
    expected = -np.asarray(told)[np.asarray(weights) > 0].mean()
    found = jax.jit(partial(rates.score, net))(params, windows, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_rates_and_seeds_are_runs_of_their_own():
    plan = rates.MUP["smoke"]
    both = rates.train_rates(plan, 4, 0, (1e-2, 0.5))
    assert both.losses.shape == (2, 2) and len(np.unique(both.losses)) == 4
    one = rates.train_rates(plan._replace(seeds=1), 4, 0, (0.5,))
    np.testing.assert_allclose(one.losses[0, 0], both.losses[1, 0], rtol=1e-5)
    d = 4  # kernels and biases of attention and perceptron, and three normalizations
    assert one.size == 12 * d**2 + 9 * d + 6 * d


def test_of_scores_those_of_the_table_decide(monkeypatch):
    size = sizes.Net(1_000, None, None, None)
    nets = [size, size._replace(size=10_000), size._replace(size=100_000)]
    seeds = np.array([0.1, 0.0, -0.1])

    def decide(last_word, order):
        scores = {
            "last word, perplexity": np.exp(np.outer([7, 6, 5], [1, 1, 1]) + seeds),
            "last word, %": np.outer(last_word, [1, 1, 1]) + seeds,
            "names, %": np.outer([10, 12, 13], [1, 1, 1]) + seeds,
            "word_order, %": np.outer(order, [1, 1, 1]) + seeds,
        }
        monkeypatch.setattr(sizes, "trained_sizes", lambda tier: nets)
        monkeypatch.setattr(sizes, "ask", lambda nets, questions: scores)
        return sizes.compare_zero_shot("cpu")

    verdict = decide([1, 2, 4], [60, 55, 50])
    assert verdict.answer == "holds"
    assert verdict.numbers["names, %: points for ten times the parameters"][
        "mean"
    ] == pytest.approx(1.5)
    name = "last word, perplexity: nats a word less for ten times the parameters"
    assert verdict.numbers[name]["mean"] == pytest.approx(1)
    assert verdict.numbers["word_order, %: points for ten times the parameters"][
        "mean"
    ] == pytest.approx(-5)
    assert decide([4, 2, 1], [50, 55, 60]).answer == "fails"
    assert decide([1, 1, 1], [50, 55, 60]).answer == "undecided"
