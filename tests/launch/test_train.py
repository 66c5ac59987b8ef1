"""What `jaxdl.launch` trains, and how it is described."""

import html
from dataclasses import dataclass

import jax.numpy as jnp
import pytest

from jaxdl.core import Learner, TrainState
from jaxdl.core.run import Run
from jaxdl.launch import About, System
from jaxdl.launch.train import described_as, train, train_stage

ABOUT = About("Counter", "Peano 1889", "", "Counts its steps.", "value")
MORE = {"verdicts": ["holds (cpu): it counts."], "command": "./run counter --steps=2"}


@dataclass(frozen=True)
class Config:
    run: Run = Run(steps=2)


def build(config, stage=""):
    def step(key, state, batch):
        return state._replace(extra=state.extra + 1), {"value": state.extra}

    learner = Learner(lambda key: TrainState({}, (), extra=jnp.float32(0)), step)
    return System(learner, data=lambda: (), samples_per_step=1)


@pytest.mark.parametrize("stage", ["", "second"])
def test_every_stage_knows_its_command_and_verdicts(tmp_path, stage):
    config = Config(Run(steps=2, workdir=str(tmp_path)))
    with described_as(MORE):
        if stage:
            train_stage(build, config, stage, 2, about=ABOUT)
        else:
            train(build, config, about=ABOUT)
    page = html.unescape((tmp_path / stage / "report.html").read_text())
    assert MORE["command"] in page
    assert MORE["verdicts"][0] in page


def test_what_is_trained_by_hand_has_no_command(tmp_path):
    config = Config(Run(steps=2, workdir=str(tmp_path)))
    with described_as(MORE):
        pass
    train(build, config, about=ABOUT)
    assert MORE["command"] not in html.unescape((tmp_path / "report.html").read_text())
