"""How many seconds a learner trains until a score: with a clock of its own."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

from experiments.rl import _race
from jaxdl.core.learner import Learner, TrainState


def counter() -> SimpleNamespace:
    """A system whose return is its steps so far."""

    def init(key):
        return TrainState(jnp.float32(0.0), ())

    def step(key, state, batch):
        return state._replace(params=state.params + 1.0), {}

    def evaluate(key, state):
        return {"episode_return": state.params}

    return SimpleNamespace(learner=Learner(init, step, evaluate))


CONFIG = SimpleNamespace(run=SimpleNamespace(seed=0, steps_per_call=5))


def test_training_ends_with_the_call_that_reaches_the_target(monkeypatch):
    """Each call is five steps and, by this clock, two seconds, with scoring between them free."""
    times = iter(np.arange(0.0, 1000.0, 2.0))
    monkeypatch.setattr(_race, "time", SimpleNamespace(monotonic=lambda: next(times)))
    race = _race.race(lambda config: counter(), CONFIG, target=12.0, limit=60.0, seeds=2)
    assert race.returns.tolist() == [15.0, 15.0] and race.reached == 2
    assert race.seconds.tolist() == [6.0, 6.0]
    assert race.compile_seconds == 2.0


def test_a_seed_is_given_up_when_time_is_over(monkeypatch):
    times = iter(np.arange(0.0, 1000.0, 2.0))
    monkeypatch.setattr(_race, "time", SimpleNamespace(monotonic=lambda: next(times)))
    race = _race.race(lambda config: counter(), CONFIG, target=1e6, limit=5.0, seeds=2)
    assert race.reached == 0 and (race.seconds == 6.0).all() and (race.returns == 15.0).all()
