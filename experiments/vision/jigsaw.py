"""Jigsaw puzzles: representations of parts and their places (Noroozi & Favaro 2016).

Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles, arXiv 1603.09246: a net
that tells which of 1000 permutations has shuffled nine tiles learns features with which detection
on PASCAL VOC 2007 reaches 51.8 % (abstract, version 2), close to those of ImageNet's labels
(56.5 %).

    ./run jigsaw                                    digits in 2 x 2 tiles: probe 97.6 % (untrained
                                                    net 97.4, pixels 93.6), with 10 labels a class
                                                    82.7 (83.8, 83.8), of puzzles 80 % are solved
    ./run jigsaw --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 3 x 3 tiles
    ./run jigsaw --preset=paper --data_dir=<folder> ImageNet, ResNet-50, tiles of 64 pixels of 75
"""

from dataclasses import dataclass

from experiments.vision._contrastive import describe
from experiments.vision._pretexts import (
    ADAMW,
    CIFAR,
    EPOCHS,
    IMAGENET,
    SHORT,
    SMOKE,
    Pretext,
    make_system,
)
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer

ABOUT = describe(
    "Jigsaw",
    "Noroozi & Favaro 2016",
    "1603.09246",
    summary="Learns features of images without labels, by putting shuffled tiles in order.",
    paper_says="51.8 % mAP in detection on VOC 2007 (abstract, version 2)",
    curves=("loss", "accuracy"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with which puzzles."""

    run: Run = Run(steps=1000, steps_per_call=50)
    pretext: Pretext = Pretext()
    optimizer: Optimizer = ADAMW
    batch_size: int = option(256, "images a step, each of them one puzzle", at_least=1)
    side: int = option(2, "tiles in a row of a puzzle", at_least=2, at_most=3)
    permutations: int = option(24, "P, among which the net has to find the right one", at_least=2)
    tile: int = option(0, "side of a tile in pixels (0: 64/75 of the largest cell)", at_least=0)
    gap: int | None = option(
        None, "pixels between tiles on average (None: 11/75 of a cell)", at_least=0
    )
    drop: float = option(0.3, "share of images without colors", at_least=0, at_most=1)
    jitter: int = option(2, "pixels by which the channels of a tile are apart", at_least=0)
    normalize: bool = option(True, "give each tile mean 0 and variance 1 by itself")
    code: int = option(64, "features of a tile that the head sees", at_least=1)
    hidden: int = option(256, "width of the head's hidden layer", at_least=1)


PRESETS = {
    "smoke": Config(SHORT, SMOKE, batch_size=64, hidden=64),
    "cpu": Config(),
    "gpu": Config(EPOCHS, CIFAR, batch_size=512, side=3, permutations=100, code=128, hidden=1024),
    "paper": Config(  # the authors' batch of 256, 350,000 iterations, rate 0.01
        Run(350_000, steps_per_call=10, save_every=5_000),
        IMAGENET,
        Optimizer("sgd", 0.01, "cosine", weight_decay=5e-4),
        side=3,
        permutations=1000,
        tile=64,
        gap=11,
        code=512,
        hidden=4096,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl import nn, vision
    from jaxdl.vision.jigsaw import encode_whole
    from jaxdl.vision.pretexts import encode_trained

    guards = {"gap": config.gap, "drop": config.drop, "jitter": config.jitter}
    return make_system(
        ABOUT.title,
        config,
        partial(
            vision.jigsaw,
            orders=vision.permutations(config.permutations, tiles=config.side**2),
            tile=config.tile,
            normalize=config.normalize,
            **guards,
        ),
        lambda trunk: nn.Puzzled(trunk, config.permutations, config.code, config.hidden),
        encode_whole if config.normalize else encode_trained,
        partial(vision.puzzles_exhibit, side=config.side),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
