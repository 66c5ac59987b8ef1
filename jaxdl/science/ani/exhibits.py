"""What the report of a potential shows: told beside true, energy over time, and what was chosen."""

from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed
from jaxdl.science.ani.units import FS_PER_PS

MOST_DOTS = 4000  # of a panel


def ani_exhibits(outcome: Outcome) -> list[Exhibit]:
    """Shows energies and forces of held-out molecules, the dynamics, and rounds of selection."""
    if "energy_told" not in outcome.arrays:
        return []
    metrics = {name: outcome.metrics[f"eval/{name}"]["mean"] for name in
               ("energy_mae", "force_mae", "energy_drift", "energy_ripple")}  # fmt: skip
    shown = [
        Exhibit(
            "parity",
            parity_figure(outcome),
            "Held-out molecules, told over true: energies less their mean, and components of "
            f"forces. They are {metrics['energy_mae']:.2f} kcal/mol and "
            f"{metrics['force_mae']:.2f} kcal/mol/Å off on average.",
        ),
        Exhibit(
            "dynamics",
            dynamics_figure(outcome),
            "Energies over time of a held-out molecule that moves by the net's forces alone. Their "
            f"sum drifts by {metrics['energy_drift']:.2g} kcal/mol in a picosecond and ripples by "
            f"{metrics['energy_ripple']:.2g} kcal/mol.",
        ),
    ]
    if "selection" in outcome.arrays:
        shown.append(
            Exhibit(
                "selection",
                selection_figure({"chosen so": of_first_seed(outcome, "selection")}),
                "Errors on held-out molecules over the molecules that had labels, round by round.",
            )
        )
    return shown


def parity_figure(outcome: Outcome) -> Any:
    """Draws told energies and forces over the true ones, as a matplotlib figure."""
    import matplotlib
    from matplotlib.figure import Figure

    energy = [of_first_seed(outcome, f"energy_{side}") for side in ("true", "told")]
    is_atom = of_first_seed(outcome, "is_atom") > 0
    force = [of_first_seed(outcome, f"force_{side}")[is_atom].ravel() for side in ("true", "told")]
    energy = [x - energy[0].mean() for x in energy]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.3), layout="constrained")
        panels = figure.subplots(1, 2)
        units = "kcal/mol", "kcal/mol/Å"
        for panel, pair, unit, title in zip(
            panels, (energy, force), units, ("energy", "force"), strict=True
        ):
            _draw_parity(panel, *pair)
            panel.set(xlabel=f"true {title} ({unit})", ylabel=f"told {title} ({unit})")
    return figure


def dynamics_figure(outcome: Outcome) -> Any:
    """Draws potential, kinetic and total energy over time, as a matplotlib figure."""
    import matplotlib
    from matplotlib.figure import Figure

    names = "path_time", "path_potential", "path_kinetic"
    time, potential, kinetic = (of_first_seed(outcome, name) for name in names)
    total = potential + kinetic
    lines = {"potential": potential, "kinetic": kinetic, "total": total}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.6, 4.0), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for place, (name, values) in enumerate(lines.items()):
            above.plot(time / FS_PER_PS, values, color=COLORS[place], lw=1.3, label=name)
        above.set_ylabel("kcal/mol")
        above.legend(loc="upper right", ncols=3)
        above.set_ylim(top=above.get_ylim()[1] * 1.25)
        below.plot(time / FS_PER_PS, total - total.mean(), color=COLORS[2], lw=1.0)
        below.axhline(0, color="0.6", lw=0.8)
        below.set(xlabel="ps", ylabel="total less its mean\n(kcal/mol)")
    return figure


def selection_figure(curves: dict[str, np.ndarray]) -> Any:
    """Draws errors over labels.

    Args:
      curves: rule -> [K, 3] labels, and errors of energies and forces; rows of 0 are left out.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = "energy error (kcal/mol)", "force error (kcal/mol/Å)"
        for place, (name, curve) in enumerate(curves.items()):
            rows = curve[curve[:, 0] > 0]
            for column, panel in enumerate(panels):
                panel.plot(rows[:, 0], rows[:, 1 + column], "o-", color=COLORS[place], ms=4,
                           lw=1.3, label=name)  # fmt: skip
        for panel, title in zip(panels, titles, strict=True):
            panel.set(xscale="log", xlabel="molecules with labels", title=title)
            panel.set_xticks(rows[:, 0], [f"{count:.0f}" for count in rows[:, 0]])
            panel.minorticks_off()
            panel.set_ylim(bottom=0)
        if len(curves) > 1:
            panels[0].legend()
    return figure


def _draw_parity(panel: Any, true: np.ndarray, told: np.ndarray) -> None:
    stride = max(len(true) // MOST_DOTS, 1)
    low, high = min(true.min(), told.min()), max(true.max(), told.max())
    panel.plot([low, high], [low, high], color="0.6", lw=1)
    panel.plot(true[::stride], told[::stride], ".", color=COLORS[0], ms=2.5, alpha=0.5)
    panel.set_aspect("equal")
