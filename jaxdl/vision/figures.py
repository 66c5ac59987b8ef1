"""Pictures of what a contrastive learner is shown, and of how its features are judged."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.pages import STYLE, Summary, dots


def pairs_figure(images: np.ndarray, views: np.ndarray) -> Any:
    """Draws images above the two views that the loss has to recognize as one.

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


def probe_figure(groups: Mapping[str, Mapping[str, Summary]]) -> Any:
    """Draws accuracies of a linear probe as dots with intervals, one panel a number of labels.

    Args:
      groups: panel -> features -> {mean, ci95, ...} of an accuracy in [0, 1].

    Returns:
      A matplotlib figure.
    """
    return dots(groups, scale=100, unit="test accuracy (%)")
