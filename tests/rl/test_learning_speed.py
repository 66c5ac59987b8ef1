"""The stopwatch: when the mean return of the last episodes reaches a score."""

import jax
import jax.numpy as jnp
import pytest

from jaxdl.core import Learner, TrainState
from jaxdl.core.learner import Mean, over_seeds
from jaxdl.rl.learning_speed import time_learning, untimed

FRAMES = 7200  # two minutes


def player(ended=40.0):
    """Scores 0, 1, 2, ... in the episodes of each step."""

    def init(key):
        return TrainState({"skill": jnp.float32(0)}, (), extra=jnp.int32(5))

    def step(key, state, batch):
        skill = state.params["skill"]
        metrics = {"episode_return": Mean(ended * skill, jnp.float32(ended))}
        return state._replace(params={"skill": skill + 1}, extra=state.extra + 1), metrics

    return Learner(init, step, lambda key, state: {"skill": state.params["skill"]})


def watched(learner, steps, **settings):
    timed = time_learning(learner, frames_per_step=FRAMES, **settings)
    state = timed.init(jax.random.key(0))
    step = jax.jit(timed.step)
    for _ in range(steps):
        state, _ = step(jax.random.key(0), state, ())
    return state, timed.evaluate(jax.random.key(0), state)


@pytest.mark.parametrize(("memory", "needed"), [(0.0, 4), (0.5, 5)])
def test_the_minutes_are_those_until_the_mean_return_reaches_the_score(memory, needed):
    """Without memory the fourth step scores 3; half of each step weighs on the next."""
    state, metrics = watched(player(), 8, score=3.0, memory=memory)
    total, weight, step = 0.0, 0.0, 0
    while not weight or total / weight < 3.0:
        total, weight = memory * total + step, memory * weight + 1
        step += 1
    assert step == needed
    assert metrics == {"skill": 8, "minutes_to_score": 2 * needed, "reached": 1}
    assert untimed(state).extra == 5 + 8


def test_without_the_score_all_play_counts_and_few_episodes_are_no_mean():
    for learner, score in ((player(), 100.0), (player(ended=2.0), 3.0)):
        metrics = watched(learner, 6, score=score, memory=0.9)[1]
        assert metrics == {"skill": 6, "minutes_to_score": 12, "reached": 0}


def test_seeds_have_watches_of_their_own():
    several = over_seeds(time_learning(player(), score=1.0, frames_per_step=FRAMES), 3)
    state = several.init(jax.random.key(0))
    assert state.extra.watch.reached.shape == (3,)


def test_frames_before_the_first_step_count():
    before = watched(player(), 8, score=3.0, memory=0.0, frames_before=3 * FRAMES)[1]
    assert before["minutes_to_score"] == 2 * (4 + 3)
