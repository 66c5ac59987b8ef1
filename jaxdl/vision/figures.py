"""Pictures of what an image learner is shown, and of how its features are judged."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.pages import STYLE, Summary, dots, picture_grid
from jaxdl.pages.figures import COLORS


def pairs_figure(images: np.ndarray, views: np.ndarray) -> Any:
    """Draws images above the two views that the loss has to recognize as one.

    Args:
      images: [N, H, W, C] uint8.
      views: [2N, h, w, C] in [0, 1], both views of an image in a row.

    Returns:
      A matplotlib figure of 3 rows and N columns.
    """
    rows = {"image": images / 255.0, "view 1": views[0::2], "view 2": views[1::2]}
    return picture_grid(rows)


def neighbors_figure(queries: np.ndarray, neighbors: np.ndarray, same: np.ndarray) -> Any:
    """Draws query images above their nearest neighbors, framed by whether the class is theirs.

    Args:
      queries: [Q, H, W, C] uint8.
      neighbors: [Q, k, H, W, C] uint8, the nearest first.
      same: [Q, k] bool, whether a neighbor has the query's class.

    Returns:
      A matplotlib figure of 1 + k rows and Q columns.
    """
    places = range(1, neighbors.shape[1] + 1)
    rows = {"image": queries / 255.0}
    rows |= {f"nearest {i}": neighbors[:, i - 1] / 255.0 for i in places}
    frames = {f"nearest {i}": np.where(same[:, i - 1], COLORS[2], COLORS[1]) for i in places}
    return picture_grid(rows, frames)


def mistakes_figure(images: np.ndarray, labels: np.ndarray, predictions: np.ndarray) -> Any:
    """Draws images below the class that was named and the one that would have been right.

    Args:
      images: [P, H, W, C] uint8.
      labels: [P] int.
      predictions: [P] int.

    Returns:
      A matplotlib figure of one row.
    """
    frames = np.where(labels == predictions, COLORS[2], COLORS[1])
    figure = picture_grid({"": images / 255.0}, {"": frames})
    for axis, label, named in zip(figure.axes, labels, predictions, strict=True):
        axis.set_title(f"{named}, is {label}", fontsize=10)
    return figure


def confusion_figure(confusion: np.ndarray) -> Any:
    """Draws counts [K, K] as a table of shades: rows by the class, columns by the one named."""
    import matplotlib
    from matplotlib.figure import Figure

    classes = range(len(confusion))
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        axis = figure.subplots()
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.grid(False)
        axis.set(xticks=classes, yticks=classes, xlabel="named", ylabel="class")
        for row in classes:
            for column in classes:
                count = confusion[row, column]
                color = "white" if shares[row, column] > 0.5 else "black"
                if count:
                    axis.text(column, row, count, ha="center", va="center", color=color, size=8)
    return figure


def probe_figure(groups: Mapping[str, Mapping[str, Summary]]) -> Any:
    """Draws accuracies of a linear probe as dots with intervals, one panel a number of labels.

    Args:
      groups: panel -> features -> {mean, ci95, ...} of an accuracy in [0, 1].

    Returns:
      A matplotlib figure.
    """
    return dots(groups, scale=100, unit="test accuracy (%)")
