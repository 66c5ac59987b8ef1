"""SimCLR: representations without labels, read by a linear probe (Chen et al. 2020).

A Simple Framework for Contrastive Learning of Visual Representations, arXiv 2002.05709, table 6:
a linear classifier on SimCLR features of a ResNet-50 reaches 69.3 % on ImageNet.

    ./run simclr                                    digits, 47 s on 2 busy CPU cores: probe 98.6 %
                                                    (untrained net 97.4, pixels 93.6), with 10
                                                    labels a class 92.1 (83.1, 83.8)
    ./run simclr --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 200 epochs
    ./run simclr --preset=paper --data_dir=<folder> ImageNet, ResNet-50, batch 4096, 100 epochs;
                                                    for several accelerators at once
"""

from dataclasses import dataclass

from experiments.vision import _setup
from experiments.vision._options import Probe, Trunk, Views
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="SimCLR",
    paper="Chen et al. 2020",
    arxiv="2002.05709",
    summary="Learns features of images without labels, by finding the two views of each image.",
    headline="eval/probe_accuracy",
    scale=100,
    unit="%",
    yardstick="random features {eval/random_feature_accuracy}, pixels {eval/raw_pixel_accuracy}",
    paper_says="69.3 % on ImageNet with a ResNet-50 (table 6)",
    samples="images",
    curves=("loss", "alignment"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with which views."""

    run: Run = Run(steps=1000, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = Optimizer(
        optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
    )
    trunk: Trunk = Trunk()
    views: Views = Views()
    probe: Probe = Probe()
    hidden: int = option(128, "width of the projection head's hidden layer", at_least=1)
    features: int = option(64, "width of the projections", at_least=1)
    batch_size: int = option(256, "images a step; the loss sees twice as many views", at_least=1)
    temperature: float = option(0.2, "tau of eq. 1", above=0)
    chunk: int = option(0, "columns of the similarity matrix held at a time (0: all)", at_least=0)


PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), trunk=Trunk(width=0.5), batch_size=64),
    "cpu": Config(),
    "gpu": Config(  # appendix B.9: color strength 1/2, no blur; 200 epochs
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("lars", 1.0, "cosine", warmup=0.05, weight_decay=1e-6),
        trunk=Trunk("resnet18", bfloat16=True),
        views=Views(crop_min=0.08),
        hidden=512,
        features=128,
        batch_size=512,
        temperature=0.5,
    ),
    "paper": Config(  # appendix B.6 and table B.1: learning rate 0.3 * batch / 256, 100 epochs
        run=Run(steps=31_280, steps_per_call=10, save_every=1_000),
        images=Images(data="imagenet", test_images=10_000),
        optimizer=Optimizer("lars", 4.8, "cosine", warmup=0.1, weight_decay=1e-6),
        trunk=Trunk("resnet50", bfloat16=True),
        views=Views(crop_min=0.08, color=1.0, blur=0.5),
        probe=Probe(probe_images=13_000),  # about 1 % of the labels
        hidden=2048,
        features=128,
        batch_size=4096,
        temperature=0.1,
        chunk=2048,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import nn, vision

    images = _setup.open_images(config.images, config.probe)
    learner = vision.simclr(
        nn.Projected(_setup.trunk(config.trunk, images), config.hidden, config.features),
        _setup.optimizer(config.optimizer, config.run),
        _setup.views(config.views, images),
        image_shape=images.shape,
        temperature=config.temperature,
        chunk=config.chunk or None,
        probe=_setup.probe(config.probe, images),
    )
    exact = nn.Projected(_setup.exact_trunk(config.trunk, images), config.hidden, config.features)
    return System(
        learner,
        data=lambda: _setup.training_data(config.trunk, images, config.batch_size),
        samples_per_step=config.batch_size,
        figures=lambda outcome: [
            *vision.pairs_exhibit(outcome),
            *vision.neighbors_exhibit(outcome, images.probe, learned="SimCLR"),
            *vision.probe_exhibit(outcome, learned="SimCLR", per_class=config.probe.few),
        ],
        deployment=vision.encoder_deployment(
            lambda state, pictures: vision.encoder(exact, state)(pictures),
            images.shape,
            text=f"An encoder, trained by SimCLR on {config.images.data}: "
            "images of 0 to 255 -> features.",
        ),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
