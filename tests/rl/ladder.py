"""The ladder of probe worlds: whether a policy learner's parts work, one probe a part.

`check_ladder(build, config)` is for the contract test of every system with worlds.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.core import Run, fit
from jaxdl.envs import Box, make
from jaxdl.envs.probe import PROBES, STAGE, observations, optimal_action, true_value
from jaxdl.launch import System
from jaxdl.launch.settings import as_dict

STEPS = 100  # learner steps; a few seconds
UNROLL = 32  # env steps in each world between two of them, at most
NEAR = 0.1  # how far a real action may lie from the right one: of its score, 0.01 is lost
FAULTS = {
    "constant": "the value function or its loss",
    "observation": "what the value function is shown of observations",
    "delayed": "the discount, or how values are bootstrapped",
    "action": "the policy, or the advantages",
    "both": "what the policy is shown of observations",
}


class Rung(NamedTuple):
    """What a learner has made of one probe.

    Attributes:
      probe: its name.
      value_error: largest error of a value; None for a learner without values.
      share_right: of the probe's observations whose likeliest action is right, real ones within
        `NEAR`; None where any is.
    """

    probe: str
    value_error: float | None
    share_right: float | None


def check_ladder(
    build: Callable[[Any], System], config: Any, *, tolerance: float = 0.25
) -> list[Rung]:
    """Trains a system on the five probes and asserts that it has learned all of them.

    Args:
      build: of the launch file.
      config: a Config with a group `worlds`, such as the smoke preset's.
      tolerance: the largest error of a value.

    Raises:
      AssertionError: naming the probes that were not learned, and the parts that they point to.
    """
    rungs = climb(build, config)
    broken = [rung for rung in rungs if not is_learned(rung, tolerance)]
    lines = [f"{rung.probe}: {FAULTS[rung.probe]} ({rung})" for rung in broken]
    assert not broken, "not learned:\n" + "\n".join(lines)
    return rungs


def is_learned(rung: Rung, tolerance: float) -> bool:
    """Whether values are within the tolerance and all actions right."""
    value = rung.value_error is None or rung.value_error <= tolerance
    return value and rung.share_right in (None, 1.0)


def climb(build: Callable[[Any], System], config: Any) -> list[Rung]:
    """Trains on all probes at once; returns what was made of each.

    The learner's own schedules run over these steps, and the deployed policy is asked. A system of
    trials (`episodes` in its Config) has one episode in each, so that values mean the same. A
    system whose own world has real actions gets probes that have them too.
    """
    is_real = isinstance(make(config.worlds.env).action_space, Box)
    name = "probe:actions=continuous" if is_real else "probe"
    worlds = dataclasses.replace(config.worlds, env=name)
    if hasattr(config, "update"):  # episodes of one or two steps need no long unroll
        update = dataclasses.replace(config.update, unroll=min(config.update.unroll, UNROLL))
        config = dataclasses.replace(config, update=update)
    run = Run(steps=STEPS, horizon=STEPS, steps_per_call=STEPS, devices=1)
    config = dataclasses.replace(config, worlds=worlds, run=run)
    if hasattr(config, "episodes"):
        config = dataclasses.replace(config, episodes=1)
    system = build(config)
    state, _ = fit(system.learner, system.data(), run)
    discount = as_dict(config).get("discount", 0.99)
    return [judge(system, state, probe, discount) for probe in PROBES]


def judge(system: System, state: Any, probe: str, discount: float) -> Rung:
    """Asks the deployed policy about every observation of one probe."""
    deployment = system.deployment
    obs = np.asarray(observations(probe))
    asked = obs
    more = deployment.inputs["obs"].shape[0] - obs.shape[1]
    if more:  # of a trial: what its first step shows, with neither an action nor a reward before it
        obs = obs[obs[:, STAGE] == 0]
        asked = np.pad(obs, ((0, 0), (0, more)))
    rows = len(obs)
    carry = jax.tree.map(
        lambda x: np.zeros((rows, *x.shape), x.dtype), deployment.inputs.get("carry", ())
    )
    inputs = {"obs": asked, "first": np.ones(rows, bool), "carry": carry}
    outputs = jax.jit(deployment.apply)(deployment.weights(state), inputs)
    value_error = None
    if "value" in outputs:
        errors = outputs["value"] - true_value(obs, discount=discount)
        value_error = float(np.abs(errors).max())
    share_right = None
    if probe in ("action", "both"):
        share_right = float(np.mean(is_right(outputs["action"], obs)))
    return Rung(probe, value_error, share_right)


def is_right(action: Any, obs: Any) -> np.ndarray:
    """Tells which actions [N] or [N, 1] are right, real ones within `NEAR`."""
    if np.issubdtype(action.dtype, np.floating):
        distance = np.abs(action - optimal_action(obs, actions="continuous"))
        return distance[:, 0] <= NEAR
    return action == optimal_action(obs)
