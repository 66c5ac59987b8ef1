"""What the report of a detector shows: the scenes it learned from, and what it finds in reality."""

from typing import Any

import jax
import numpy as np

from jaxdl.pages import dots, picture_grid
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed
from jaxdl.sim2real.tables import Table
from jaxdl.sim2real.tobin import Regime, table_pictures

ROWS, COLUMNS = 3, 8  # of the grid of scenes
REALITIES = {"held_out": "held out", "opengl": "OpenGL"}


def localization_exhibits(outcome: Outcome, *, table: Table, regime: Regime) -> list[Exhibit]:
    """Shows randomized scenes, what was found in both realities, and mean errors.

    Args:
      outcome: whose evaluation is that of `localization_score`.
      table: that was trained on.
      regime: of the looks.
    """
    seen = [name for name in REALITIES if f"{name}_pictures" in outcome.arrays]
    missing = "" if "opengl" in seen else " There is no OpenGL here to draw the other reality."
    scenes = training_pictures(table, regime) / 255.0
    rows = {f"{i + 1}": scenes[i * COLUMNS : (i + 1) * COLUMNS] for i in range(ROWS)}
    return [
        Exhibit("scenes", picture_grid(rows), "Pictures as they were trained on, each seen once."),
        Exhibit(
            "found",
            found_figure(outcome, seen),
            "Pictures of realities that were never trained on. Green circles are where the object "
            f"is, red crosses where it was found, numbers how far that is off in cm.{missing}",
        ),
        Exhibit(
            "errors",
            errors_figure(outcome.metrics, seen),
            "Mean distance of what is found from where the object is. The trivial answer is the "
            "mean of all positions.",
        ),
    ]


def training_pictures(table: Table, regime: Regime) -> np.ndarray:
    """Draws pictures [ROWS * COLUMNS, H, W, 3] of bytes as training does."""
    keys = jax.random.split(jax.random.key(0), ROWS * COLUMNS)
    return np.asarray(jax.jit(table_pictures(table))(keys, regime).images)


def found_figure(outcome: Outcome, realities: list[str]) -> Any:
    """Draws pictures with the true position and the one that was found.

    Args:
      outcome: of which the first seed is shown.
      realities: names of families.

    Returns:
      A matplotlib figure of a row for each.
    """
    pictures = {REALITIES[name]: of_first_seed(outcome, f"{name}_pictures") for name in realities}
    errors = [of_first_seed(outcome, f"{name}_errors") for name in realities]
    marks = [of_first_seed(outcome, f"{name}_marks") for name in realities]
    titles = {
        title: [f"{error:.1f} cm" for error in row]
        for title, row in zip(pictures, errors, strict=True)
    }
    figure = picture_grid({k: x / 255.0 for k, x in pictures.items()}, titles=titles)
    sides = next(iter(pictures.values())).shape[1:3]
    for axis, (truth, found) in zip(figure.axes, np.concatenate(marks), strict=True):
        axis.plot(*truth, "o", color="#00c853", ms=9, mfc="none", mew=1.6)
        axis.plot(*np.clip(found, 0, np.array(sides[::-1]) - 1), "x", color="#ff1744", ms=7, mew=2)
    return figure


def errors_figure(metrics: Any, realities: list[str]) -> Any:
    """Draws mean errors in cm as dots with their intervals.

    Args:
      metrics: of an outcome.
      realities: names of families.

    Returns:
      A matplotlib figure.
    """
    named = {"simulation": "error_cm"} | {
        REALITIES[name]: f"eval/{name}_error_cm" for name in realities
    }
    named["trivial answer"] = "eval/trivial_error_cm"
    group = {title: metrics[name] for title, name in named.items() if name in metrics}
    return dots({"detector": group}, unit="mean distance (cm)")
