"""What domain confusion and its kin state, and how it is measured here, pair by pair.

The rule of every claim was stated before anything was measured: the 95 % interval over seeds of the
difference between a net and its twin of the same beginning lies above 0. A pair on which it does
not is reported by itself.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide
from experiments.sim2real import confusion
from experiments.vision._verdicts import data_folder, make_verdict
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

# How each tier measures: preset, seeds, settings.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": ("smoke", 2, {"steps": 10, "source_steps": 10, "test_images": 100}),
    "cpu": (
        "cpu",
        5,
        {"steps": 600, "source_steps": 600, "train_images": 10_000, "test_images": 1_000},
    ),
    "gpu": ("gpu", 5, {}),
}
PAIRS = {
    "textured_digits": "digits to digits over photographs",
    "mnist_m": "MNIST to MNIST over photographs",
    "digits_to_mnist": "scikit-learn's digits to MNIST of 8 x 8 pixels",
    "mnist_to_digits": "MNIST of 8 x 8 pixels to scikit-learn's digits",
    "objects": "simulated pictures of objects to a reality that is held out",
}
DIGITS = tuple(pair for pair in PAIRS if pair != "objects")
WITHOUT_DATA = ("textured_digits", "objects")
METHODS = {
    "mmd": (
        "MMD",
        "features whose mean discrepancy is small",
        "Tzeng et al. 2014, eq. 2 and table 1",
    ),
    "confusion": (
        "the confusion loss",
        "features that confuse a domain classifier",
        "Tzeng et al. 2015, arXiv 1510.02192, section 3.1 and table 1",
    ),
    "dann": (
        "DANN",
        "features of a reversed gradient",
        "Ganin et al. 2016, arXiv 1505.07818, table 2: 76.66 % for 52.25 % on MNIST-M",
    ),
}
RUSU = "Rusu et al. 2016, arXiv 1610.04286, section 5, of a robot's reward; arXiv 1606.04671"


@cache
def train_seeds(tier: str, pair: str, method: str) -> "dict[str, np.ndarray]":
    """Trains a method on a pair; returns metric of the evaluation -> values [seeds]."""
    import numpy as np

    preset, seeds, settings = TIERS[tier]
    where = {} if pair in WITHOUT_DATA else {"data_dir": data_folder("mnist*")}
    values = {"pair": pair, "method": method, "num_seeds": seeds}
    config = configure("confusion", confusion.PRESETS, preset, values | where | settings)
    _, result = confusion.main(config)
    return {
        name.removeprefix("eval/"): np.array(found["values"])
        for name, found in result["metrics"].items()
        if name.startswith("eval/")
    }


def compare_accuracies(tier: str, method: str, pair: str) -> Verdict:
    """Compares a method with its twin that saw the source alone, by accuracy on the target."""
    if lacks_data(pair):
        return NOT_MEASURED
    found = train_seeds(tier, pair, method)
    title = METHODS[method][0]
    gap = found["accuracy"] - found["source_only_accuracy"]
    numbers = {
        title: found["accuracy"],
        "source only": found["source_only_accuracy"],
        f"{title}, on the source": found["source_accuracy"],
        "source only, on the source": found["source_only_source_accuracy"],
    }
    percent = {name: 100 * values for name, values in numbers.items()}
    return make_verdict({f"{title} over source only, {pair}:": 100 * gap}, percent, "points")


def compare_distances(tier: str, method: str, pairs: Sequence[str] = DIGITS) -> Verdict:
    """Measures by how much the proxy A-distance of the features is below the twin's, by pair."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if any(map(lacks_data, pairs)):  # the claim is of every pair
        return NOT_MEASURED
    gaps, numbers = {}, {}
    for pair in pairs:
        found = train_seeds(tier, pair, method)
        before, after = found["source_only_a_distance"], found["a_distance"]
        gaps[pair] = interval(before - after)
        numbers |= {f"{pair}, before": interval(before), f"{pair}, after": interval(after)}
    texts = [
        f"{pair}: {decide(gap)}, {show(numbers[f'{pair}, before'])} to "
        f"{show(numbers[f'{pair}, after'])}, less by {show(gap)}"
        for pair, gap in gaps.items()
    ]
    falls = {f"{pair}, falls by": gap for pair, gap in gaps.items()}
    return Verdict(decide(*gaps.values()), "; ".join(texts), numbers | falls)


def compare_columns(tier: str, pair: str) -> Verdict:
    """Compares progressive nets with what else can be made of the same few labels."""
    if lacks_data(pair):
        return NOT_MEASURED
    found = train_seeds(tier, pair, "progressive")
    own = found["accuracy"]
    gaps = {
        "over fine-tuning:": 100 * (own - found["fine_tuned_accuracy"]),
        "over a new column:": 100 * (own - found["from_scratch_accuracy"]),
    }
    names = {
        "progressive": "accuracy",
        "fine-tuned": "fine_tuned_accuracy",
        "new column": "from_scratch_accuracy",
        "source only": "source_only_accuracy",
    }
    numbers = {title: 100 * found[name] for title, name in names.items()}
    return make_verdict(gaps, numbers, "points")


def lacks_data(pair: str) -> bool:
    """Whether a pair needs MNIST, and `JAXDL_DATA` has none."""
    return pair not in WITHOUT_DATA and not data_folder("mnist*")


NOT_MEASURED = Verdict("undecided", "not measured: JAXDL_DATA names no folder with MNIST", {})

CLAIMS = [
    *(
        Claim(
            f"{method}_{pair}",
            f"{what} carry the source's labels over to the target, {PAIRS[pair]}, better than the "
            "source alone does",
            source,
            partial(compare_accuracies, method=method, pair=pair),
        )
        for method, (_, what, source) in METHODS.items()
        for pair in PAIRS
    ),
    *(
        Claim(
            f"distance_{method}",
            f"{title} brings the domains nearer to each other: the proxy A-distance of the "
            "features falls, on every pair of digits",
            f"Ben-David et al. 2007; {source}",
            partial(compare_distances, method=method),
        )
        for method, (title, _, source) in METHODS.items()
    ),
    *(
        Claim(
            f"distance_{method}_objects",
            f"{title} brings the domains nearer to each other: the proxy A-distance of the "
            f"features falls, {PAIRS['objects']}",
            f"Ben-David et al. 2007; {source}",
            partial(compare_distances, method=method, pairs=("objects",)),
        )
        for method, (title, _, source) in METHODS.items()
    ),
    *(
        Claim(
            f"progressive_{pair}",
            f"with 50 labels of the target, {PAIRS[pair]}, a column beside one that knows the "
            "source learns more than fine-tuning, and than a new column",
            RUSU,
            partial(compare_columns, pair=pair),
        )
        for pair in ("textured_digits", "mnist_m")
    ),
]
