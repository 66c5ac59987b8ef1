"""What the claims of contrastive learners share: trained runs, their probes, and verdicts."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Verdict, decide
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.core import TrainState

SUFFIXES = {"": "all labels", "_few": "10 labels a class"}


class Tier(NamedTuple):
    """How a tier measures.

    Attributes:
      preset: of the launch file.
      seeds: how many runs.
      settings: flags that all of its runs have.
    """

    preset: str
    seeds: int
    settings: Mapping[str, Any] = {}


class Trained(NamedTuple):
    """What a run has come to.

    Attributes:
      config: of the launch file.
      state: the final one, with a leading axis where there are several seeds.
      metrics: name -> {mean, ci95, values} over seeds.
    """

    config: Any
    state: "TrainState"
    metrics: dict[str, Any]


def train_and_probe(
    file: ModuleType, tier: Tier, changes: Mapping[str, Any]
) -> "dict[str, np.ndarray]":
    """Trains with these settings; returns name -> test accuracies [seeds] in percent."""
    where = {"data_dir": data_folder()} if tier.preset == "gpu" else {}
    settings = where | {**tier.settings, **changes}
    measured = train_on_seeds(file, tier.preset, tier.seeds, settings)
    return {
        name.removeprefix("eval/"): 100 * values
        for name, values in measured.items()
        if "_accuracy" in name
    }


def train_on_seeds(
    file: ModuleType, preset: str, seeds: int, settings: Mapping[str, Any]
) -> "dict[str, np.ndarray]":
    """Trains a launch file's system on so many seeds; returns metric -> values [seeds]."""
    import numpy as np

    results = [run.metrics for run in train_runs(file, preset, seeds, settings)]
    return {
        metric: np.concatenate([result[metric]["values"] for result in results])
        for metric in results[0]
    }


def train_runs(
    file: ModuleType, preset: str, seeds: int, settings: Mapping[str, Any]
) -> "Iterator[Trained]":
    """Trains a launch file's system on so many seeds, in one run or several, of some seeds each."""
    one_by_one = preset == "gpu"  # a ResNet under vmap has grouped convolutions
    runs = [{"first_seed": i} for i in range(seeds)] if one_by_one else [{"num_seeds": seeds}]
    name = file.__name__.rpartition(".")[2]
    for run in runs:
        config = configure(name, file.PRESETS, preset, {**settings, **run})
        state, result = train(file.build, config, about=file.ABOUT)
        yield Trained(config, state, result["metrics"])


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


def baselines_verdict(measured: "Mapping[str, np.ndarray]") -> Verdict:
    """Compares the probes of what was learned, of an untrained net and of pixels, by seed."""
    gaps = {}
    for suffix, title in SUFFIXES.items():
        for name in ("raw_pixel", "random_feature"):
            gap = measured[f"probe_accuracy{suffix}"] - measured[f"{name}_accuracy{suffix}"]
            gaps[f"over {name.replace('_', ' ')}s, {title}:"] = gap
    return make_verdict(gaps, dict(measured), "points")


def slope_verdict(
    what: str, sizes: Sequence[float], runs: "Sequence[Mapping[str, np.ndarray]]"
) -> Verdict:
    """Measures the slope of each seed's accuracies over the logarithm of a size.

    Args:
      what: the size's name, such as "width".
      sizes: one for each of the runs.
      runs: name -> accuracies [seeds].
    """
    import numpy as np

    gaps = {}
    for suffix, title in SUFFIXES.items():
        values = np.stack([run[f"probe_accuracy{suffix}"] for run in runs])
        gaps[f"slope with {title}:"] = np.polyfit(np.log2(sizes), values, 1)[0]
    numbers = {
        f"{what} {size:g}": run["probe_accuracy"] for size, run in zip(sizes, runs, strict=True)
    }
    return make_verdict(gaps, numbers, "points per doubling")


def data_folder(pattern: str = "") -> str:
    """Returns the folder of the real data, or "" where there is none, or no file of the pattern."""
    folder = Path(os.environ.get("JAXDL_DATA", ""), "vision")
    is_there = "JAXDL_DATA" in os.environ and folder.is_dir()
    return str(folder) if is_there and (not pattern or any(folder.glob(pattern))) else ""
