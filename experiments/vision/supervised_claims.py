"""What SimCLR's paper states about fine-tuning with few labels, and how it is measured here."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from experiments._claim import Claim, Verdict
from experiments.vision import simclr, supervised
from experiments.vision._verdicts import data_folder, make_verdict
from jaxdl.launch import configure, train

# How each tier measures: preset and seeds, then the settings of pretraining and of both learners
# by labels. Each seed has its own labels, its own pretraining and its own first parameters.
TIERS = {
    "smoke": ("smoke", 2, {"steps": 10}, {"steps": 10}),
    "cpu": ("cpu", 5, {"steps": 300}, {"steps": 200, "batch_size": 64}),
    "gpu": ("gpu", 5, {}, {"steps": 2000}),
}
SHARES = {0.01: "1 %", 0.1: "10 %"}


def compare_with_scratch(tier: str) -> Verdict:
    """Compares fine-tuning from SimCLR with training from scratch by the same labels."""
    import numpy as np

    gaps, numbers = {}, {}
    seeds = range(TIERS[tier][1])
    with tempfile.TemporaryDirectory() as folder:
        origins = [pretrain(tier, seed, folder) for seed in seeds]
        for share, name in SHARES.items():
            start = [score(tier, seed, share, origins[seed]) for seed in seeds]
            scratch = [score(tier, seed, share, "") for seed in seeds]
            numbers[f"fine-tuned, {name}"] = np.array(start)
            numbers[f"from scratch, {name}"] = np.array(scratch)
            gaps[f"{name} of the labels:"] = np.subtract(start, scratch)
    return make_verdict(gaps, numbers, "points")


def pretrain(tier: str, seed: int, folder: str) -> str:
    """Trains SimCLR without labels; returns what `--init_from` takes."""
    preset, _, settings, _ = TIERS[tier]
    workdir = Path(folder, f"seed-{seed}")
    values = {"first_seed": seed, "workdir": str(workdir), "baselines": False, "few": 0}
    config = configure("simclr", simclr.PRESETS, preset, values | where(preset) | settings)
    train(simclr.build, config, simclr.ABOUT)
    return f"{workdir}#trunk"


def score(tier: str, seed: int, share: float, origin: str) -> float:
    """Trains with a share of the labels; returns the test accuracy in percent."""
    preset, _, _, settings = TIERS[tier]
    values = {"first_seed": seed, "label_seed": seed, "labels": share, "init_from": origin}
    config = configure("supervised", supervised.PRESETS, preset, values | where(preset) | settings)
    _, result = train(supervised.build, config, supervised.ABOUT)
    return 100 * result["metrics"]["eval/accuracy"]["mean"]


@cache
def where(preset: str) -> dict[str, Any]:
    """Returns where the images of a preset lie."""
    return {"data_dir": data_folder()} if preset == "gpu" else {}


CLAIMS = [
    Claim(
        "fine_tuning",
        "with 1 % and with 10 % of the labels, fine-tuning SimCLR's trunk beats training the same "
        "net from scratch by the same labels",
        "Chen et al. 2020, table 7",
        compare_with_scratch,
    ),
]
