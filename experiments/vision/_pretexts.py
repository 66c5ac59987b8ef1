"""Makes systems of pretext tasks, and trains them for claims: they share all but the task.

No JAX at import.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from experiments._systems import systems
from experiments.vision import _setup
from experiments.vision._options import Probe, Trunk
from jaxdl.core.run import Run
from jaxdl.launch import Exhibit, Outcome, System, configure, train
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    import flax.linen as nn
    import numpy as np

    from jaxdl.core import Learner
    from jaxdl.data import ImageSource
    from jaxdl.vision.probe import Encode

# What SimCLR's presets have, so that tasks differ in nothing else.
ADAMW = Optimizer(
    optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
)


class PretextConfig(Protocol):
    """What the Configs of pretext tasks have in common."""

    run: Run
    images: Images
    trunk: Trunk
    probe: Probe
    batch_size: int


def pretext_system(
    config: PretextConfig,
    images: "ImageSource",
    learner: "Learner",
    encode: "Callable[[nn.Module, Any, Any], Any]",
    exact_net: "nn.Module",
    shown: Callable[[Outcome], list[Exhibit]],
    name: str,
) -> System:
    """Makes the system of a learner.

    Args:
      config: the launch file's.
      images: what is learned from.
      learner: the task.
      encode: net, state, images -> features.
      exact_net: the net in float32, as exports have it.
      shown: outcome -> exhibits of the task.
      name: of what was learned, such as "RotNet".
    """
    from jaxdl import vision

    kept: Encode = lambda state, pictures: encode(exact_net, state, pictures)  # noqa: E731
    text = f"An encoder, trained by {name} on {config.images.data}: images of 0 to 255 -> features."
    return System(
        learner,
        data=lambda: _setup.training_data(config.trunk, images, config.batch_size),
        samples_per_step=config.batch_size,
        figures=lambda outcome: [
            *shown(outcome),
            *vision.probe_exhibit(outcome, learned=name, per_class=config.probe.few),
        ],
        deployment=vision.encoder_deployment(kept, images.shape, text=text),
    )


# How each tier measures: preset, seeds, and what all tasks have in common there. On CIFAR-10 as far
# as it is at hand, since digits have neither color nor much that is upright.
TIERS = {"smoke": ("smoke", 2), "cpu": ("cpu", 5), "gpu": ("gpu", 5)}
COMMON = {
    "smoke": {"train_images": 300, "test_images": 200, "steps": 2, "batch_size": 16},
    "cpu": {"train_images": 10_000, "test_images": 5_000, "steps": 250, "batch_size": 64},
    "gpu": {"steps": 19_500, "batch_size": 512},
}
CIFAR_PROBE = {"baselines": False, "data": "cifar10"}


def settings_of(tier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a tier, on CIFAR-10 where it is at hand, with changes."""
    folder = cifar_folder()
    source = CIFAR_PROBE | {"data_dir": folder} if folder else {"baselines": False}
    if not folder and tier == "gpu":
        source |= {"data": "digits", "net": "conv", "bfloat16": False}
    return COMMON[tier] | source | dict(changes)


def images_text() -> str:
    """Says on what the claims are measured."""
    if cifar_folder():
        return "on CIFAR-10 (JPEG copy)"
    return "on scikit-learn's digits, since JAXDL_DATA has no CIFAR-10"


def cifar_folder() -> str:
    """Returns the folder of CIFAR-10, or "" where there is none."""
    folder = Path(os.environ.get("JAXDL_DATA", ""), "vision")
    found = "JAXDL_DATA" in os.environ and any(folder.glob("cifar*"))
    return str(folder) if found else ""


@cache
def train_seeds(
    name: str, tier: str, changes: tuple[tuple[str, Any], ...] = ()
) -> "dict[str, np.ndarray]":
    """Trains a system with a tier's settings and changes; returns metric -> values [seeds]."""
    import numpy as np

    preset, seeds = TIERS[tier]
    one_by_one = preset == "gpu"  # a ResNet under vmap has grouped convolutions
    runs = [{"first_seed": i} for i in range(seeds)] if one_by_one else [{"num_seeds": seeds}]
    results = []
    for run in runs:
        module = systems()[name].module
        config = configure(name, module.PRESETS, preset, settings_of(tier, dict(changes)) | run)
        results.append(train(module.build, config, about=module.ABOUT)[1]["metrics"])
    return {
        metric: np.concatenate([result[metric]["values"] for result in results])
        for metric in results[0]
    }
