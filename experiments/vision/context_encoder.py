"""Context encoders: representations that know what is missing (Pathak et al. 2016).

Context Encoders: Feature Learning by Inpainting, arXiv 1604.07379: features learned by
painting missing regions, fine-tuned, classify PASCAL VOC 2007 with 56.5 % mAP (a random start
reaches 53.3 %, ImageNet's labels 78.2 %).

Measured on CIFAR-10 (5 seeds, 500 steps): a probe reaches 39.8 ± 0.7 % with the middle missing and
39.9 ± 0.9 % with random regions.

    ./run context_encoder                                     digits, the middle is missing
    ./run context_encoder --region=random --adversarial=0.001 holes anywhere, and an opponent
    ./run context_encoder --preset=gpu --data_dir=<folder>    CIFAR-10, ResNet-18
    ./run context_encoder --preset=paper --data_dir=<folder>  ImageNet, ResNet-50
"""

from dataclasses import dataclass
from typing import Literal

from experiments.vision._contrastive import describe
from experiments.vision._options import Views
from experiments.vision._pretexts import (
    ADAMW,
    CIFAR,
    EPOCHS,
    IMAGENET,
    MILD,
    PLAIN,
    SHORT,
    SMOKE,
    Pretext,
    make_system,
)
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Optimizer

ABOUT = describe(
    "Context encoder",
    "Pathak et al. 2016",
    "1604.07379",
    summary="Learns features of images without labels, by painting what is cut out of them.",
    paper_says="56.5 % mAP on VOC 2007 after fine-tuning",
    curves=("loss", "reconstruction"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which nets, and what is cut out."""

    run: Run = Run(steps=1000, steps_per_call=50)
    pretext: Pretext = Pretext()
    optimizer: Optimizer = ADAMW
    views: Views = PLAIN
    batch_size: int = option(256, "images a step", at_least=1)
    region: Literal["central", "random"] = option("central", "where images have holes")
    blocks: int = option(4, "squares of a random region", at_least=1)
    decoder: int = option(16, "channels before the decoder's last layer", at_least=1)
    adversarial: float = option(
        0.0, "lambda_adv of eq. 3 (0: no opponent; the paper has 0.001)", at_least=0, at_most=1
    )


PRESETS = {
    "smoke": Config(SHORT, SMOKE, batch_size=64, decoder=8),
    "cpu": Config(),
    "gpu": Config(EPOCHS, CIFAR, views=MILD, batch_size=512, decoder=32),
    "paper": Config(  # Adam, 100,000 iterations; random regions, since features are wanted
        Run(100_000, steps_per_call=10, save_every=5_000),
        IMAGENET,
        views=MILD,
        region="random",
        adversarial=0.001,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl.nn import Classified, ConvNet, Inpainted
    from jaxdl.vision import context_encoder, holes_exhibit
    from jaxdl.vision.context_encoder import encode_context

    learn = partial(
        context_encoder,
        region=config.region,
        blocks=config.blocks,
        discriminator=Classified(ConvNet(config.decoder), 1) if config.adversarial else None,
        adversarial=config.adversarial,
    )

    def net(trunk):
        return Inpainted(trunk, config.decoder, trunk.dtype)

    shown = holes_exhibit
    return make_system(ABOUT.title, config, learn, net, encode_context, shown, views=config.views)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
