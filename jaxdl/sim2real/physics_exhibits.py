"""What runs with varied physics show: returns over each parameter, and how bounds have moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.core.logs import interval
from jaxdl.pages import COLORS, STYLE, curve, dots, draw_curve
from jaxdl.pages.exhibit import Exhibit, Outcome
from jaxdl.sim2real.physics import Ranges
from jaxdl.sim2real.physics_trials import CURVES, TESTS, curve_points

TITLES = {
    "nominal_return": "nominal physics",
    "inside_return": "within the ranges",
    "outside_return": "one parameter outside",
}
HARD_TITLES = {
    "corners_return": "in the corners of the ranges",
    "changed_return": "from one corner to another",
}
PART_TITLES = {"shaken_reward": "right after the change", "settled_reward": "at the end"}


def physics_exhibits(
    ranges: Ranges, beyond: Ranges, kept: str, outcome: Outcome
) -> Sequence[Exhibit]:
    """Shows what policies earn over each parameter, in all tests, and after a change.

    Args:
      ranges: of D parameters, within which training took place.
      beyond: of all physics.
      kept: name of the policy whose metrics have plain names.
      outcome: whose evaluation is that of `physics_test`, perhaps of several policies.
    """
    if f"eval/{TESTS[0]}_return" not in outcome.metrics:
        return []
    policies = policies_of(outcome, kept)
    several = outcome.num_seeds > 1
    bands = f" with 95 % intervals over {outcome.num_seeds} seeds" if several else ""
    exhibits = [
        Exhibit(
            "tests",
            dots(_groups(outcome, TITLES, policies), unit="return", digits=0),
            f"Mean returns of fresh episodes{bands}. At the right, one parameter lies outside of "
            "the hand-set ranges.",
        ),
        Exhibit(
            "corners",
            dots(_groups(outcome, HARD_TITLES, policies), unit="return", digits=0),
            f"Mean returns{bands} where every parameter is at one of its two ends, and where that "
            "changes in mid-episode.",
        ),
        Exhibit(
            "change",
            dots(_groups(outcome, PART_TITLES, policies), unit="reward of an action", digits=2),
            f"Rewards where the physics change from one corner to another in mid-episode{bands}: "
            "in the actions right after it, and in the last ones.",
        ),
    ]
    if not ranges.names:
        return exhibits
    lines = {name: _curves(outcome, suffix) for name, suffix in policies.items()}
    return [
        Exhibit(
            "return_over_physics",
            returns_figure(ranges, beyond, lines),
            "Mean returns where one parameter is multiplied and the others are nominal"
            f"{bands}. The ranges of training are gray.",
        ),
        *exhibits,
    ]


def adr_exhibits(ranges: Ranges, beyond: Ranges, kept: str, outcome: Outcome) -> Sequence[Exhibit]:
    """Shows how bounds and entropy have moved, and then what `physics_exhibits` shows.

    Args:
      ranges: the hand-set ones.
      beyond: the limits of the bounds.
      kept: name of the policy.
      outcome: of a run of `jaxdl.sim2real.adr`.
    """
    shown = physics_exhibits(ranges, beyond, kept, outcome)
    if not outcome.curves or not beyond.names:
        return shown
    figure = bounds_figure(outcome.curves, ranges, beyond)
    caption = (
        "The bounds of each parameter over training, and the entropy of the distribution between "
        "them, each with its 95 % band over seeds. Dashed: the hand-set ranges that it is compared "
        "with, and their entropy; dotted: the limits."
    )
    return [Exhibit("bounds", figure, caption), *shown]


def policies_of(outcome: Outcome, kept: str) -> dict[str, str]:
    """Returns the policies of a run, name -> what their metrics end in, the kept one last."""
    prefix = f"eval/{TESTS[0]}_return/"
    others = [name.removeprefix(prefix) for name in outcome.metrics if name.startswith(prefix)]
    return {name: f"/{name}" for name in others} | {kept: ""}


def returns_figure(
    ranges: Ranges, beyond: Ranges, lines: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
) -> Any:
    """Draws returns over the factors of each parameter, a panel a parameter, a line a policy.

    Args:
      ranges: of D parameters; they are shaded.
      beyond: of all physics.
      lines: policy -> [D][G] summaries {mean, ci95, ...}.

    Returns:
      A matplotlib figure.
    """
    import matplotlib

    points = len(next(iter(lines.values()))[0])
    grid = curve_points(ranges, beyond, points)
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(len(ranges.names))
        for place, (panel, name) in enumerate(zip(panels, ranges.names, strict=True)):
            panel.axvspan(ranges.low[place], ranges.high[place], color="0.5", alpha=0.15, lw=0)
            for color, (policy, rows) in zip(COLORS, lines.items(), strict=False):
                mean = np.array([summary["mean"] for summary in rows[place]])
                half = np.array([summary["ci95"] or 0.0 for summary in rows[place]])
                panel.plot(grid[place], mean, "o-", ms=3, lw=1.4, color=color, label=policy)
                panel.fill_between(
                    grid[place], mean - half, mean + half, color=color, alpha=0.12, lw=0
                )
            _factor_axis(panel, grid[place])
            panel.set_title(name, fontsize=9)
            _fit(panel, [summary["mean"] for rows in lines.values() for summary in rows[place]])
        panels[0].set_ylabel("return")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def bounds_figure(rows: Sequence[Mapping[str, float]], ranges: Ranges, limits: Ranges) -> Any:
    """Draws each parameter's bounds over env steps, and the entropy.

    Args:
      rows: lines of metrics.jsonl.
      ranges: the hand-set ones, dashed; parameters that they lack have none.
      limits: of D parameters, dotted.

    Returns:
      A matplotlib figure of D + 1 panels.
    """
    import matplotlib

    by_hand = dict(zip(ranges.names, zip(ranges.low, ranges.high, strict=True), strict=True))
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(len(limits.names) + 1)
        *each, last = panels
        for panel, name, low, high in zip(each, *limits, strict=True):
            for side, color in zip(("low", "high"), COLORS, strict=False):
                draw_curve(panel, curve(rows, f"{side}/{name}"), color=color)
            for limit in (low, high):
                panel.axhline(limit, color="0.6", ls=":", lw=1)
            for bound in by_hand.get(name, ()):
                panel.axhline(bound, color="0.3", ls="--", lw=1)
            panel.set_title(name, fontsize=9)
            _fit(panel, (low, high))
        entropy = curve(rows, "bounds_entropy")
        draw_curve(last, entropy, color=COLORS[2])
        hand_set = float(np.mean(np.log(ranges.high - ranges.low)))
        last.axhline(hand_set, color="0.3", ls="--", lw=1)
        _fit(last, [*entropy.mean, hand_set])
        last.set_title("entropy (nats)", fontsize=9)
        panels[0].set_ylabel("factor")
    return figure


def _panels(count: int) -> tuple[Any, list[Any]]:
    """A figure of so many panels, at most three beside each other."""
    from matplotlib.figure import Figure

    across = min(count, 3)
    down = -(-count // across)
    figure = Figure(figsize=(2.7 * across + 0.5, 2.2 * down + 0.4), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for panel in panels[count:]:
        panel.remove()
    return figure, panels[:count]


def _factor_axis(panel: Any, factors: np.ndarray) -> None:
    """A logarithmic axis of factors, with few and plain numbers."""
    panel.set_xscale("log")
    ticks = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10) if factors[0] <= x <= factors[-1]]
    panel.set_xticks(ticks, [f"{x:g}" for x in ticks])
    panel.minorticks_off()


def _fit(panel: Any, values: Sequence[float] | np.ndarray) -> None:
    """Fits an axis to means rather than to the bands of few seeds, which would hide them."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.25 * (high - low) or 1.0
    panel.set_ylim(low - room, high + room)


def _groups(
    outcome: Outcome, titles: Mapping[str, str], policies: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Some metrics of each policy, by title."""
    return {
        title: {policy: outcome.metrics[f"eval/{name}{end}"] for policy, end in policies.items()}
        for name, title in titles.items()
    }


def _curves(outcome: Outcome, suffix: str) -> list[list[dict[str, Any]]]:
    """The returns over each parameter's factors, [D][G] summaries over seeds."""
    returns = outcome.arrays[f"{CURVES}{suffix}"]
    if outcome.num_seeds == 1:
        returns = returns[None]
    return [
        [interval(returns[:, place, point]) for point in range(returns.shape[2])]
        for place in range(returns.shape[1])
    ]
