"""What the report of Noisy Student shows: who beats whom, and what a teacher's guesses are."""

from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import COLORS, STYLE
from jaxdl.pages.exhibit import of_first_seed
from jaxdl.vision.exhibits import as_shown
from jaxdl.vision.figures import probe_figure

STAGES = {
    "eval/teacher_accuracy": "teacher",
    "eval/control_accuracy": "labels only, same noise",
    "eval/accuracy": "student",
}
COLUMNS = 12  # of the sheet of images


def student_exhibits(outcome: Outcome) -> list[Exhibit]:
    """Shows the stages' accuracies, and the pseudo-labels sorted by confidence.

    Args:
      outcome: of a stage with a teacher; of another one there is nothing to show.
    """
    if "confidence" not in outcome.arrays:
        return []
    confidence = of_first_seed(outcome, "confidence")
    is_right = of_first_seed(outcome, "is_right")
    stages = {text: outcome.metrics[name] for name, text in STAGES.items()}
    return [
        Exhibit(
            "stages",
            probe_figure({"accuracy on test images": stages}),
            "The student learns from the teacher's guesses, with noise. A net of its size that has "
            "the labels alone, with the same noise, is what it has to beat.",
        ),
        Exhibit(
            "pseudo_labels",
            curve_figure(confidence, is_right),
            "The teacher's guesses from the most confident one on, the share of right ones among "
            "so many of the first, and around each place. Images of other things are never right.",
        ),
        Exhibit(
            "sheet",
            sheet_figure(
                as_shown(of_first_seed(outcome, "shown")),
                of_first_seed(outcome, "shown_guess"),
                of_first_seed(outcome, "shown_label"),
            ),
            "Images evenly spaced over this order, with the teacher's guess; behind a wrong one "
            "what it should have been (a dash: none of the classes).",
        ),
    ]


def curve_figure(confidence: np.ndarray, is_right: np.ndarray) -> Any:
    """Draws confidence [M] and accuracy of guesses in the order of their confidence."""
    import matplotlib
    from matplotlib.figure import Figure

    count = np.arange(1, len(confidence) + 1)
    share = 100 * count / len(confidence)
    so_far = np.cumsum(is_right) / count
    window = max(len(confidence) // 20, 1)
    sums = np.convolve(is_right, np.ones(window), "same")
    around = sums / np.convolve(np.ones(len(is_right)), np.ones(window), "same")
    lines = {
        "right among the first": so_far,
        "right around here": around,
        "confidence": confidence,
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.0), layout="constrained")
        panel = figure.subplots()
        for color, (name, line) in zip(COLORS, lines.items(), strict=False):
            panel.plot(share, 100 * line, color=color, lw=1.5, label=name)
        panel.set_xlabel("pseudo-labels, most confident first (%)")
        panel.set_ylabel("%")
        panel.set_ylim(0, 103)
        panel.legend()
    return figure


def sheet_figure(images: np.ndarray, guesses: np.ndarray, labels: np.ndarray) -> Any:
    """Draws images [P, H, W, C] with what a teacher takes them for, wrong guesses in red."""
    import matplotlib
    from matplotlib.figure import Figure

    down = -(-len(images) // COLUMNS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.75 * COLUMNS, 0.95 * down), layout="constrained")
        panels = list(figure.subplots(down, COLUMNS, squeeze=False).flat)
        for panel in panels:
            panel.axis("off")
        for panel, image, guess, label in zip(panels, images, guesses, labels, strict=False):
            panel.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
            right = guess == label
            truth = label if label >= 0 else "-"
            title = f"{guess}" if right else f"{guess} ({truth})"
            panel.set_title(title, fontsize=9, color="black" if right else COLORS[1], pad=2)
    return figure
