"""RotNet: representations that know which way up things are (Gidaris et al. 2018).

Unsupervised Representation Learning by Predicting Image Rotations, arXiv 1803.07728: a
linear classifier on the features of an AlexNet reaches 38.7 % on ImageNet, 50.5 % with labels.

    ./run rotation                                    digits
    ./run rotation --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 100 epochs
    ./run rotation --preset=paper --data_dir=<folder> ImageNet, ResNet-50, 30 epochs
"""

from dataclasses import dataclass

from experiments.vision._contrastive import describe
from experiments.vision._options import Views
from experiments.vision._pretexts import (
    ADAMW,
    CIFAR,
    IMAGENET,
    MILD,
    SHORT,
    SMOKE,
    Pretext,
    make_system,
)
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer

ABOUT = describe(
    "RotNet",
    "Gidaris et al. 2018",
    "1803.07728",
    summary="Learns features of images without labels, by telling how they have been turned.",
    paper_says="38.7 % on ImageNet with an AlexNet",
    curves=("accuracy", "loss"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, and what is cut off before it is turned."""

    run: Run = Run(steps=1000, steps_per_call=50)
    pretext: Pretext = Pretext()
    optimizer: Optimizer = ADAMW
    views: Views = MILD
    batch_size: int = option(128, "images a step; the net sees four times as many", at_least=1)
    margin: int = option(1, "pixels cut off each side before a crop is turned", at_least=0)


def descend(rate: float) -> Optimizer:
    """Returns the authors' rule, with a cosine instead of steps."""
    return Optimizer("sgd", rate, "cosine", weight_decay=5e-4)


PRESETS = {
    "smoke": Config(SHORT, SMOKE, batch_size=32),
    "cpu": Config(),
    # Theirs on CIFAR-10: batch 128, 100 epochs, rate 0.1.
    "gpu": Config(Run(39_000, steps_per_call=100, save_every=5_000), CIFAR, descend(0.1)),
    # Theirs on ImageNet: batch 192, 30 epochs, rate 0.01; here with a ResNet-50.
    "paper": Config(
        Run(200_000, steps_per_call=10, save_every=5_000), IMAGENET, descend(0.01), batch_size=192
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl.nn import Classified
    from jaxdl.vision import rotation, rotations_exhibit
    from jaxdl.vision.pretexts import encode_trained
    from jaxdl.vision.rotation import ROTATIONS

    task = partial(rotation, margin=config.margin), partial(Classified, classes=ROTATIONS)
    shown = rotations_exhibit
    return make_system(ABOUT.title, config, *task, encode_trained, shown, views=config.views)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
