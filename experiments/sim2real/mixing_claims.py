"""What mixed training and a learned refiner state, and how it is measured here, pair by pair.

The rules were stated before anything was measured: each is of the 95 % interval over seeds, and
every seed draws its own labels. A pair on which a claim does not hold is reported by itself.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict
from experiments.sim2real import mixing
from experiments.vision._verdicts import data_folder, make_verdict
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

THIRD = 33  # percent, as in the paper's comparison
# How each tier measures: preset, seeds, settings.
TIERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "smoke": (
        "smoke",
        2,
        {
            "steps": 10,
            "pretrain_steps": 5,
            "refiner_steps": 5,
            "test_images": 100,
            "shares": (0, 10, THIRD, 100),
        },
    ),
    "cpu": (
        "cpu",
        5,
        {
            "steps": 300,
            "pretrain_steps": 150,
            "refiner_steps": 300,
            "shares": (0, 2, 5, 10, THIRD, 100),
        },
    ),
    "gpu": ("gpu", 5, {"shares": (0, 1, 2, 5, 10, THIRD, 100)}),
}
PAIRS = {
    "textured_digits": "digits, and digits over photographs as reality",
    "objects": "simulated pictures of objects, and a reality that is held out",
}
# What is drawn has more pixels: its CPU tier has fewer steps and shares.
OWN_SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    ("cpu", "objects"): {
        "steps": 300,
        "pretrain_steps": 150,
        "refiner_steps": 200,
        "shares": (0, 2, 10, THIRD, 100),
    },
    ("gpu", "mnist_m"): {"shares": (0, 0.1, 0.3, 1, 3, 10, THIRD, 100)},
}
LARGE = {"mnist_m": "MNIST, and MNIST over photographs as reality"}  # for accelerators, from files
RICHTER = "Richter et al. 2016, arXiv 1608.02192, abstract: 1/3 of CamVid beside a game's pictures"
GRASP = "Bousmalis et al. 2017, arXiv 1709.07857, abstract"
PIXEL = "Bousmalis et al. 2016, arXiv 1612.05424, table 1: 98.2 % on MNIST-M"


@cache
def train_seeds(tier: str, pair: str) -> "dict[str, np.ndarray]":
    """Trains all nets for each seed; returns metric of the evaluation -> values [seeds]."""
    import numpy as np

    preset, seeds, _ = TIERS[tier]
    settings = settings_of(tier, pair)
    where = {"data_dir": data_folder("mnist*")} if pair in LARGE else {}
    results = []
    for seed in range(seeds):
        values = {"pair": pair, "first_seed": seed, "label_seed": seed}
        config = configure("mixing", mixing.PRESETS, preset, values | where | settings)
        results.append(mixing.main(config)[1]["metrics"])
    return {
        name.removeprefix("eval/"): np.array([result[name]["mean"] for result in results])
        for name in results[0]
        if name.startswith("eval/")
    }


def settings_of(tier: str, pair: str) -> dict[str, Any]:
    """Returns the flags of a tier's runs on a pair; `shares` is among them."""
    return TIERS[tier][2] | OWN_SETTINGS.get((tier, pair), {})


def measure_slope(tier: str, pair: str) -> Verdict:
    """Measures how steeply the error of mixed training falls over the logarithm of the share."""
    import numpy as np

    if is_left_out(tier, pair):
        return NOT_MEASURED
    found, shares = train_seeds(tier, pair), settings_of(tier, pair)["shares"]
    errors = {share: 100 * found[f"joint_error_{share:g}"] for share in shares}
    curve = np.stack([errors[share] for share in shares[1:]])
    gaps = {
        f"falls by a doubling of the share, {pair}:": -np.polyfit(np.log2(shares[1:]), curve, 1)[0],
        f"all real labels over none, {pair}:": errors[0] - errors[shares[-1]],
    }
    numbers = {f"error with {share:g} % of the labels": errors[share] for share in shares}
    return make_verdict(gaps, numbers, "points")


