"""A small sweep of least squares, as the tests of sweeps take it."""

import json
from dataclasses import dataclass
from typing import Literal

import optax

from experiments import sweep
from experiments._grid import layout
from experiments.benchmarks.driver import least_squares, sample
from jaxdl.core import Run, fit
from jaxdl.core.run import option
from jaxdl.launch.flags import as_dict, configure


@dataclass(frozen=True)
class Config:
    run: Run = Run(steps=20, steps_per_call=5, devices=1)
    learning_rate: float = option(0.1, "step size", short="lr", above=0)
    sizes: tuple[int, ...] = option((4, 4), "widths")
    note: str = option("", "some text")
    squash: bool = option(False, "squash")
    clip: float | None = option(None, "clip range")
    kind: Literal["a", "b"] = option("a", "which")


PRESETS = {"smoke": Config()}


def main(config):
    """Least squares by gradient descent, which a huge step size makes infinite."""
    return fit(least_squares(optax.sgd(config.learning_rate)), sample, config.run)


def planned(folder, grid, *, metric="", lower=None, **values):
    settings = {"workdir": str(folder), "num_seeds": 3} | values
    config = configure("toy", PRESETS, "smoke", settings)
    described = {
        "system": "toy",
        "preset": "smoke",
        "grid": {"lr" if name == "learning_rate" else name: x for name, x in grid.items()},
        "swept": list(grid),
        "settings": as_dict(config),
    }
    described = json.loads(json.dumps(described))
    cells = layout(grid, config, str(folder), PRESETS)
    return sweep.Plan(config.run, described, cells, metric, lower)
