"""What the report of a sizing shows: the found amplifier against what was asked, and the search."""

from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE, curve, draw_curve
from jaxdl.pages.exhibit import Exhibit, Outcome, Table
from jaxdl.science.circuits.task import SizingTask
from jaxdl.science.circuits.verdicts import Verdicts, judge_opamps

MOST_LINES = 6  # designs in a picture
ONE_LINE = "ngspice is not installed (apt-get install ngspice): nobody else has judged this design"


def sizing_exhibits(outcome: Outcome, *, task: SizingTask) -> list[Exhibit]:
    """Shows Bode plots of the designs, what they do beside what was asked, and how they were found.

    Args:
      outcome: whose evaluation is that of `sizing`.
      task: the amplifier's.
    """
    if "sizes" not in outcome.arrays:
        return []
    sizes = np.reshape(outcome.arrays["sizes"], (-1, len(task.names)))
    verdicts = judge_opamps(sizes, task.requirements)
    met = int(verdicts.feasible.sum())
    shown = [
        Exhibit(
            "bode",
            bode_figure(outcome, task, verdicts),
            f"The response of the designs that were found, one a seed (at most {MOST_LINES}). "
            f"Lines are ours, dots {verdicts.judge}'s; shaded is what the requirements exclude.",
        ),
        Exhibit(
            "designs",
            designs_table(task, sizes, verdicts),
            f"By {verdicts.judge} {met} of {len(sizes)} designs meet all requirements."
            + ("" if verdicts.judge == "ngspice" else f" {ONE_LINE}."),
        ),
    ]
    if len(outcome.curves) > 1:
        caption = (
            "The least shortfall so far over simulations, a mean over seeds with its 95 % "
            "interval; 0 is a design that is feasible."
        )
        shown.append(Exhibit("search", search_figure(outcome), caption))
    return shown


def bode_figure(outcome: Outcome, task: SizingTask, verdicts: Verdicts) -> Any:
    """Draws gain and phase over frequency, with the requirements.

    Args:
      outcome: of which all seeds are shown.
      task: the amplifier's.
      verdicts: on the same designs.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    asked = {one.name: one.target for one in task.requirements}
    hertz = task.frequencies
    ours = {name: outcome.arrays[name].reshape(-1, len(hertz)) for name in _BODE}
    judged = dict(zip(_BODE, bode_of(verdicts.response), strict=True))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        panels = dict(zip(_BODE, figure.subplots(2, 1, sharex=True), strict=True))
        for name, panel in panels.items():
            for i, line in enumerate(ours[name][:MOST_LINES]):
                color = COLORS[i % len(COLORS)]
                panel.semilogx(hertz, line, color=color, lw=1.2)
                panel.semilogx(hertz[::4], judged[name][i][::4], ".", color=color, ms=5)
        gain, phase = panels.values()
        gain.set_ylabel("gain, dB")
        gain.set_ylim(-60, None)
        phase.set_ylabel("phase since 1 Hz, degrees")
        phase.set_xlabel("frequency, Hz")
        phase.xaxis.set_major_formatter(EngFormatter(sep=""))
        phase.set_yticks(range(-270, 1, 90))
        phase.set_ylim(-280, 15)
        shade = {"color": COLORS[6], "alpha": 0.15, "lw": 0}
        if "gain" in asked:
            least = 20 * np.log10(asked["gain"])
            gain.fill_between([1, 10], -60, least, **shade)
            gain.annotate(f"gain >= {least:.1f} dB", (12, least - 9), fontsize=8)
        if "bandwidth" in asked:
            edge = asked["bandwidth"]
            gain.fill_between([1e3, edge], -60, 0, **shade)
            gain.annotate(f"0 dB not before {edge / 1e6:g} MHz", (2e3, -16), fontsize=8)
        if "phase_margin" in asked:
            least = asked["phase_margin"] - 180
            place = [task.frequencies[0], task.frequencies[-1]]
            phase.plot(place, [least, least], color=COLORS[6], ls="--", lw=1)
            text = "at 0 dB (ring) the phase is to be above"
            phase.annotate(text, (1.5, least - 22), fontsize=8)
            _mark_crossings(phase, hertz, ours)
    return figure


def bode_of(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns responses [M, F] into dB and the phase since the first frequency, in degrees."""
    size = np.maximum(np.abs(response), 1e-9)
    turns = np.angle(response[:, 1:] * response[:, :-1].conj())
    phase = np.concatenate([np.zeros_like(turns[:, :1]), np.cumsum(turns, axis=1)], axis=1)
    return 20 * np.log10(size), np.degrees(phase)


def designs_table(task: SizingTask, sizes: np.ndarray, verdicts: Verdicts) -> Table:
    """Lists what the judge measured, and the sizes.

    Args:
      task: the amplifier's.
      sizes: [M, D] in their units.
      verdicts: on them.
    """
    head = [*(str(one) for one in task.requirements), "all", *task.names]
    rows = [
        [*(f"{value:.4g}" for value in values), "yes" if holds else "no"]
        + [f"{size:.3g}" for size in design]
        for values, holds, design in zip(verdicts.values, verdicts.feasible, sizes, strict=True)
    ]
    return Table(head, rows[:20])


def search_figure(outcome: Outcome) -> Any:
    """Draws the least shortfall over simulations."""
    import matplotlib
    from matplotlib.figure import Figure

    line = curve(outcome.curves, "best_shortfall")
    spent = np.array([row["simulations"] for row in outcome.curves], np.float64)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 2.6), layout="constrained")
        panel = figure.subplots()
        draw_curve(panel, line._replace(x=spent, unit="simulations"), color=COLORS[0])
        panel.set_ylabel("least shortfall so far")
        panel.set_ylim(0, None)
    return figure


_BODE = ("response_db", "response_degrees")


def _mark_crossings(panel: Any, hertz: np.ndarray, ours: dict[str, np.ndarray]) -> None:
    """Rings where each design's gain is 1."""
    for i, (gain, phase) in enumerate(zip(*ours.values(), strict=True)):
        below = np.flatnonzero(gain < 0)
        if i < MOST_LINES and below.size and below[0] > 0:
            x = np.interp(0, gain[below[0] - 1 : below[0] + 1][::-1], [1, 0]) + below[0] - 1
            at = np.arange(len(hertz))
            place = 10 ** np.interp(x, at, np.log10(hertz)), np.interp(x, at, phase)
            panel.plot(*place, "o", mfc="none", ms=8, color=COLORS[i % len(COLORS)])
