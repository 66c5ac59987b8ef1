"""`--workdir=latest`: the run that was begun, or gone on with, most recently. No JAX here."""

import json
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
    return str(workdir_of(latest_config(system)))


def latest_config(system: str = "") -> Path:
    """Returns the config.json of the newest run; of one with stages, that of its newest stage."""
    below = RUNS / system if system else RUNS
    begun_at = {path: path.stat().st_mtime_ns for path in _configs(below)}
    if not begun_at:
        raise BadInput(f"--workdir=latest: there is no run below {below}")
    return max(begun_at, key=lambda path: (begun_at[path], str(path)))


def workdir_of(config: Path) -> Path:
    """Returns the folder of the run that a config.json is of, which may be one of its stages'."""
    folder = config.parent
    try:
        stage = json.loads(config.read_text("utf-8")).get("stage")
    except (OSError, ValueError, AttributeError):
        stage = None
    return folder.parent if stage and stage == folder.name else folder


def _configs(below: Path) -> Iterator[Path]:
    """Yields the config.json of all runs."""
    for folder, inner, files in os.walk(below):
        if "config.json" in files:
            inner.clear()  # checkpoints and pictures
            yield Path(folder, "config.json")
