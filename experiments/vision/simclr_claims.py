"""What SimCLR's paper states, and how it is measured here."""

from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict
from experiments.vision import simclr
from experiments.vision._verdicts import (
    SUFFIXES,
    Tier,
    baselines_verdict,
    data_folder,
    make_verdict,
    slope_verdict,
    train_and_probe,
)

if TYPE_CHECKING:
    import numpy as np

# How each tier measures; and what the claims about colors look at, on CIFAR-10.
TIERS = {"smoke": Tier("smoke", 2), "cpu": Tier("cpu", 5, {"steps": 400}), "gpu": Tier("gpu", 5)}
CIFAR = {"data": "cifar10", "crop_min": 0.08, "temperature": 0.5}
COLOR = {
    "smoke": {"train_images": 500, "test_images": 500, "steps": 4},
    "cpu": {"train_images": 10_000, "test_images": 5_000, "steps": 200, "batch_size": 128},
    "gpu": {},
}
WIDTHS = {"smoke": (0.25, 0.5), "cpu": (0.5, 1.0, 2.0), "gpu": (0.5, 1.0, 2.0)}

# What the claims about the head and the loss look at: many runs, so that each has to be small.
TABLES = {
    "smoke": {"steps": 4, "baselines": False},
    "cpu": {"steps": 300, "width": 0.5, "batch_size": 128, "baselines": False},
    "gpu": {"baselines": False},
}
LOSSES = {
    "NT-logistic": {"loss": "nt_logistic"},
    "NT-logistic, semi-hard": {"loss": "nt_logistic", "mining": "semi-hard"},
    "margin": {"loss": "margin_triplet"},
    "margin, semi-hard": {"loss": "margin_triplet", "mining": "semi-hard"},
}

Changes = tuple[tuple[str, Any], ...]


@cache
def accuracies(tier: str, changes: Changes = ()) -> "dict[str, np.ndarray]":
    """Trains with these settings; returns name -> test accuracies [seeds] in percent."""
    return train_and_probe(simclr, TIERS[tier], dict(changes))


def compare_with_baselines(tier: str) -> Verdict:
    """Compares the probes of SimCLR, of an untrained net and of pixels, seed by seed."""
    return baselines_verdict(accuracies(tier, (("width", WIDTHS[tier][-2]),)))


def compare_colors(tier: str) -> Verdict:
    """Compares crops with color distortion and crops alone on CIFAR-10, seed by seed."""
    if not data_folder():
        text = "the digits have no color; set JAXDL_DATA to a folder with CIFAR-10"
        return Verdict("undecided", text, {})
    settings = {**CIFAR, "data_dir": data_folder(), "baselines": False} | COLOR[tier]
    no_color = {"color": 0.0, "gray": 0.0}
    both = accuracies(tier, tuple(settings.items()))["probe_accuracy"]
    crop = accuracies(tier, tuple((settings | no_color).items()))["probe_accuracy"]
    return make_verdict({"color adds": both - crop}, {"crop + color": both, "crop": crop}, "points")


def compare_widths(tier: str) -> Verdict:
    """Measures the slope of each seed's accuracy over the logarithm of the width."""
    factors = WIDTHS[tier]
    return slope_verdict(
        "width", factors, [accuracies(tier, (("width", width),)) for width in factors]
    )


def of_tables(tier: str, suffix: str = "", **changes: Any) -> "np.ndarray":
    """Returns a probe's accuracies [seeds] after a run with these changes."""
    return accuracies(tier, tuple((TABLES[tier] | changes).items()))[f"probe_accuracy{suffix}"]


def compare_reading(tier: str) -> Verdict:
    """Compares a probe of the features h with one of the projections g(h), seed by seed."""
    gaps, numbers = {}, {}
    for suffix, title in SUFFIXES.items():
        h = of_tables(tier, suffix)
        z = of_tables(tier, suffix, probed="projections")
        gaps[f"h over g(h), {title}:"] = h - z
        numbers |= {f"h, {title}": h, f"g(h), {title}": z}
    return make_verdict(gaps, numbers, "points")


def compare_heads(tier: str) -> Verdict:
    """Compares an MLP with a linear head, and that with none, with all labels, seed by seed."""
    runs = {head: of_tables(tier, head=head) for head in ("mlp", "linear", "none")}
    gaps = {
        "MLP over linear": runs["mlp"] - runs["linear"],
        "linear over none": runs["linear"] - runs["none"],
    }
    return make_verdict(gaps, runs, "points")


def compare_losses(tier: str) -> Verdict:
    """Compares NT-Xent with the losses of table 4, with all labels, seed by seed."""
    ours = of_tables(tier)
    others = {name: of_tables(tier, **changes) for name, changes in LOSSES.items()}
    gaps = {f"over {name}": ours - other for name, other in others.items()}
    return make_verdict(gaps, {"NT-Xent": ours} | others, "points")


CLAIMS = [
    Claim(
        "features",
        "SimCLR's features beat raw pixels and random features under a linear probe, with all "
        "labels and with few",
        "Chen et al. 2020, tables 6 and 7",
        compare_with_baselines,
    ),
    Claim(
        "color",
        "crops with color distortion beat crops alone",
        "Chen et al. 2020, figure 5",
        compare_colors,
    ),
    Claim(
        "width",
        "wider nets learn better representations",
        "Chen et al. 2020, figure 7 and table 6",
        compare_widths,
    ),
    Claim(
        "reading",
        "the features before the projection head are better than those after it",
        "Chen et al. 2020, section 4.2 and table 3",
        compare_reading,
    ),
    Claim(
        "head",
        "a nonlinear projection head is better than a linear one, and that is better than none",
        "Chen et al. 2020, figure 8",
        compare_heads,
    ),
    Claim(
        "losses",
        "NT-Xent beats the logistic and the margin loss, also with semi-hard negatives; at one "
        "temperature and one margin, where the paper chose the best",
        "Chen et al. 2020, table 4",
        compare_losses,
    ),
]
