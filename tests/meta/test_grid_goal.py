"""The exact value of grids with a hidden goal, against a search of all plays in plain Python."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Learner
from jaxdl.core.learner import Mean
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.meta import bayes, trial
from jaxdl.meta.grid_evaluation import compare_optimum, grid_sizes


def searched_value(size, episodes, horizon):
    """By the belief's own rules: probabilities, and an unknown goal wherever it was not seen."""
    goals = {(x, y) for x in range(size) for y in range(size)} - {(0, 0), (0, 1), (1, 0), (1, 1)}

    def moves(place):
        for dx, dy in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
            yield (
                min(max(place[0] + dx, 0), size - 1),
                min(max(place[1] + dy, 0), size - 1),
            )

    @cache
    def value(place, belief, time):
        """The belief is a frozen set of goals that are equally likely; one if it was found."""
        if time == episodes * horizon:
            return 0.0
        best = -np.inf
        for there in moves(place):
            begins = (time + 1) % horizon == 0
            after = (0, 0) if begins else there
            share = (there in belief) / len(belief)
            total = 0.0
            if share > 0:
                total += share * (1.0 + value(after, frozenset({there}), time + 1))
            if share < 1:
                total += (1 - share) * (-0.1 + value(after, belief - {there}, time + 1))
            best = max(best, total)
        return best

    return value((0, 0), frozenset(goals), 0)


@pytest.mark.parametrize(
    "sizes", [(3, 1, 1), (3, 1, 3), (3, 2, 3), (3, 3, 2), (3, 2, 6), (4, 1, 7)]
)
def test_against_a_search_of_all_plays(sizes):
    size, episodes, horizon = sizes
    found = bayes.grid_goal_value(size=size, episodes=episodes, horizon=horizon)
    assert found == pytest.approx(searched_value(*sizes), abs=1e-9)


def test_values_by_hand():
    # One step reaches no possible goal; with 3 x 3 cells two steps reach one of two corners.
    assert bayes.grid_goal_value(size=3, episodes=1, horizon=1) == pytest.approx(-0.1)
    two = -0.1 + (1.0 / 5 - 0.1 * 4 / 5)
    assert bayes.grid_goal_value(size=3, episodes=1, horizon=2) == pytest.approx(two)


def test_no_play_earns_more_and_a_good_one_nearly_as_much():
    """Walking along all cells of 3 x 3 until the goal is found, in the world itself."""
    env = trial(make("grid_goal:size=3,horizon=8"), 1)
    goals = jnp.array([2, 5, 6, 7, 8])
    walk = jnp.array([2, 2, 1, 1, 4, 4, 0, 0])  # right, right, up, up, left, left: 2, 5, 8, 7, 6

    @jax.jit
    @jax.vmap
    def earned(goal):
        state, obs = env.reset(jax.random.key(0), goal)

        def step(carry, move):
            state, found, total = carry
            state, out = env.step(jax.random.key(1), state, jnp.where(found, 0, move), goal)
            return (state, found | (out.reward > 0.5), total + out.reward), None

        start = (state, jnp.bool_(False), jnp.float32(0.0))
        return jax.lax.scan(step, start, walk)[0][2]

    best = bayes.grid_goal_value(size=3, episodes=1, horizon=8)
    assert float(earned(goals).mean()) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"size": 6}, "exact for 3 to 5 cells along a side, got size=6"),
        ({"size": 2}, "got size=2"),
        ({"episodes": 0}, "got episodes=0 and horizon=15"),
        ({"horizon": 10**8}, "1 to 10226112 steps in all"),
    ],
)
def test_bad_sizes_are_told(sizes, text):
    with pytest.raises(BadInput, match=text):
        bayes.grid_goal_value(**sizes)


def test_a_net_is_scored_as_a_share_of_it():
    sizes = grid_sizes("grid_goal:size=3,horizon=2", make("grid_goal:size=3"), episodes=1)
    assert sizes == {"size": 3, "episodes": 1, "horizon": 2}
    returns = {"trial_return": Mean(jnp.float32(0.24), jnp.int32(8))}  # 0.03 each, of 0.02
    learner = Learner(lambda key: (), lambda *_: (), lambda key, state: dict(returns))
    fold = compare_optimum(learner, **sizes).evaluate
    (batch,) = fold.batches()
    result = fold.result(fold.update(fold.init(jax.random.key(0), ()), (), batch))
    total, count = result["percent_of_optimal"]
    assert float(total / count) == pytest.approx(150, rel=1e-5)
    assert grid_sizes("grid_goal:size=6", make("grid_goal:size=6"), episodes=1) is None
    assert grid_sizes("cartpole", make("cartpole"), episodes=1) is None


@pytest.mark.slow
def test_the_papers_size_lies_between_a_guess_and_who_knows_the_goal():
    value = bayes.grid_goal_value()
    x, y = np.indices((5, 5)).reshape(2, -1)
    far = (x + y)[(x > 1) | (y > 1)]
    informed = 4 * np.mean(-0.1 * (far - 1) + 15 - far + 1)
    assert value == pytest.approx(37.214285714)  # of 2026-11-27
    assert 0.7 * informed < value < informed
