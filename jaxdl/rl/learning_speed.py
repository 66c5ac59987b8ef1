"""How much play a learner needs until it scores: Tsividis et al. 2017 compare people by that.

A learner around any other that plays many episodes. It watches the returns of the episodes that
end in training, as one would watch a person who learns, and notes when their mean first reaches a
score.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, TrainState
from jaxdl.deploy import Deployment

FRAMES_PER_MINUTE = 60 * 60  # at 60 Hz


class Stopwatch(NamedTuple):
    """What has been seen of a learner; float32 scalars but for `steps`.

    Attributes:
      total: returns of the episodes that ended, older ones weighing less.
      count: of these episodes, weighing alike.
      steps: int32, learner steps so far.
      reached: int32, after how many of them the score was reached; 0 before.
    """

    total: jax.Array
    count: jax.Array
    steps: jax.Array
    reached: jax.Array


class Timed(NamedTuple):
    """The extra of a learner that is timed.

    Attributes:
      learner: extra of the learner itself.
      watch: Stopwatch.
    """

    learner: Any
    watch: Stopwatch


def time_learning(
    learner: Learner,
    *,
    score: float,
    frames_per_step: int,
    frames_before: int = 0,
    memory: float = 0.9,
    episodes: int = 30,
) -> Learner:
    """Notes when the mean return of the last episodes in training reaches a score.

    Args:
      learner: its `step` returns `episode_return`, a Mean over the episodes that ended in it.
      score: to be reached.
      frames_per_step: env steps of a learner step.
      frames_before: env steps that `init` takes, such as those of random play.
      memory: what the episodes of a step weigh, relative to those of the next.
      episodes: so much weight at least is asked for before a mean counts.

    Returns:
      A learner that does the same, with the metrics `minutes_to_score`, minutes of play at 60 Hz,
      up to the last step where the score was not reached, and `reached`, 1 or 0, of `evaluate`.
    """

    def init(key):
        state = learner.init(key)
        nothing = Stopwatch(jnp.float32(0), jnp.float32(0), jnp.int32(0), jnp.int32(0))
        return state._replace(extra=Timed(state.extra, nothing))

    def step(key, state, batch):
        watch = state.extra.watch
        state, metrics = learner.step(key, untimed(state), batch)
        ended = metrics["episode_return"]
        total = memory * watch.total + ended.total
        count = memory * watch.count + ended.count
        steps = watch.steps + 1
        is_good = (count >= episodes) & (total >= score * count)
        reached = jnp.where((watch.reached == 0) & is_good, steps, watch.reached)
        watch = Stopwatch(total, count, steps, reached)
        return state._replace(extra=Timed(state.extra, watch)), metrics

    def evaluate(key, state):
        watch = state.extra.watch
        is_reached = watch.reached > 0
        steps = jnp.where(is_reached, watch.reached, watch.steps)
        minutes = (frames_before + steps * frames_per_step) / FRAMES_PER_MINUTE
        timing = {"minutes_to_score": minutes, "reached": jnp.float32(is_reached)}
        return learner.evaluate(key, untimed(state)) | timing

    return Learner(init, step, evaluate)


def untimed(state: TrainState) -> TrainState:
    """Returns the state of the learner that is timed."""
    return state._replace(extra=state.extra.learner)


def untimed_deployment(deployment: Deployment) -> Deployment:
    """Describes the same policy for a state that holds a stopwatch."""
    return deployment._replace(weights=lambda state: deployment.weights(untimed(state)))
