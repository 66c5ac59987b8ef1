"""A cell of table 1 of Duan et al. 2016: its nets trained, and the rules made by hand beside."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.meta.rl2 import ABOUT, PRESETS, build
from jaxdl.launch import configure


class Cell(NamedTuple):
    """A cell of table 1.

    Attributes:
      arms: k.
      pulls: n.
      preset: that is trained.
      settings: changes to it.
    """

    arms: int
    pulls: int
    preset: str
    settings: Mapping[str, Any]


class Measured(NamedTuple):
    """What a cell's nets and the rules made by hand earn.

    Attributes:
      metrics: of the evaluation, name -> {mean, ci95, values}.
      players: rule -> (its reward, the standard error).
    """

    metrics: Mapping[str, Mapping[str, Any]]
    players: Mapping[str, tuple[float, float]]


def measure_cell(cell: Cell) -> Measured:
    """Trains the nets of one cell and scores them."""
    from jaxdl.launch import train
    from jaxdl.meta import players_of

    world = {"env": f"bandit:arms={cell.arms}", "episodes": cell.pulls}
    config = configure("rl2", PRESETS, cell.preset, world | dict(cell.settings))
    _, result = train(build, config, about=ABOUT)
    rules = players_of(arms=cell.arms, pulls=cell.pulls, tasks=config.eval_tasks)
    rewards = {p.name: (float(p.reward), float(p.standard_error)) for p in rules}
    return Measured(result["metrics"], rewards)