def compare(tier: str, pair: str, better: str, other: str, place: int | None, what: str) -> Verdict:
    """Compares the errors of two ways by as many labels.

    Args:
      tier: of the claims.
      pair: of domains.
      better: the way that is claimed to err less.
      other: the one beside it.
      place: of the share among the tier's; None: the mean over all but none and all of them.
      what: names the gap.
    """
    import numpy as np

    if is_left_out(tier, pair):
        return NOT_MEASURED
    found, shares = train_seeds(tier, pair), settings_of(tier, pair)["shares"]
    asked = shares[1:-1] if place is None else shares[place : place + 1]
    mean = lambda way: 100 * np.mean([found[f"{way}_error_{share:g}"] for share in asked], axis=0)  # noqa: E731
    gap = {f"{what}, {pair}:": mean(other) - mean(better)}
    told = f"{asked[0]:g} %" if place is not None else f"{asked[0]:g} to {asked[-1]:g} %"
    numbers = {f"error, {way}, {told} of the labels": mean(way) for way in (better, other)}
    return make_verdict(gap, numbers, "points")


def compare_a_third(tier: str, pair: str) -> Verdict:
    """Compares a third of the real labels beside simulation with all of them alone."""
    if is_left_out(tier, pair):
        return NOT_MEASURED
    found = train_seeds(tier, pair)
    third, whole = 100 * found[f"joint_error_{THIRD}"], 100 * found["real_error_100"]
    numbers = {f"error, {THIRD} % of the labels and simulation": third, "all labels alone": whole}
    return make_verdict({f"a third with simulation over all, {pair}:": whole - third},
                        numbers, "points")  # fmt: skip


def count_worth(tier: str, pair: str) -> Verdict:
    """Measures how many real labels beside raw simulation do as well as refined with none."""
    from experiments._claim import decide
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if is_left_out(tier, pair):
        return NOT_MEASURED
    worth = interval(train_seeds(tier, pair)["refiner_worth"])
    name = f"real labels that the refiner is worth, {pair}:"
    return Verdict(decide(worth), f"{name} {show(worth)}", {name: worth})


def is_left_out(tier: str, pair: str) -> bool:
    """Whether a pair is too large for a tier, or its files are not there."""
    return pair in LARGE and not (tier == "gpu" and data_folder("mnist*"))


NOT_MEASURED = Verdict(
    "undecided", "not measured: needs --tier=gpu, and JAXDL_DATA with MNIST in it", {}
)


def claims_of(pair: str, text: str) -> list[Claim]:
    """Lists the claims about one pair."""
    return [
        Claim(
            f"falls_{pair}",
            f"the error of mixed training falls over the share of real labels, {text}",
            RICHTER,
            partial(measure_slope, pair=pair),
        ),
        Claim(
            f"few_labels_{pair}",
            "with few real labels, training on simulated and real pictures errs less than on the "
            f"real ones alone, {text}",
            RICHTER,
            partial(
                compare, pair=pair, better="joint", other="real", place=1,
                what="mixed over real alone",
            ),
        ),
        Claim(
            f"third_{pair}",
            f"simulation and a third of the real labels do better than all of them alone, {text}",
            RICHTER,
            partial(compare_a_third, pair=pair),
        ),
        Claim(
            f"fine_tuning_{pair}",
            "mixing simulated and real pictures errs less than fine-tuning on the real ones after "
            f"the simulated ones, by as many steps, {text}",
            "Richter et al. 2016, arXiv 1608.02192, who mix first and then fine-tune",
            partial(
                compare, pair=pair, better="joint", other="fine_tuned", place=None,
                what="mixed over fine-tuned",
            ),
        ),
        Claim(
            f"refined_{pair}",
            f"without any real label, refined pictures teach more than raw simulated ones, {text}",
            PIXEL,
            partial(
                compare, pair=pair, better="refined", other="joint", place=0,
                what="refined over raw",
            ),
        ),
        Claim(
            f"worth_{pair}",
            "a refiner that sees real pictures without labels is worth real labels: up to 50 times "
            f"fewer in the paper, {text}",
            GRASP,
            partial(count_worth, pair=pair),
        ),
    ]  # fmt: skip


CLAIMS = [claim for pair, text in (PAIRS | LARGE).items() for claim in claims_of(pair, text)]
