"""Context encoders: representations that know what is missing (Pathak et al. 2016).

Context Encoders: Feature Learning by Inpainting, arXiv 1604.07379, table 2: features learned by
painting missing regions, fine-tuned, classify PASCAL VOC 2007 with 56.5 % mAP (a random start
reaches 53.3 %, ImageNet's labels 78.2 %).

    ./run context_encoder                                     digits, the middle is missing
    ./run context_encoder --region=random --adversarial=0.001 holes anywhere, and an opponent
    ./run context_encoder --preset=gpu --data_dir=<folder>    CIFAR-10, ResNet-18
    ./run context_encoder --preset=paper --data_dir=<folder>  ImageNet, ResNet-50
"""

from dataclasses import dataclass
from typing import Literal

from experiments.vision import _pretexts, _setup
from experiments.vision._options import Probe, Trunk, Views
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="Context encoder",
    paper="Pathak et al. 2016",
    arxiv="1604.07379",
    summary="Learns features of images without labels, by painting what is cut out of them.",
    headline="eval/probe_accuracy",
    scale=100,
    unit="%",
    yardstick="random features {eval/random_feature_accuracy}, pixels {eval/raw_pixel_accuracy}",
    paper_says="56.5 % mAP on VOC 2007 after fine-tuning (table 2)",
    samples="images",
    curves=("loss", "reconstruction"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which nets, and what is cut out."""

    run: Run = Run(steps=1000, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = _pretexts.ADAMW
    trunk: Trunk = Trunk()
    views: Views = Views(color=0.0, gray=0.0)
    probe: Probe = Probe()
    batch_size: int = option(256, "images a step", at_least=1)
    region: Literal["central", "random"] = option("central", "where images have holes")
    blocks: int = option(4, "squares of a random region", at_least=1)
    decoder: int = option(16, "channels before the decoder's last layer", at_least=1)
    adversarial: float = option(
        0.0, "lambda_adv of eq. 3 (0: no opponent; the paper has 0.001)", at_least=0, at_most=1
    )


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10), trunk=Trunk(width=0.5), batch_size=64, decoder=8
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        images=Images(data="cifar10"),
        trunk=Trunk("resnet18", bfloat16=True),
        views=Views(crop_min=0.6, color=0.0, gray=0.0),
        batch_size=512,
        decoder=32,
    ),
    "paper": Config(  # section 4: Adam, 100,000 iterations; features by random regions (4.2)
        run=Run(steps=100_000, steps_per_call=10, save_every=5_000),
        images=Images(data="imagenet", test_images=10_000),
        trunk=Trunk("resnet50", bfloat16=True),
        views=Views(crop_min=0.6, color=0.0, gray=0.0),
        probe=Probe(probe_images=13_000),
        region="random",
        adversarial=0.001,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import nn, vision
    from jaxdl.vision.context_encoder import encode_context

    images = _setup.open_images(config.images, config.probe)
    trunk = _setup.trunk(config.trunk, images)
    opponent = nn.Classified(nn.ConvNet(config.decoder), 1) if config.adversarial else None
    learner = vision.context_encoder(
        nn.Inpainted(trunk, config.decoder, trunk.dtype),
        _setup.optimizer(config.optimizer, config.run),
        _setup.views(config.views, images),
        image_shape=images.shape,
        region=config.region,
        blocks=config.blocks,
        discriminator=opponent,
        adversarial=config.adversarial,
        probe=_setup.probe(config.probe, images),
    )
    exact = nn.Inpainted(_setup.exact_trunk(config.trunk, images), config.decoder)
    show = vision.holes_exhibit
    name = "inpainting"
    return _pretexts.pretext_system(config, images, learner, encode_context, exact, show, name)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
