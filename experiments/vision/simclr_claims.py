"""What SimCLR's paper states, and how it is measured here."""

from functools import cache
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict
from experiments.vision import _simclr_views, simclr
from experiments.vision._pretexts import images_text
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
TEMPERATURES = (0.05, 0.1, 0.5, 1.0)  # table 5

# What the claim about batches looks at: as many whole epochs of the images with every batch. The
# learning rate, that of the preset at the preset's batch, goes with the batch's square root.
BATCHES = {"smoke": (32, 64), "cpu": (32, 64, 128, 256, 512), "gpu": (128, 256, 512, 1024)}
EPOCHS = {"smoke": (1, 2), "cpu": (20, 80), "gpu": (50, 200)}
OF_BATCHES = {
    "smoke": {"train_images": 256},
    "cpu": {"train_images": 1024, "width": 0.5},
    "gpu": {"train_images": 49_152},
}

Changes = tuple[tuple[str, Any], ...]


@cache
def accuracies(tier: str, changes: Changes = ()) -> "dict[str, np.ndarray]":
    """Trains with these settings; returns name -> test accuracies [seeds] in percent."""
    return train_and_probe(simclr, TIERS[tier], dict(changes))


def compare_with_baselines(tier: str) -> Verdict:
    """Compares the probes of SimCLR, of an untrained net and of pixels, seed by seed."""
    return baselines_verdict(accuracies(tier, (("width", WIDTHS[tier][-2]),)))


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


def compare_temperatures(tier: str) -> Verdict:
    """Compares an intermediate temperature with the least and the greatest, seed by seed.

    Which of the two between them is taken for a seed is told by the other seeds, so that none is
    chosen by the luck that it is then judged by.
    """
    import numpy as np

    runs = [_simclr_views.probe_simclr(tier, temperature=tau) for tau in TEMPERATURES]
    least, *between, greatest = runs
    inner = np.stack(between)  # [2, seeds]
    by_others = np.sum(inner, axis=1, keepdims=True) - inner
    middle = np.take_along_axis(inner, np.argmax(by_others, axis=0)[None], axis=0)[0]
    gaps = {f"over {tau:g}": middle - x for tau, x in ((0.05, least), (1.0, greatest))}
    numbers = {f"tau {tau:g}": x for tau, x in zip(TEMPERATURES, runs, strict=True)}
    verdict = make_verdict(gaps, numbers, "points")
    return verdict._replace(summary=f"{verdict.summary}, {images_text()}")


def compare_batches(tier: str) -> Verdict:
    """Measures slopes over the logarithm of the batch, with 10 labels a class, seed by seed."""
    import numpy as np

    slopes, numbers = [], {}
    for epochs in EPOCHS[tier]:
        scores = [train_epochs(tier, epochs, batch) for batch in BATCHES[tier]]
        slopes.append(np.polyfit(np.log2(BATCHES[tier]), np.stack(scores), 1)[0])
        titles = [f"{epochs} epochs, batch {batch}" for batch in BATCHES[tier]]
        numbers |= dict(zip(titles, scores, strict=True))
    few, many = slopes
    first, last = EPOCHS[tier]
    gaps = {f"slope at {first} epochs": few, f"less at {last} by": few - many}
    return make_verdict(gaps, numbers, "points per doubling")


def train_epochs(tier: str, epochs: int, batch: int) -> "np.ndarray":
    """Returns accuracies [seeds] with 10 labels a class, after so many epochs in such batches."""
    preset = simclr.PRESETS[TIERS[tier].preset]
    rate = preset.optimizer.learning_rate * (batch / preset.batch_size) ** 0.5
    in_epoch = OF_BATCHES[tier]["train_images"] // batch
    changes = OF_BATCHES[tier] | {
        "batch_size": batch,
        "learning_rate": rate,
        "steps": epochs * in_epoch,
        "steps_per_call": in_epoch,
        "baselines": False,
    }
    return accuracies(tier, tuple(changes.items()))["probe_accuracy_few"]


CLAIMS = [
    Claim(
        "features",
        "SimCLR's features beat raw pixels and random features under a linear probe, with all "
        "labels and with few",
        "Chen et al. 2020, tables 6 and 7",
        compare_with_baselines,
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
    Claim(
        "temperature",
        "an intermediate temperature, the better of 0.1 and 0.5 by the other seeds, is better than "
        "0.05 and than 1",
        "Chen et al. 2020, table 5",
        compare_temperatures,
    ),
    Claim(
        "batch",
        "larger batches are better at few epochs, and the gap closes with four times as many: the "
        "slope over the logarithm of the batch is above 0, and then smaller",
        "Chen et al. 2020, figure 9, with the learning rates of appendix B.1",
        compare_batches,
    ),
    *_simclr_views.CLAIMS,
]
