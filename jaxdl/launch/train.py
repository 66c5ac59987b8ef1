"""Trains what a launch file builds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jaxdl.launch.system import About, Build

if TYPE_CHECKING:
    from jaxdl.core import TrainState


def train(
    build: Build, config: Any, about: About | Mapping[str, Any] | None = None
) -> tuple["TrainState", dict[str, Any]]:
    """Builds a system and trains it under the driver.

    Args:
      build: of the launch file.
      config: of the launch file, as `configure` makes it.
      about: describes the system; a mapping may add "verdicts" and "command" to the fields.

    Returns:
      The final state, and what `result.json` holds.
    """
    from jaxdl.core import fit

    system = build(config)
    described = about._asdict() if isinstance(about, About) else dict(about or {})
    return fit(
        system.learner,
        system.data(),
        config.run,
        samples_per_step=system.samples_per_step,
        figures=system.figures,
        about=described,
    )
