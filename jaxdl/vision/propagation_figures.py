"""Pictures of how sure label propagation is, and how right."""

from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import of_first_seed
from jaxdl.vision.exhibits import as_shown

ROWS = 3  # of images


def sureness_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows images from the least to the most sure, and the accuracy of the surest so many.

    Args:
      outcome: whose arrays are those of `jaxdl.vision.few_labels.sweep_labels`.
    """
    if "pictures" not in outcome.arrays:
        return []
    names = ("pictures", "guesses", "truths", "sure", "right")
    pictures, guesses, truths, sure, right = (of_first_seed(outcome, name) for name in names)
    figure = sureness_figure(as_shown(pictures), guesses, truths, sure, right)
    caption = (
        "Images without a given label, from the least to the most sure, with the label that has "
        "reached them; wrong ones in color, with the true label. Right: the accuracy among the "
        "surest share of the images."
    )
    return [Exhibit("sureness", figure, caption)]


def sureness_figure(
    pictures: np.ndarray,
    guesses: np.ndarray,
    truths: np.ndarray,
    sure: np.ndarray,
    right: np.ndarray,
) -> Any:
    """Draws images with their labels, and accuracy over the share that is kept.

    Args:
      pictures: [P, H, W, C] uint8, from the least to the most sure.
      guesses: [P] labels.
      truths: [P] labels.
      sure: [N] probabilities of the likeliest labels; -1 where the label was given.
      right: [N] whether it is the true one.

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = len(pictures) // ROWS
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.8 * columns + 3.4, 3.2), layout="constrained")
        left, side = figure.subfigures(1, 2, width_ratios=(0.8 * columns, 3.4))
        axes = left.subplots(ROWS, columns, squeeze=False)
        shown = zip(axes.flat, pictures, guesses, truths, strict=False)
        for axis, picture, guess, truth in shown:
            axis.imshow(np.squeeze(picture), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
            is_right = guess == truth
            text = f"{guess}" if is_right else f"{guess} ({truth})"
            axis.set_title(text, fontsize=8, color="black" if is_right else COLORS[1], pad=2)
        share, kept = accuracy_of_surest(sure, right)
        axis = side.subplots()
        axis.plot(100 * share, 100 * kept, color=COLORS[0])
        axis.set(xlabel="surest share of the images (%)", ylabel="accuracy (%)", ylim=(None, 101))
    return figure


def accuracy_of_surest(sure: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns shares (0, 1] and the accuracies of the surest so many, both [M].

    Args:
      sure: [N] probabilities; -1 where the label was given.
      right: [N] whether the likeliest label is the true one.
    """
    hidden = np.flatnonzero(sure >= 0)
    order = hidden[np.argsort(-sure[hidden], kind="stable")]
    counts = np.arange(1, len(order) + 1)
    return counts / len(order), np.cumsum(right[order]) / counts
