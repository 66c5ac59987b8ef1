"""What is stated of label propagation and label spreading, and how it is measured here."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.vision._verdicts import data_folder
from experiments.vision.label_propagation import ABOUT, CLASSES, PRESETS, build
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-4  # within which probabilities are the same
COMPARED = 1000  # points beside scikit-learn's dense float64 matrices


class Tier(NamedTuple):
    """How large the comparison is.

    Attributes:
      data: name of the images.
      points: of the graph.
      seeds: choices of the one label that each class has.
    """

    data: str
    points: int
    seeds: int


TIERS = {
    "smoke": Tier("digits", 200, 2),
    "cpu": Tier("digits", 1280, 20),
    "gpu": Tier("mnist", 60_000, 20),
}


@cache
def accuracies(tier: str, method: str) -> "dict[str, np.ndarray]":
    """Labels all points from one label a class; returns name -> accuracies [seeds] in percent."""
    import numpy as np

    size = TIERS[tier]
    settings = {"method": method, "steps": 2, "sweeps": 5, "labels": 1}
    settings |= {"data": size.data, "data_dir": data_folder() if size.data == "mnist" else ""}
    settings |= {"points": size.points, "num_seeds": size.seeds}
    _, result = train(build, configure("label_propagation", PRESETS, "cpu", settings), about=ABOUT)
    found = result["metrics"]
    names = [name for name in found if name.startswith("eval/") and name.endswith("accuracy")]
    return {name.removeprefix("eval/"): 100 * np.asarray(found[name]["values"]) for name in names}


def compare_with_nearest(method: str, form: str, tier: str) -> Verdict:
    """Compares with the label of the nearest labeled image, choice by choice of the labels."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    measured = accuracies(tier, method)
    lead = interval(measured[form] - measured["nearest_accuracy"])
    numbers = {name: interval(values) for name, values in measured.items()}
    size = TIERS[tier]
    listed = ", ".join(f"{name} {show(number)} %" for name, number in numbers.items())
    summary = (
        f"lead {show(lead)} points ({listed}); kNN graph of 7 neighbors over {size.points:,} "
        f"images of {size.data}, one label a class, {size.seeds} choices"
    )
    return Verdict(decide(lead), summary, numbers | {"lead": lead})


def compare_with_sklearn(tier: str) -> Verdict:
    """Compares with the closed form in float64, on scikit-learn's own graph matrices."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    numbers = {}
    rounds = range(min(TIERS[tier].seeds, 5))
    size = min(TIERS[tier].points, COMPARED)
    for method in ("propagation", "spreading"):
        for kernel in ("rbf", "knn"):
            pairs = [closed_forms(method, kernel, size, seed) for seed in rounds]
            numbers[f"{method}, {kernel}"] = interval(
                np.array([np.abs(ours - theirs).max() for ours, theirs in pairs])
            )
    gaps = [interval(TOLERANCE - np.asarray(number["values"])) for number in numbers.values()]
    listed = ", ".join(f"{name} {show(number)}" for name, number in numbers.items())
    summary = f"largest difference: {listed}; asked are {TOLERANCE:g}; {size:,} digits"
    return Verdict(decide(*gaps), summary, numbers)


def closed_forms(method: str, kernel: Any, points: int, seed: int) -> "tuple[Any, Any]":
    """Returns our probabilities and those of scikit-learn's graph, both [N, C]."""
    import jax
    import numpy as np
    from sklearn.semi_supervised import LabelPropagation, LabelSpreading

    from jaxdl import data, vision
    from jaxdl.data.images import rows_per_class

    digits = data.load("digits")
    x = digits.train_images[:points].reshape(points, -1) / 255.0
    truths = digits.train_labels[:points]
    rows = rows_per_class(truths, CLASSES, 3, seed)
    labels = np.full(points, -1)
    labels[rows] = truths[rows]
    settings: dict[str, Any] = {"kernel": kernel, "gamma": 2.0}
    ours = vision.label_propagation if method == "propagation" else vision.label_spreading
    found = jax.jit(partial(ours, classes=CLASSES, neighbors=7, **settings))(x, labels)
    theirs = LabelPropagation if method == "propagation" else LabelSpreading
    model = theirs(n_neighbors=7, max_iter=1, tol=1e300, **settings).fit(x, labels)
    matrix = model._build_graph()
    matrix = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    given = np.eye(CLASSES)[labels] * (labels >= 0)[:, None]
    if method == "propagation":
        given[labels < 0] = solve_walk(matrix, given, labels >= 0)
        return found, given
    limit = np.linalg.solve(np.eye(points) - model.alpha * matrix, (1 - model.alpha) * given)
    return found, limit / np.maximum(limit.sum(axis=1, keepdims=True), 1e-300)


def solve_walk(matrix: "np.ndarray", given: "np.ndarray", is_given: "np.ndarray") -> "np.ndarray":
    """Solves Zhu & Ghahramani 2002, eq. 5, among the points with a path to a label: [U, C]."""
    import numpy as np

    is_reached = is_given
    while (more := is_reached | ((matrix > 0) @ is_reached)).sum() > is_reached.sum():
        is_reached = more
    walk = matrix * is_reached
    walk = walk / np.maximum(walk.sum(axis=1, keepdims=True), 1e-300)
    free = is_reached & ~is_given
    solution = np.zeros_like(given)
    inner = np.eye(free.sum()) - walk[np.ix_(free, free)]
    solution[free] = np.linalg.solve(inner, walk[free] @ given)
    return solution[~is_given]


CLAIMS = [
    Claim(
        "propagation",
        "label propagation labels more images rightly than the nearest labeled one does, from one "
        "label a class",
        "Zhu & Ghahramani 2002, section 4; Zhou et al. 2004, figure 3",
        partial(compare_with_nearest, "propagation", "closed_form_accuracy"),
    ),
    Claim(
        "rebalanced",
        "so does label propagation after class mass normalization",
        "Zhu & Ghahramani 2002, section 3",
        partial(compare_with_nearest, "propagation", "rebalanced_accuracy"),
    ),
    Claim(
        "spreading",
        "so does label spreading",
        "Zhou et al. 2004, figure 3",
        partial(compare_with_nearest, "spreading", "closed_form_accuracy"),
    ),
    Claim(
        "sklearn",
        "both closed forms are those of scikit-learn's graphs in float64",
        "Pedregosa et al. 2011, scikit-learn's semi_supervised",
        compare_with_sklearn,
    ),
]
