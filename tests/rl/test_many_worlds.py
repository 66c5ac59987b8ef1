"""PPO from the pictures of many worlds, and how many seconds it trains until a score."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.rl import _race, curl_claims, ppo
from jaxdl.core.learner import Learner, TrainState
from jaxdl.launch import configure


def counter() -> SimpleNamespace:
    """A system whose return is its steps so far."""

    def init(key):
        return TrainState(jnp.float32(0.0), ())

    def step(key, state, batch):
        return state._replace(params=state.params + 1.0), {}

    def evaluate(key, state):
        return {"episode_return": state.params}

    return SimpleNamespace(learner=Learner(init, step, evaluate))


def set_clock(monkeypatch):
    """Makes a clock that two seconds pass between any two looks at."""
    times = iter(np.arange(0.0, 1000.0, 2.0))
    clock = SimpleNamespace(process_time=lambda: next(times), monotonic=lambda: next(times))
    monkeypatch.setattr(_race, "time", clock)


CONFIG = SimpleNamespace(run=SimpleNamespace(seed=0, steps_per_call=5))


def test_training_ends_with_the_call_that_reaches_the_target(monkeypatch):
    """Each call is five steps and, by this clock, two seconds, with scoring between them free."""
    set_clock(monkeypatch)
    race = _race.race(lambda config: counter(), CONFIG, target=12.0, limit=60.0, seeds=2)
    assert race.returns.tolist() == [15.0, 15.0] and race.reached == 2
    assert race.seconds.tolist() == [6.0, 6.0]
    assert race.compile_seconds == 2.0


def test_a_seed_is_given_up_when_time_is_over(monkeypatch):
    set_clock(monkeypatch)
    race = _race.race(lambda config: counter(), CONFIG, target=1e6, limit=5.0, seeds=2)
    assert race.reached == 0 and (race.seconds == 6.0).all() and (race.returns == 15.0).all()


@pytest.mark.parametrize("tier", ["smoke", "cpu"])
def test_ppo_reads_stacked_pictures_by_convolutions(tier):
    """By the shapes of what the claims train; nothing is compiled, and no picture made."""
    size = curl_claims.MANY[tier]
    config = configure("ppo", ppo.PRESETS, "smoke", {**size.settings, "env": size.env})
    learner = ppo.build(config).learner
    state = jax.eval_shape(learner.init, jax.random.key(0))
    side = int(size.env.partition("side=")[2])
    obs = state.actors.worlds.obs
    assert obs.shape == (config.worlds.num_envs, side, side, 9) and obs.dtype == np.uint8
    assert "convolutions" in state.params["encoder"]
    after, metrics = jax.eval_shape(learner.step, jax.random.key(0), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert "entropy" in metrics
    decisions = config.worlds.eval_steps
    assert decisions * 8 == 1000  # an episode, by the action repeat of the world
