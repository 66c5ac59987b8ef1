import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.meta import bayes
from jaxdl.meta.bayes.beliefs import _enumerate, _lookup
from jaxdl.meta.bayes.policies import gittins_table
from jaxdl.meta.bayes.upper_bound import relaxed_value


def recursion(arms, pulls):
    """The Bayes-optimal value in float64, by the recursion over sorted beliefs as it is defined."""

    @functools.cache
    def value(belief, left):
        if left == 0:
            return 0.0
        best = 0.0
        for i, (wins, losses) in enumerate(belief):
            rest = belief[:i] + belief[i + 1 :]
            won, lost = (
                tuple(sorted((*rest, b))) for b in ((wins + 1, losses), (wins, losses + 1))
            )
            mean = wins / (wins + losses)
            best = max(best, mean * (1 + value(won, left - 1)) + (1 - mean) * value(lost, left - 1))
        return best

    return value(((1, 1),) * arms, pulls)


def test_optimum_of_two_arms_and_ten_pulls():
    assert bayes.optimal_value(arms=2, pulls=10) == pytest.approx(6.021786, abs=1e-6)


def test_optimum_by_hand():
    # One arm: n / 2. Two pulls of two arms: 1/2, then 2/3 after a win or the fresh arm's 1/2.
    assert bayes.optimal_value(arms=1, pulls=7) == pytest.approx(3.5, abs=1e-6)
    assert bayes.optimal_value(arms=2, pulls=2) == pytest.approx(0.5 + 7 / 12, abs=1e-6)


@pytest.mark.parametrize(("arms", "pulls"), [(2, 5), (3, 6), (4, 4), (7, 3), (5, 7)])
def test_optimum_agrees_with_the_recursion(arms, pulls):
    assert bayes.optimal_value(arms=arms, pulls=pulls) == pytest.approx(
        recursion(arms, pulls), abs=2e-6
    )


def test_optimum_over_several_chunks_agrees_with_the_recursion():
    # 278,256 beliefs take two chunks, and 30 pulls are deep enough to show rounding.
    assert bayes.optimal_value(arms=3, pulls=30) == pytest.approx(recursion(3, 30), rel=1e-6)


def test_ranks_number_the_beliefs_without_gaps():
    beliefs, sums = _enumerate(2, 6, bytes_per_belief=4)
    ranks = np.asarray(jnp.sum(_lookup(beliefs.ranks, sums), axis=0))
    np.testing.assert_array_equal(ranks, np.arange(ranks.size))
    every = {s for s in itertools.combinations_with_replacement(range(6), 3)}
    assert {tuple(map(int, s)) for s in np.asarray(sums).T} == every


def test_a_table_that_does_not_fit_is_told_with_its_bytes():
    with pytest.raises(BadInput, match=r"needs [\d,]+ bytes"):
        bayes.optimal_value(arms=5, pulls=100)
    with pytest.raises(BadInput, match="at least 1"):
        bayes.optimal_value(arms=0, pulls=3)


