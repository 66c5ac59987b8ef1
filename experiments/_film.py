"""Films of what a system without a world has learned, drawn out of its last evaluation."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments._finished import FinishedRun
from jaxdl.core.run import BadInput
from jaxdl.pages.exhibit import Outcome

NAME = "film.gif"
MOST_BYTES = 3_000_000  # of a GIF; beyond them every other picture is left out


def shoot(run: FinishedRun, film: Callable[[Outcome], Any], which: int, out: str) -> Path:
    """Films a run by what its system says, and shows the film in the run's report.

    Args:
      run: that was evaluated.
      film: outcome -> pictures and milliseconds, with a caption.
      which: of the run's seeds.
      out: another folder for the film; "" for the run's own figures.

    Raises:
      BadInput: the run has not been evaluated, or the folder cannot be written to.
    """
    from jaxdl.core import report
    from jaxdl.pages import print_text

    shots, caption = film(read_outcome(run, which))
    if not shots:
        raise BadInput(f"{run.folder / 'evaluation.npz'} holds nothing to film")
    path = (Path(out) if out else run.folder / "figures") / NAME
    shots = write_film(path, shots)
    if not out:
        report.save_captions(run.folder, {NAME: caption})
    if not out and (run.folder / "result.json").exists():
        report.write(run.folder)
    print_text(f"{path}: {len(shots)} pictures, {path.stat().st_size / 1e6:.2f} MB")
    return path


def read_outcome(run: FinishedRun, which: int) -> Outcome:
    """Reads what the last evaluation of one of a run's seeds has measured.

    Raises:
      BadInput: there is none.
    """
    import numpy as np

    file = run.folder / "evaluation.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            several = run.config.run.num_seeds > 1
            kept = {name: array[which] if several else array for name, array in arrays.items()}
        metrics = json.loads((run.folder / "result.json").read_text("utf-8"))["metrics"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{run.folder} holds no evaluation to film: {error}") from None
    return Outcome(metrics, kept, (), 1)


def write_film(path: Path, shots: Sequence[Any]) -> Sequence[Any]:
    """Writes a GIF, with half its pictures where it is too large; returns those that it holds.

    Raises:
      BadInput: it cannot be written.
    """
    from jaxdl.render.film import write_small_gif

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_small_gif(path, shots, MOST_BYTES)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from None
