"""MoCo: representations without labels, from a queue of negatives (He et al. 2019).

Momentum Contrast for Unsupervised Visual Representation Learning, arXiv 1911.05722: a
linear classifier on MoCo's features of a ResNet-50 reaches 60.6 % on ImageNet; 67.5 % with SimCLR's
head, views and schedule (version 2: Chen et al. 2020, arXiv 2003.04297), as here.

Measured on digits (5 seeds): a probe on its features reaches 97.6 ± 0.7 %, 4.0 ± 0.7 points over
pixels and 1.4 ± 0.6 over an untrained net; with 10 labels a class 88.9 ± 1.5 %.

    ./run moco                                      digits
    ./run moco --head=linear --color=0.1 --schedule=constant    version 1: weak views
    ./run moco --preset=gpu --data_dir=<folder>     CIFAR-10, ResNet-18, 200 epochs
    ./run moco --preset=paper --data_dir=<folder>   ImageNet, ResNet-50, batch 256, 200 epochs;
                                                    version 1: --head=linear --temperature=0.07
                                                    --blur=0 --schedule=constant
"""

from dataclasses import dataclass

from experiments.vision._contrastive import (
    CIFAR,
    SMOKE,
    Contrast,
    describe,
    imagenet,
    make_system,
)
from experiments.vision._options import Views
from jaxdl.core.run import BadInput, Run, check_options, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer

ABOUT = describe(
    "MoCo",
    "He et al. 2019",
    "1911.05722",
    summary="Learns features of images without labels, by telling an image from a queue of others.",
    paper_says="67.5 % on ImageNet with a ResNet-50 (v2)",
    curves=("loss", "found", "alignment"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, against how many negatives."""

    run: Run = Run(steps=1000, steps_per_call=50)
    contrast: Contrast = Contrast()
    optimizer: Optimizer = Optimizer("adamw", 2e-3, "cosine", warmup=0.1, weight_decay=1e-4)
    batch_size: int = option(64, "images a step", at_least=1)
    queue: int = option(512, "K, keys of earlier images: a multiple of the batch", at_least=1)
    momentum: float = option(0.99, "m of eq. 2, of the key encoder", at_least=0, at_most=1)
    temperature: float = option(0.2, "tau of eq. 1, the loss", above=0)
    groups: int = option(8, "parts of a batch with batch statistics of their own", at_least=1)

    def __post_init__(self):
        check_options(self)
        if self.queue % self.batch_size:  # as it is where the queue is the smaller of them
            asked = f"--queue={self.queue}"
            raise BadInput(f"{asked} should be a multiple of --batch_size={self.batch_size}")
        if self.batch_size % self.groups:
            asked = f"--groups={self.groups}"
            raise BadInput(f"{asked} should be a divisor of --batch_size={self.batch_size}")


PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), contrast=SMOKE, queue=256),
    "cpu": Config(),
    "gpu": Config(  # the rate and the queue of lightly's benchmark on CIFAR-10, 200 epochs
        run=Run(steps=39_000, steps_per_call=200, save_every=4_000),
        contrast=CIFAR,
        optimizer=Optimizer("sgd", 0.06, schedule="cosine", weight_decay=5e-4),
        batch_size=256,
        queue=4096,
        temperature=0.1,
    ),
    "paper": Config(  # He et al. 2019, sections 3.3 and 4.1; Chen et al. 2020, section 3
        run=Run(steps=1_000_900, steps_per_call=10, save_every=5_000),
        optimizer=Optimizer("sgd", 0.03, schedule="cosine", weight_decay=1e-4),
        contrast=imagenet(Views(crop_min=0.2, blur=0.5)),
        batch_size=256,
        queue=65_536,
        momentum=0.999,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl.vision import moco, query_encoder

    loss = {"queue_size": config.queue, "temperature": config.temperature}
    return make_system(
        ABOUT.title,
        config,
        partial(moco, momentum=config.momentum, **loss),
        query_encoder,
        groups=config.groups,
        norm=False,
        momentum=0.9,  # of SGD: sections 3.3 and 4.1
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
