"""What the report of a crossing shows: features of both domains, images, and accuracies."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.pages import COLORS, STYLE, dots, picture_grid
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed

NETS = {  # prefix of a net's metrics -> its name, in the order of the pictures
    "source_only_": "source only",
    "from_scratch_": "target's few labels, from scratch",
    "fine_tuned_": "fine-tuned",
    "": "",  # the one that the run is about
}
DOMAINS = ("source", "target")


def crossing_exhibits(outcome: Outcome, *, learned: str, pair: str) -> list[Exhibit]:
    """Shows the test images' features in two dimensions, samples, and accuracies in both domains.

    Args:
      outcome: whose evaluation is that of `crossing_score`.
      learned: name of the method, such as "DANN".
      pair: name of the pair of domains.
    """
    if "points" not in outcome.arrays:
        return []
    found = {
        prefix: title or learned
        for prefix, title in NETS.items()
        if f"{prefix}points" in outcome.arrays
    }
    labels = of_first_seed(outcome, "point_labels")
    points = {title: of_first_seed(outcome, f"{prefix}points") for prefix, title in found.items()}
    distances = {
        title: outcome.metrics[f"eval/{prefix}a_distance"]["mean"]
        for prefix, title in found.items()
    }
    told = ", ".join(f"{title} {distance:.2f}" for title, distance in distances.items())
    return [
        Exhibit(
            "features",
            features_figure(points, labels),
            f"Features of test images of {pair} in the two directions in which they vary most. "
            f"Where a net does not tell the domains apart, the dots at the left are mixed; the "
            f"classes at the right should not be. Proxy A-distance of all features (0: alike, 2: "
            f"apart): {told}.",
        ),
        Exhibit(
            "samples",
            samples_figure(outcome, found),
            "Test images of both domains. Below them what each net takes them for; wrong answers "
            "are red.",
        ),
        Exhibit(
            "accuracies",
            accuracies_figure(outcome.metrics, found),
            "Accuracy on test images, which no net was trained on. The nets called source only "
            "have seen no image of the target.",
        ),
    ]


def features_figure(points: Mapping[str, np.ndarray], labels: np.ndarray) -> Any:
    """Draws features as dots, by domain and by class, one row a net.

    Args:
      points: name of a net -> [2, P, 2], of the source and of the target.
      labels: [2, P] classes.

    Returns:
      A matplotlib figure of two columns.
    """
    import matplotlib
    from matplotlib.figure import Figure

    classes = np.unique(labels)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.1 * len(points)), layout="constrained")
        rows = figure.subplots(len(points), 2, squeeze=False)
        for (by_domain, by_class), (net, xy) in zip(rows, points.items(), strict=True):
            for domain, color, dot in zip(DOMAINS, COLORS, xy, strict=False):
                by_domain.scatter(*dot.T, s=7, color=color, alpha=0.6, lw=0, label=domain)
            for one in classes:
                color = matplotlib.colormaps["tab10"](int(one) % 10)
                for marker, dot, label in zip("ox", xy, labels, strict=True):
                    chosen = dot[label == one]
                    name = str(one) if marker == "o" else None
                    by_class.scatter(*chosen.T, s=9, color=color, marker=marker, lw=0.8, label=name)
            by_domain.set_ylabel(net, fontsize=10)
            for axis in (by_domain, by_class):
                axis.set(xticks=[], yticks=[])
        rows[0][0].set_title("by domain", fontsize=10)
        rows[0][1].set_title("by class (dots: source, crosses: target)", fontsize=10)
        rows[0][0].legend(loc="best", markerscale=2, fontsize=8)
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        rows[0][1].legend(**beside, markerscale=2, fontsize=8)
    return figure


def samples_figure(outcome: Outcome, nets: Mapping[str, str]) -> Any:
    """Draws images of both domains, each above the classes that the nets name.

    Args:
      outcome: of which the first seed is shown.
      nets: prefix of a net's arrays -> its name.

    Returns:
      A matplotlib figure of two rows of images.
    """
    images = of_first_seed(outcome, "samples")
    shown = images.shape[1]
    labels = of_first_seed(outcome, "point_labels")[:, :shown]
    guesses = [of_first_seed(outcome, f"{prefix}predictions")[:, :shown] for prefix in nets]
    figure = picture_grid({name: each / 255.0 for name, each in zip(DOMAINS, images, strict=True)})
    for place, axis in enumerate(figure.axes):
        domain, column = divmod(place, shown)
        for line, guess in enumerate(guesses):
            right = guess[domain, column] == labels[domain, column]
            text = {"color": COLORS[2] if right else "tab:red", "size": 8, "ha": "center"}
            across = (line + 0.5) / len(guesses)
            axis.text(across, -0.13, guess[domain, column], transform=axis.transAxes, **text)
    names = " | ".join(nets.values())
    figure.supxlabel(f"below each image, from left to right: {names}", fontsize=9)
    return figure


def accuracies_figure(metrics: Mapping[str, Any], nets: Mapping[str, str]) -> Any:
    """Draws the accuracies of all nets as dots with intervals, a panel a domain.

    Args:
      metrics: of an outcome.
      nets: prefix of a net's metrics -> its name.

    Returns:
      A matplotlib figure.
    """
    panels = {"target": "accuracy", "source": "source_accuracy"}
    groups = {
        domain: {title: metrics[f"eval/{prefix}{name}"] for prefix, title in nets.items()}
        for domain, name in panels.items()
    }
    return dots(groups, scale=100, unit="test accuracy (%)")
