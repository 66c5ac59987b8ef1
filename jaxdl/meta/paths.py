"""How adaptation looks in the plane: the paths of `point_nav` before and after each step."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.meta.adaptation import Episodes
from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed

SHOWN_TASKS = 4
SHOWN_EPISODES = 5


def keep_paths(tasks: jax.Array, episodes: Episodes) -> dict[str, jax.Array]:
    """Keeps where the first points went.

    Args:
      tasks: [B, 2] goals.
      episodes: leaves [K + 1, B, T, N, ...] before each inner step and after the last.

    Returns:
      `goals` [b, 2] and `paths` [K + 1, b, n, T, 2] of the first tasks and episodes; a path stays
      where its episode has ended.
    """
    some = jax.tree.map(
        lambda x: x[:, :SHOWN_TASKS, :, :SHOWN_EPISODES], (episodes.obs, episodes.is_on)
    )
    places, is_on = (jnp.moveaxis(x, 2, 3) for x in some)
    last = jnp.sum(is_on, axis=-1, keepdims=True) - 1
    time = jnp.minimum(jnp.arange(is_on.shape[-1]), last)
    paths = jnp.take_along_axis(places, time[..., None], axis=-2)
    return {"goals": tasks[:SHOWN_TASKS], "paths": paths}


def path_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Makes the picture of the paths."""
    goals, paths = (of_first_seed(outcome, name) for name in ("goals", "paths"))
    caption = (
        f"Paths of {paths.shape[2]} episodes in each of {len(goals)} fresh tasks, from the origin, "
        "before the first step of adaptation and after each. The star is the goal, which the "
        "policy does not see; a dot is where an episode ended or was cut."
    )
    return [Exhibit("paths", paths_figure(goals, paths), caption)]


def paths_figure(goals: np.ndarray, paths: np.ndarray) -> Any:
    """Draws paths, a row a task and a column a step of adaptation.

    Args:
      goals: [B, 2].
      paths: [K + 1, B, N, T, 2].

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rounds, tasks = paths.shape[:2]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * rounds + 0.4, 1.9 * tasks + 0.3), layout="constrained")
        panels = figure.subplots(tasks, rounds, squeeze=False, sharex=True, sharey=True)
        for task, row in enumerate(panels):
            for step, panel in enumerate(row):
                for path in paths[step, task]:
                    panel.plot(*path.T, color=COLORS[0], lw=0.7, alpha=0.7)
                    panel.plot(*path[-1], ".", color=COLORS[0], ms=5)
                panel.plot(*goals[task], "*", color=COLORS[1], ms=12, zorder=5)
                panel.set_aspect("equal")
                panel.set_xlim(-1, 1)
                panel.set_ylim(-1, 1)
                panel.set_xticks([-1, 0, 1])
                panel.set_yticks([-1, 0, 1])
        for step, panel in enumerate(panels[0]):
            name = "step" if step == 1 else "steps"
            panel.set_title("before" if step == 0 else f"after {step} {name}", fontsize=9)
    return figure
