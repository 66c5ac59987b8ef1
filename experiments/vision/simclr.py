"""SimCLR: representations without labels, read by a linear probe (Chen et al. 2020).

A Simple Framework for Contrastive Learning of Visual Representations, arXiv 2002.05709, table 6:
a linear classifier on SimCLR features of a ResNet-50 reaches 69.3 % on ImageNet.

    ./run simclr                                    digits, 47 s on 2 busy CPU cores: probe 98.6 %
                                                    (untrained net 97.4, pixels 93.6), with 10
                                                    labels a class 92.1 (83.1, 83.8)
    ./run simclr --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 200 epochs
    ./run simclr --preset=paper --data_dir=<folder> ImageNet, ResNet-50, batch 4096, 100 epochs;
                                                    for several accelerators at once

The paper's tables by flags: 1 `--color`; 2 and 4 `--loss --margin --mining`; 3 `--probed`; 5
`--temperature`. Its figures: 5 `--crop_min=1` (no crops), `--color=0 --gray=0` (no colors); 7
`--width`; 8 `--head --features`; 9 `--batch_size --steps`.
"""

from dataclasses import dataclass
from typing import Literal

from experiments.vision._contrastive import (
    CIFAR,
    SMOKE,
    Contrast,
    describe,
    imagenet,
    make_system,
)
from experiments.vision._options import Views
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer

ABOUT = describe(
    "SimCLR",
    "Chen et al. 2020",
    "2002.05709",
    summary="Learns features of images without labels, by finding the two views of each image.",
    paper_says="69.3 % on ImageNet with a ResNet-50 (table 6)",
    curves=("loss", "alignment"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with which views."""

    run: Run = Run(steps=1000, steps_per_call=50)
    contrast: Contrast = Contrast()
    optimizer: Optimizer = Optimizer(
        optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
    )
    batch_size: int = option(256, "images a step; the loss sees twice as many views", at_least=1)
    temperature: float = option(0.2, "tau of eq. 1", above=0)
    loss: Literal["ntxent", "nt_logistic", "margin_triplet"] = option("ntxent", "one of table 2")
    margin: float = option(0.4, "m of margin_triplet", at_least=0)
    mining: Literal["all", "semi-hard"] = option("all", "negatives of the losses but ntxent")
    probed: Literal["features", "projections"] = option(
        "features", "what is judged, h or g(h)", free=True
    )
    chunk: int = option(0, "columns of the similarity matrix held at a time (0: all)", at_least=0)


PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), contrast=SMOKE, batch_size=64),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        contrast=CIFAR,
        optimizer=Optimizer("lars", 1.0, "cosine", warmup=0.05, weight_decay=1e-6),
        batch_size=512,
        temperature=0.5,
    ),
    "paper": Config(  # appendix B.6 and table B.1: learning rate 0.3 * batch / 256, 100 epochs
        run=Run(steps=31_280, steps_per_call=10, save_every=1_000),
        optimizer=Optimizer("lars", 4.8, "cosine", warmup=0.1, weight_decay=1e-6),
        contrast=imagenet(Views(crop_min=0.08, color=1.0, blur=0.5)),
        batch_size=4096,
        temperature=0.1,
        chunk=2048,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl.losses import margin_triplet, nt_logistic
    from jaxdl.vision import encoder, simclr

    losses = {
        "ntxent": None,
        "nt_logistic": partial(nt_logistic, temperature=config.temperature, mining=config.mining),
        "margin_triplet": partial(margin_triplet, margin=config.margin, mining=config.mining),
    }
    learn = partial(
        simclr,
        temperature=config.temperature,
        chunk=config.chunk or None,
        loss=losses[config.loss],
        probed=config.probed,
    )
    return make_system(ABOUT.title, config, learn, encoder)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
