"""What the report of mixed training shows: error over the share, and what the refiner makes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE, picture_grid
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed

TITLES = {  # way -> its name, in the order of the curves
    "real": "real alone",
    "joint": "simulated and real, mixed",
    "fine_tuned": "simulated, then real",
    "refined": "refined and real, mixed",
}


def mixing_exhibits(outcome: Outcome, *, shares: Sequence[float], pair: str) -> list[Exhibit]:
    """Shows the curve of error over the share of real labels, and repainted pictures.

    Args:
      outcome: whose evaluation is that of `jaxdl.sim2real.mixing`.
      shares: percentages.
      pair: name of the pair of domains.
    """
    curves = read_curves(outcome.metrics, shares)
    if not curves:
        return []
    text = f"Error on real test images of {pair} over the share of the real training images that "
    text += "have labels, all by as many learner steps. Bands: 95 % intervals over seeds."
    return [Exhibit("errors", errors_figure(curves), text), *repainted_exhibit(outcome)]


def repainted_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows simulated pictures, what the refiner makes of them, and real ones."""
    if "refined" not in outcome.arrays:
        return []
    rows = {name: of_first_seed(outcome, name) for name in ("simulated", "refined", "real")}
    text = "Simulated test images, the same as the refiner repaints them, and real ones of others."
    return [Exhibit("refined", picture_grid(rows), text)]


def read_curves(
    metrics: Mapping[str, Any], shares: Sequence[float]
) -> dict[str, dict[float, Mapping[str, Any]]]:
    """Returns title of a way -> share -> summary of the error, of those that were measured."""
    curves = {}
    for way, title in TITLES.items():
        names = {share: f"eval/{way}_error_{share:g}" for share in shares}
        found = {share: metrics[name] for share, name in names.items() if name in metrics}
        curves |= {title: found} if found else {}
    return curves


def errors_figure(curves: Mapping[str, Mapping[float, Mapping[str, Any]]]) -> Any:
    """Draws errors in percent over the share with their bands.

    Args:
      curves: title -> share in percent -> summary {mean, ci95, ...}.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    ticks = sorted({share for curve in curves.values() for share in curve})
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        axis = figure.subplots()
        for color, (title, curve) in zip(COLORS, curves.items(), strict=False):
            mean = 100 * np.array([summary["mean"] for summary in curve.values()])
            half = 100 * np.array([summary["ci95"] or 0.0 for summary in curve.values()])
            axis.plot(list(curve), mean, "o-", color=color, lw=1.4, ms=4, label=title)
            axis.fill_between(list(curve), mean - half, mean + half, color=color, alpha=0.2, lw=0)
        axis.set_xscale("symlog", linthresh=ticks[1])  # linear up to the first share above 0
        axis.set_xticks(ticks, [f"{share:g}" for share in ticks])
        axis.minorticks_off()
        axis.set(xlabel="real training images with labels (%)", ylabel="test error (%)")
        axis.set_ylim(bottom=0)
        axis.legend(loc="best")
    return figure
