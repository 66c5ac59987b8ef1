import dataclasses

import pytest

from experiments.rl import ppo
from jaxdl.envs.probe import PROBES
from jaxdl.launch import configure
from tests.rl.ladder import check_ladder, climb, is_learned


@pytest.fixture(scope="module")
def config():
    return configure("ppo", ppo.PRESETS, "smoke")


def broken_probes(config, **faults):
    rungs = climb(ppo.build, dataclasses.replace(config, **faults))
    return {rung.probe for rung in rungs if not is_learned(rung, 0.25)}


# The contract test climbs the ladder for every system; that it can fail is tested with --slow.
@pytest.mark.slow
def test_ppo_climbs_the_ladder(config):
    rungs = check_ladder(ppo.build, config)
    assert tuple(rung.probe for rung in rungs) == PROBES


@pytest.mark.slow
def test_a_value_that_is_not_trained_is_named(config):
    assert "constant" in broken_probes(config, value_coef=0.0)


@pytest.mark.slow
def test_a_policy_that_is_not_trained_is_named(config):
    # Of a clip of next to nothing the ratio gains nothing, and advantages do not matter.
    found = broken_probes(config, clip=1e-6, entropy_coef=10.0)
    assert found & {"action", "both"}
