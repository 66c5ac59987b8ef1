"""Pictures of what a contrastive learner sees, and of how its features are judged."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE


def pairs_figure(images: np.ndarray, views: np.ndarray) -> Any:
    """Images above the two views that the loss has to recognize as one.

    Args:
      images: [N, H, W, C] uint8.
      views: [2N, h, w, C] in [0, 1], both views of an image in a row.

    Returns:
      A matplotlib figure of 3 rows and N columns.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = [images / 255.0, views[0::2], views[1::2]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.15 * len(images) + 0.8, 3.7), layout="constrained")
        axes = figure.subplots(3, len(images), squeeze=False)
        for row, (name, pictures) in enumerate(
            zip(("image", "view 1", "view 2"), columns, strict=True)
        ):
            for axis, picture in zip(axes[row], pictures, strict=True):
                axis.imshow(np.squeeze(picture), cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set_visible(False)
            axes[row, 0].set_ylabel(name, fontsize=12)
    return figure


def probe_figure(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Any:
    """Accuracies of a linear probe as bars with their numbers, one panel a number of labels.

    Args:
      groups: panel -> features -> {mean, ci95, ...} of an accuracy in [0, 1].

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(groups), 2.3), layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for panel, (title, bars) in zip(panels, groups.items(), strict=True):
            _bars(panel, title, list(bars), list(bars.values()))
    return figure


def _bars(panel: Any, title: str, names: Sequence[str], summaries: Sequence[Mapping]) -> None:
    means = [100 * summary["mean"] for summary in summaries]
    halves = [100 * (summary["ci95"] or 0.0) for summary in summaries]
    places = np.arange(len(names))[::-1]
    panel.barh(places, means, xerr=halves, color=COLORS[: len(names)], height=0.6)
    for place, mean, half in zip(places, means, halves, strict=True):
        text = f"{mean:.1f}" + (f" ± {half:.1f}" if half else "")
        panel.text(1, place, text, va="center", color="white", fontweight="bold")
    panel.set_yticks(places, names)
    panel.set(title=title, xlabel="test accuracy (%)", xlim=(0, 100))
    panel.grid(False, axis="y")
