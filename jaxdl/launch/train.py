"""Trains what a launch file builds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jaxdl.launch.system import About, Build, System

if TYPE_CHECKING:
    from jaxdl.core import TrainState
    from jaxdl.core.run import Run

# What is known beside the launch file, for all that is trained within `described_as`.
_MORE: ContextVar[Mapping[str, Any] | None] = ContextVar("more", default=None)


@contextmanager
def described_as(more: Mapping[str, Any]) -> Iterator[None]:
    """Adds to the description of all that is trained within, whichever stage it is.

    Args:
      more: "verdicts" and "command", for the report.
    """
    token = _MORE.set({**(_MORE.get() or {}), **more})
    try:
        yield
    finally:
        _MORE.reset(token)


def train(
    build: Build, config: Any, about: About | Mapping[str, Any] | None = None
) -> tuple["TrainState", dict[str, Any]]:
    """Builds a system and trains it under the driver.

    Args:
      build: of the launch file.
      config: of the launch file, as `configure` makes it.
      about: describes the system.

    Returns:
      The final state, and what `result.json` holds.
    """
    return _train(build(config), config.run, about)


def train_stage(
    build: Callable[..., System],
    config: Any,
    stage: str,
    steps: int,
    *,
    about: About,
    start: Any = None,
) -> tuple["TrainState", dict[str, Any]]:
    """Builds a stage of a system that trains in several, and trains it under the driver.

    Args:
      build: of the launch file; takes the stage's name after the config.
      config: of the launch file.
      stage: its name, which becomes a folder.
      steps: of this stage.
      about: describes the system.
      start: what the stage begins with (`init` of `jaxdl.core.fit`).

    Returns:
      The stage's final state, and what its `result.json` holds.
    """
    run = replace(config.run, steps=steps)
    return _train(build(config, stage), run, about, stage, start)


def _train(
    system: System,
    run: "Run",
    about: About | Mapping[str, Any] | None,
    stage: str = "",
    start: Any = None,
) -> tuple["TrainState", dict[str, Any]]:
    from jaxdl.core import fit

    described = about._asdict() if isinstance(about, About) else dict(about or {})
    described |= _MORE.get() or {}
    return fit(
        system.learner,
        system.data(),
        run,
        samples_per_step=system.samples_per_step,
        figures=system.figures,
        about=described,
        stage=stage,
        init=start,
    )
