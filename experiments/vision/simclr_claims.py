"""What SimCLR's paper states, and how it is measured here."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments._claim import Claim, Verdict, decide
from experiments.vision.simclr import ABOUT, PRESETS, build
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

# How each tier measures: preset, seeds, settings; and what the color claim looks at, on CIFAR-10.
TIERS = {"smoke": ("smoke", 2, {}), "cpu": ("cpu", 5, {"steps": 400}), "gpu": ("gpu", 5, {})}
CIFAR = {"data": "cifar10", "crop_min": 0.08, "temperature": 0.5}
COLOR = {
    "smoke": {"train_images": 500, "test_images": 500, "steps": 4},
    "cpu": {"train_images": 10_000, "test_images": 5_000, "steps": 200, "batch_size": 128},
    "gpu": {},
}
WIDTHS = {"smoke": (0.25, 0.5), "cpu": (0.5, 1.0, 2.0), "gpu": (0.5, 1.0, 2.0)}
SUFFIXES = {"": "all labels", "_few": "10 labels a class"}

Changes = tuple[tuple[str, Any], ...]


@cache
def accuracies(tier: str, changes: Changes = ()) -> "dict[str, np.ndarray]":
    """Trains with these settings; returns name -> test accuracies [seeds] in percent."""
    import numpy as np

    preset, seeds, settings = TIERS[tier]
    settings = settings | dict(changes)
    if preset == "gpu":  # one after the other: a ResNet under vmap has grouped convolutions
        settings = {"data_dir": cifar_folder()} | settings
        runs = [{"first_seed": seed} for seed in range(seeds)]
    else:
        runs = [{"num_seeds": seeds}]
    results = []
    for run in runs:
        config = configure("simclr", PRESETS, preset, settings | run)
        _, result = train(build, config, about=ABOUT)
        results.append(result["metrics"])
    names = [name for name in results[0] if "_accuracy" in name]
    values = {name: np.concatenate([r[name]["values"] for r in results]) for name in names}
    return {name.removeprefix("eval/"): 100 * value for name, value in values.items()}


def make_verdict(
    gaps: "dict[str, np.ndarray]", numbers: "dict[str, np.ndarray]", unit: str
) -> Verdict:
    """Decides by the 95 % intervals of the gaps [seeds], all of which should be above 0."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    gap_intervals = {name: interval(values) for name, values in gaps.items()}
    answer = decide(*gap_intervals.values())
    number_intervals = {name: interval(values) for name, values in numbers.items()}
    gap_texts = [f"{name} {show(gap)} {unit}" for name, gap in gap_intervals.items()]
    number_texts = [f"{name} {show(number)} %" for name, number in number_intervals.items()]
    summary = f"{', '.join(gap_texts)} ({'; '.join(number_texts)})"
    return Verdict(answer, summary, number_intervals | gap_intervals)


def compare_with_baselines(tier: str) -> Verdict:
    """Compares the probes of SimCLR, of an untrained net and of pixels, seed by seed."""
    measured = accuracies(tier, (("width", WIDTHS[tier][-2]),))
    gaps = {}
    for suffix, title in SUFFIXES.items():
        for name in ("raw_pixel", "random_feature"):
            gap = measured[f"probe_accuracy{suffix}"] - measured[f"{name}_accuracy{suffix}"]
            gaps[f"over {name.replace('_', ' ')}s, {title}:"] = gap
    return make_verdict(gaps, measured, "points")


def compare_colors(tier: str) -> Verdict:
    """Compares crops with color distortion and crops alone on CIFAR-10, seed by seed."""
    if not cifar_folder():
        text = "the digits have no color; set JAXDL_DATA to a folder with CIFAR-10"
        return Verdict("undecided", text, {})
    settings = {**CIFAR, "data_dir": cifar_folder(), "baselines": False} | COLOR[tier]
    no_color = {"color": 0.0, "gray": 0.0}
    both = accuracies(tier, tuple(settings.items()))["probe_accuracy"]
    crop = accuracies(tier, tuple((settings | no_color).items()))["probe_accuracy"]
    return make_verdict({"color adds": both - crop}, {"crop + color": both, "crop": crop}, "points")


def compare_widths(tier: str) -> Verdict:
    """Measures the slope of each seed's accuracy over the logarithm of the width."""
    import numpy as np

    factors = WIDTHS[tier]
    runs = [accuracies(tier, (("width", width),)) for width in factors]
    doublings = np.log2(factors)
    gaps = {}
    for suffix, title in SUFFIXES.items():
        values = np.stack([run[f"probe_accuracy{suffix}"] for run in runs])
        gaps[f"slope with {title}:"] = np.polyfit(doublings, values, 1)[0]
    numbers = {
        f"width {factor:g}": run["probe_accuracy"]
        for factor, run in zip(factors, runs, strict=True)
    }
    return make_verdict(gaps, numbers, "points per doubling")


def cifar_folder() -> str:
    """Returns the folder of the real data, or "" where there is none."""
    folder = Path(os.environ.get("JAXDL_DATA", ""), "vision")
    return str(folder) if "JAXDL_DATA" in os.environ and folder.is_dir() else ""


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
]
