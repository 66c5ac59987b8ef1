"""What MoCo's papers state, and how it is measured here."""

from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict
from experiments.vision import moco
from experiments.vision._verdicts import (
    SUFFIXES,
    Tier,
    baselines_verdict,
    make_verdict,
    slope_verdict,
    train_and_probe,
)

if TYPE_CHECKING:
    import numpy as np

TIERS = {"smoke": Tier("smoke", 2), "cpu": Tier("cpu", 5, {"steps": 400}), "gpu": Tier("gpu", 5)}
WIDTHS = {"smoke": (0.25, 0.5), "cpu": (0.5, 1.0, 2.0), "gpu": (0.5, 1.0, 2.0)}
# Negatives at one small batch: from none but the last batch's keys to 16 or 64 times as many. The
# digits' 1,437 images allow no more: a longer queue would hold other keys of the query's image.
SMALL = {"batch_size": 32, "groups": 4}
QUEUES = {"smoke": (32, 64), "cpu": (32, 128, 512), "gpu": (64, 512, 4096)}
SMALL_GPU = {"batch_size": 64, "groups": 8, "steps": 20_000, "learning_rate": 0.015}  # 26 epochs
# Version 1: one linear layer, crops with weak colors, a constant rate, its own temperature.
V1 = {"head": "linear", "color": 0.1, "schedule": "constant", "temperature": 0.07}

Changes = tuple[tuple[str, Any], ...]


@cache
def accuracies(tier: str, changes: Changes = ()) -> "dict[str, np.ndarray]":
    """Trains with these settings; returns name -> test accuracies [seeds] in percent."""
    return train_and_probe(moco, TIERS[tier], dict(changes))


def compare_with_baselines(tier: str) -> Verdict:
    """Compares the probes of MoCo v2, of an untrained net and of pixels, seed by seed."""
    return baselines_verdict(accuracies(tier, (("width", WIDTHS[tier][-2]),)))


def compare_widths(tier: str) -> Verdict:
    """Measures the slope of each seed's accuracy over the logarithm of the width."""
    factors = WIDTHS[tier]
    runs = [accuracies(tier, (("width", width),)) for width in factors]
    return slope_verdict("width", factors, runs)


def compare_queues(tier: str) -> Verdict:
    """Measures the slope of each seed's accuracy over the queue's size, at one small batch."""
    sizes = QUEUES[tier]
    small = SMALL_GPU if tier == "gpu" else SMALL
    runs = [accuracies(tier, tuple((small | {"queue": size}).items())) for size in sizes]
    return slope_verdict("queue", sizes, runs)


def compare_versions(tier: str) -> Verdict:
    """Compares version 2 with version 1 at equal steps, seed by seed."""
    second = accuracies(tier, (("width", WIDTHS[tier][-2]),))
    first = accuracies(tier, (("width", WIDTHS[tier][-2]), *V1.items()))
    gaps, numbers = {}, {}
    for suffix, title in SUFFIXES.items():
        name = f"probe_accuracy{suffix}"
        gaps[f"v2 over v1, {title}:"] = second[name] - first[name]
        numbers |= {f"v2, {title}": second[name], f"v1, {title}": first[name]}
    return make_verdict(gaps, numbers, "points")


CLAIMS = [
    Claim(
        "features",
        "MoCo's features beat raw pixels and random features under a linear probe, with all labels "
        "and with few",
        "He et al. 2019, section 4.1",
        compare_with_baselines,
    ),
    Claim(
        "queue",
        "at one small batch, features improve with the number of negatives in the queue",
        "He et al. 2019, section 4.1, on numbers of negatives",
        compare_queues,
    ),
    Claim(
        "version",
        "an MLP head, stronger views and a cosine schedule (v2) improve on v1",
        "Chen et al. 2020, arXiv 2003.04297",
        compare_versions,
    ),
    Claim(
        "width",
        "wider nets learn better representations",
        "He et al. 2019, section 4.1, on wider nets",
        compare_widths,
    ),
]
