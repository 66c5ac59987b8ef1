"""What the experiment on lambda shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import Exhibit, Outcome
from jaxdl.pages.figures import curve, draw_curve
from jaxdl.rl.tradeoff import RETURN


def lambda_exhibits(outcome: Outcome) -> Sequence[Exhibit]:
    """Draws the return against lambda, and the learning curves: Schulman et al. 2016, figure 2.

    Args:
      outcome: of a run of `jaxdl.rl.tradeoff.lambda_tradeoff`.
    """
    prefix = f"eval/{RETURN}"
    names = [name.removeprefix(prefix) for name in outcome.metrics if name.startswith(prefix)]
    names = sorted(names, key=float)
    several = outcome.num_seeds > 1
    bands = f" Bars and bands are 95 % intervals over {outcome.num_seeds} seeds." if several else ""
    summaries = {name: outcome.metrics[prefix + name] for name in names}
    caption = (
        "Mean return of the final policy in fresh episodes, for each lambda: 0 trusts the value "
        f"function alone, 1 the rewards alone.{bands}"
    )
    curves = "Mean return of the episodes that ended in training, for each lambda."
    exhibits = [Exhibit("return_by_lambda", return_figure(summaries), caption)]
    if outcome.curves:
        exhibits.append(Exhibit("learning_by_lambda", curves_figure(outcome.curves, names), curves))
    return exhibits


def return_figure(summaries: Mapping[str, Mapping[str, Any]]) -> Any:
    """Draws means with intervals at evenly spaced lambdas, and single runs as small dots.

    Args:
      summaries: lambda -> {mean, ci95, values}, in increasing order.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        panel = figure.subplots()
        places = np.arange(len(summaries))
        means = [summary["mean"] for summary in summaries.values()]
        halves = [summary["ci95"] or 0.0 for summary in summaries.values()]
        panel.errorbar(
            places, means, yerr=halves, fmt="o-", color=COLORS[0], ms=6, lw=1.6, capsize=4
        )
        for place, summary in zip(places, summaries.values(), strict=True):
            values = [value for value in summary["values"] if value is not None]
            panel.plot([place] * len(values), values, ".", color=COLORS[6], ms=4, alpha=0.6)
        panel.set_xticks(places, list(summaries))
        panel.set_xlabel("lambda")
        panel.set_ylabel("return")
    return figure


def curves_figure(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Any:
    """Draws the return in training over env steps, one line a lambda.

    Args:
      rows: lines of metrics.jsonl.
      names: the lambdas.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.0), layout="constrained")
        panel = figure.subplots()
        for place, name in enumerate(names):
            line = curve(rows, RETURN + name)
            style = "-" if place < len(COLORS) else "--"
            draw_curve(panel, line, color=COLORS[place % len(COLORS)], label=name, ls=style)
        panel.set_ylabel("return")
        figure.legend(loc="outside right center", title="lambda", fontsize=8)
    return figure
