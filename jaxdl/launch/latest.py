"""`--workdir=latest`: the run that was begun, or gone on with, most recently. No JAX here."""

import os
from collections.abc import Iterator
from pathlib import Path

from jaxdl.core.run import BadInput

RUNS = Path("runs")
LATEST = "latest"


def latest_workdir(system: str = "") -> str:
    """Returns the folder of the newest run below runs/, or of those of one system.

    Args:
      system: its runs lie below runs/<system>/; "" looks through all.

    Raises:
      BadInput: there is none.
    """
    below = RUNS / system if system else RUNS
    runs = {path: (path / "config.json").stat().st_mtime_ns for path in _runs(below)}
    if not runs:
        raise BadInput(f"--workdir=latest: there is no run below {below}")
    return str(max(runs, key=lambda path: (runs[path], str(path))))


def _runs(below: Path) -> Iterator[Path]:
    """Yields the folders that hold a run; the stages inside of a run are not looked at."""
    for folder, inner, files in os.walk(below):
        if "config.json" in files:
            inner.clear()
            yield Path(folder)