def test_gittins_indices_agree_with_bisection():
    def breaks_even(wins, losses, left, sure):
        def worth(wins, losses, left):  # of pulling at least once
            if left == 0:
                return 0.0
            mean = wins / (wins + losses)
            won = max(worth(wins + 1, losses, left - 1), 0)
            lost = max(worth(wins, losses + 1, left - 1), 0)
            return mean - sure + mean * won + (1 - mean) * lost

        return worth(wins, losses, left)

    table = gittins_table(pulls=8)
    for wins, losses, left in [(0, 0, 8), (0, 0, 1), (2, 1, 4), (0, 3, 5), (5, 0, 3), (1, 1, 2)]:
        low, high = 0.0, 1.0
        for _ in range(40):
            sure = (low + high) / 2
            low, high = (
                (sure, high) if breaks_even(wins + 1, losses + 1, left, sure) > 0 else (low, sure)
            )
        pulled = wins + losses
        assert float(table[left - 1, pulled * (pulled + 1) // 2 + wins]) == pytest.approx(
            low, abs=1e-4
        )


@pytest.fixture(scope="module")
def scores():
    """Every policy on the same 16,384 bandits of five arms and ten pulls."""
    policies = {
        "uniform": bayes.uniform,
        "greedy": bayes.greedy,
        "thompson": bayes.thompson,
        "ucb1_textbook": bayes.ucb1_textbook,
        "ucb1_tuned": bayes.ucb1_tuned(0.3),
        "epsilon_greedy": bayes.epsilon_greedy(0.1),
        "gittins": bayes.gittins(pulls=10),
        "optimal": bayes.optimal_policy(arms=5, pulls=10),
    }
    sizes = {"arms": 5, "pulls": 10, "tasks": 16_384}
    return bayes.evaluate_together(policies, key=jax.random.key(1), **sizes)


@pytest.mark.parametrize(
    ("name", "value"),
    [("uniform", 5.0), ("greedy", 6.63), ("thompson", 5.83), ("ucb1_textbook", 5.67)],
)
def test_rules_earn_what_they_are_known_to(scores, name, value):
    # Measured with other programs, on up to 4e5 bandits, and stated to two digits.
    assert float(scores[name].mean) == pytest.approx(
        value, abs=0.01 + 4 * float(scores[name].standard_error)
    )


def test_no_policy_beats_the_optimum_and_the_optimal_one_reaches_it(scores):
    best = bayes.optimal_value(arms=5, pulls=10)
    for name, score in scores.items():
        assert float(score.mean) <= best + 4 * float(score.standard_error), name
    optimal = scores["optimal"]
    assert float(optimal.mean) == pytest.approx(best, abs=4 * float(optimal.standard_error))
    assert float(scores["gittins"].mean) > 0.995 * best
    assert float(scores["epsilon_greedy"].mean) < float(scores["greedy"].mean)


def test_scores_are_consistent(scores):
    for score in scores.values():
        assert score.regret.shape == (10,)
        assert np.all(np.diff(score.regret) > 0)
        assert float(score.mean) == pytest.approx(10 * 5 / 6 - float(score.regret[-1]), abs=1e-4)
        assert 0 < float(score.standard_error) < 0.03


def test_the_control_variate_leaves_the_mean_and_lessens_the_error():
    # A player of four tasks with known regrets: the mean is n k / (k + 1) less theirs.
    regrets = jnp.array([[0.0, 0.1], [0.2, 0.0], [0.1, 0.1], [0.0, 0.0]])
    score = bayes.score(
        lambda key: regrets, arms=3, pulls=2, tasks=4, key=jax.random.key(0), tasks_at_once=4
    )
    assert float(score.mean) == pytest.approx(1.5 - 0.125)
    assert float(score.standard_error) == pytest.approx(np.std([0.1, 0.2, 0.2, 0], ddof=1) / 2)
    np.testing.assert_allclose(score.regret, [0.075, 0.125], atol=1e-6)


def test_the_optimal_policy_ignores_arms_that_cannot_be_reached():
    policy, key = bayes.optimal_policy(arms=6, pulls=2), jax.random.key(0)
    won = jnp.zeros((6, 2), jnp.int32).at[4, 0].set(1)
    lost = jnp.zeros((6, 2), jnp.int32).at[4, 1].set(1)
    assert int(policy(won, 1, key)) == 4  # 2/3 beats a fresh arm's 1/2
    assert int(policy(lost, 1, key)) != 4  # 1/3 does not


def test_textbook_ucb1_tries_every_arm_first():
    key, counts, seen = jax.random.key(0), jnp.zeros((4, 2), jnp.int32), []
    for t in range(4):
        arm = int(bayes.ucb1_textbook(counts, t, jax.random.fold_in(key, t)))
        seen.append(arm)
        counts = counts.at[arm, 0].add(1)
    assert sorted(seen) == [0, 1, 2, 3]


def test_tuning_finds_the_best_value_of_each_family():
    best = bayes.tune(
        {"epsilon": bayes.epsilon_greedy, "bonus": bayes.ucb1_tuned},
        {"epsilon": [0.5, 0.0, 1.0], "bonus": [0.2, 30.0, 60.0]},
        arms=2,
        pulls=10,
        tasks=4096,
        key=jax.random.key(3),
    )
    assert best == {"epsilon": 0.0, "bonus": 0.2}


def test_indices_over_several_segments_agree_with_the_plain_recursion():
    """All indices of 140 pulls, three segments, by recursion over full tables in NumPy."""
    pulls, grid = 140, 16
    table = np.asarray(gittins_table(pulls=pulls, grid=grid))
    sure = np.linspace(0, 1, grid)[:, None, None]
    tried, wins = np.arange(pulls)[:, None], np.arange(pulls)[None]
    mean = (wins + 1) / (tried + 2)
    m, s = np.tril_indices(pulls)
    worth = np.zeros((grid, pulls + 1, pulls + 1))
    for left in range(pulls):
        pull = mean - sure + mean * worth[:, 1:, 1:] + (1 - mean) * worth[:, 1:, :-1]
        is_valid = m + left + 1 <= pulls
        if left in (0, 1, 5, 63, 64, 100, 139):
            curves = pull[:, m[is_valid], s[is_valid]].T
            roots = [np.interp(0.0, -curve, sure[:, 0, 0]) for curve in curves]
            np.testing.assert_allclose(table[left, is_valid], roots, atol=2e-5)
        worth = np.pad(np.maximum(pull, 0), ((0, 0), (0, 1), (0, 1)))
    assert table.shape == (140, 140 * 141 // 2)


def test_a_table_without_pulls_is_refused():
    with pytest.raises(BadInput, match="pulls >= 1 and grid >= 2, got 0, 128"):
        gittins_table(pulls=0)
    with pytest.raises(BadInput, match="at least 1, got 0 and 5"):
        bayes.index_policy_value(arms=0, pulls=5, tasks=8, key=jax.random.key(0))
    with pytest.raises(BadInput, match="at least 1, got 2 and 0"):
        bayes.upper_bound(arms=2, pulls=0)


def test_the_index_policy_lies_between_the_best_rule_and_the_bounds():
    score = bayes.index_policy_value(arms=3, pulls=30, tasks=8192, key=jax.random.key(2))
    best = bayes.optimal_value(arms=3, pulls=30)
    error = float(score.standard_error)
    assert 0.995 * best < float(score.mean) + 4 * error and float(score.mean) < best + 4 * error
    assert best < bayes.upper_bound(arms=3, pulls=30) <= 30 * 3 / 4


def relaxed_by_loops(prices, arms):
    """The relaxed value in float64, by the recursion over one arm as it is defined."""

    @functools.cache
    def value(time, wins, losses):
        if time == len(prices):
            return 0.0
        mean = (wins + 1) / (wins + losses + 2)
        won, lost = value(time + 1, wins + 1, losses), value(time + 1, wins, losses + 1)
        pull = mean - prices[time] + mean * won + (1 - mean) * lost
        return max(pull, value(time + 1, wins, losses))

    return sum(prices) + arms * value(0, 0, 0)


@pytest.mark.parametrize("arms", [1, 4, 50])
def test_the_relaxed_value_agrees_with_the_recursion(arms):
    prices = np.linspace(0.9, 0.3, 12)
    assert float(relaxed_value(jnp.asarray(prices), arms=arms)) == pytest.approx(
        relaxed_by_loops(tuple(prices), arms), rel=1e-5
    )


def test_at_no_price_every_arm_is_pulled_at_every_step():
    assert float(relaxed_value(jnp.zeros(7), arms=3)) == pytest.approx(3 * 7 / 2, rel=1e-6)


@pytest.mark.parametrize(("arms", "pulls"), [(1, 6), (2, 10), (5, 10), (2, 40)])
def test_the_bound_lies_above_the_optimum(arms, pulls):
    best = bayes.optimal_value(arms=arms, pulls=pulls)
    bound = bayes.upper_bound(arms=arms, pulls=pulls)
    assert best - 1e-5 <= bound <= pulls * arms / (arms + 1) + 1e-5


def test_the_bound_is_close_where_arms_are_many():
    """Ten arms and ten pulls: within 1 %, where to know the arms would bound it by 9.09."""
    best = bayes.optimal_value(arms=10, pulls=10)
    assert bayes.upper_bound(arms=10, pulls=10) < 1.01 * best
