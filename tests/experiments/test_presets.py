import jax
import pytest

from experiments import ppo, rl2
from jaxdl.launch.flags import configure


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["gpu", "paper"])
def test_large_ppo_presets_are_complete(preset):
    """Their programs can be traced from end to end; only the time to run them is missing."""
    learner = ppo.build(configure("ppo", ppo.PRESETS, preset))
    check(learner)


@pytest.mark.parametrize("preset", ["gpu", "paper"])
def test_large_rl2_presets_are_complete(preset):
    config = configure("rl2", rl2.PRESETS, preset, {"eval_tasks": 1024})
    for arms in config.arms:
        check(rl2.build(config, arms=arms, pulls=config.pulls[-1], yardstick=1.0)[1])


def check(learner):
    key = jax.random.key(0)
    state = jax.eval_shape(learner.init, key)
    after, metrics = jax.eval_shape(lambda key, state: learner.step(key, state, ()), key, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert [x.shape for x in jax.tree.leaves(after)] == [x.shape for x in jax.tree.leaves(state)]
    evaluation = jax.eval_shape(learner.evaluate, key, state)
    assert all(x.shape == () for x in (metrics | evaluation).values())
