"""Makes systems of pretext tasks, and trains them for claims: they share all but the task.

No JAX at import.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from experiments._systems import systems
from experiments.vision import _setup
from experiments.vision._options import Probe, Trunk, Views
from experiments.vision._verdicts import data_folder, train_on_seeds
from jaxdl.core.run import Run
from jaxdl.launch import Exhibit, Outcome, System
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    import flax.linen as nn
    import numpy as np

    from jaxdl.core import Learner, TrainState
    from jaxdl.data import ImageSource
    from jaxdl.vision.probe import Encode


@dataclass(frozen=True)
class Pretext:
    """What is learned from, by which net, and how the features are judged."""

    group: ClassVar[str] = "pretext"

    images: Images = Images()
    trunk: Trunk = Trunk()
    probe: Probe = Probe()


class PretextConfig(Protocol):
    """What the Configs of pretext tasks have in common."""

    run: Run
    pretext: Pretext
    optimizer: Optimizer
    batch_size: int


SMOKE = Pretext(trunk=Trunk(width=0.5))
CIFAR = Pretext(images=Images(data="cifar10"), trunk=Trunk("resnet18", bfloat16=True))
IMAGENET = Pretext(  # probed with about 1 % of the labels
    images=Images(data="imagenet", test_images=10_000),
    trunk=Trunk("resnet50", bfloat16=True),
    probe=Probe(probe_images=13_000),
)
SHORT = Run(steps=20, steps_per_call=10)
EPOCHS = Run(steps=19_500, steps_per_call=100, save_every=2_000)  # 200 of CIFAR-10 by 512 images
# What SimCLR's presets have, so that tasks differ in nothing else.
ADAMW = Optimizer("adamw", 2e-3, "cosine", warmup=0.1, weight_decay=1e-4)
PLAIN = Views(color=0.0, gray=0.0)
MILD = Views(crop_min=0.6, color=0.0, gray=0.0)


def make_system(
    name: str,
    config: PretextConfig,
    learn: "Callable[..., Learner]",
    net: "Callable[[nn.Module], nn.Module]",
    encode: "Callable[[nn.Module, TrainState, Any], Any]",
    shown: Callable[[Outcome], list[Exhibit]],
    *,
    views: Views | None = None,
) -> System:
    """Makes the system of a task; no image is read.

    Args:
      name: of what is learned, such as "RotNet".
      config: the launch file's.
      learn: net, tx, image_shape=, probe= -> learner; with augment=, for tasks that have views.
      net: trunk -> the net of the task.
      encode: net, state, images -> features.
      shown: outcome -> exhibits of the task.
      views: what the task is made of.
    """
    chosen = config.pretext
    images = _setup.open_images(chosen.images, chosen.probe)
    augmentation = {"augment": _setup.views(views, images)} if views else {}
    learner = learn(
        net(_setup.trunk(chosen.trunk, images)),
        _setup.optimizer(config.optimizer, config.run, momentum=0.9),  # of SGD, in all papers
        image_shape=images.shape,
        probe=_setup.probe(chosen.probe, images),
        **augmentation,
    )
    exact = net(_setup.exact_trunk(chosen.trunk, images))
    system = wrap_learner(name, learner, images, chosen.probe, partial(encode, exact), shown)
    return system._replace(
        data=lambda: _setup.training_data(chosen.trunk, images, config.batch_size),
        samples_per_step=config.batch_size,
    )


def wrap_learner(
    name: str,
    learner: "Learner",
    images: "ImageSource",
    probe: Probe,
    encode: "Encode",
    shown: Callable[[Outcome], list[Exhibit]],
) -> System:
    """Makes a system of a learner, without its data.

    Args:
      name: of what is learned.
      learner: whose evaluation is a probe.
      images: that it learns from.
      probe: how the features are judged.
      encode: state, images -> features, in float32.
      shown: outcome -> exhibits of the task.
    """
    from jaxdl import vision

    return System(
        learner,
        figures=lambda outcome: [
            *shown(outcome),
            *vision.neighbors_exhibit(outcome, images.probe, learned=name),
            *vision.probe_exhibit(outcome, learned=name, per_class=probe.few),
        ],
        deployment=vision.encoder_deployment(
            encode,
            images.shape,
            text=f"An encoder, trained by {name} on {images.name}: images of 0 to 255 -> features.",
        ),
    )


# How each tier measures: preset, seeds, and what all tasks have in common there. On CIFAR-10 as far
# as it is at hand, since digits have neither color nor much that is upright.
TIERS = {"smoke": ("smoke", 2), "cpu": ("cpu", 5), "gpu": ("gpu", 5)}
COMMON = {
    "smoke": {"train_images": 300, "test_images": 200, "steps": 2, "batch_size": 16},
    "cpu": {"train_images": 20_000, "test_images": 5_000, "steps": 500, "batch_size": 64},
    "gpu": {"steps": 19_500, "batch_size": 512},
}


def settings_of(tier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a tier, on CIFAR-10 where it is at hand, with changes."""
    return COMMON[tier] | source_of_images() | {"baselines": False} | dict(changes)


def source_of_images() -> dict[str, Any]:
    """Returns the settings that name the images, CIFAR-10 where it is at hand, else the digits."""
    if folder := cifar_folder():
        return {"data": "cifar10", "data_dir": folder}
    return {"data": "digits", "net": "conv", "bfloat16": False}


def images_text() -> str:
    """Says on what the claims are measured."""
    if cifar_folder():
        return "on CIFAR-10 (JPEG copy)"
    return "on scikit-learn's digits, since JAXDL_DATA has no CIFAR-10"


def cifar_folder() -> str:
    """Returns the folder of CIFAR-10, or "" where there is none."""
    return data_folder("cifar*")


@cache
def train_seeds(
    name: str, tier: str, changes: tuple[tuple[str, Any], ...] = ()
) -> "dict[str, np.ndarray]":
    """Trains a system with a tier's settings and changes; returns metric -> values [seeds]."""
    preset, seeds = TIERS[tier]
    return train_on_seeds(systems()[name].module, preset, seeds, settings_of(tier, dict(changes)))
