"""RotNet: representations that know which way up things are (Gidaris et al. 2018).

Unsupervised Representation Learning by Predicting Image Rotations, arXiv 1803.07728, table 5: a
linear classifier on the features of an AlexNet reaches 38.7 % on ImageNet, 50.5 % with labels.

    ./run rotation                                    digits
    ./run rotation --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 100 epochs
    ./run rotation --preset=paper --data_dir=<folder> ImageNet, ResNet-50, 30 epochs
"""

from dataclasses import dataclass

from experiments.vision import _pretexts, _setup
from experiments.vision._options import Probe, Trunk, Views
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="RotNet",
    paper="Gidaris et al. 2018",
    arxiv="1803.07728",
    summary="Learns features of images without labels, by telling how they have been turned.",
    headline="eval/probe_accuracy",
    scale=100,
    unit="%",
    yardstick="random features {eval/random_feature_accuracy}, pixels {eval/raw_pixel_accuracy}",
    paper_says="38.7 % on ImageNet with an AlexNet (table 5)",
    samples="images",
    curves=("loss", "accuracy"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, and what is cut off before it is turned."""

    run: Run = Run(steps=1000, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = _pretexts.ADAMW
    trunk: Trunk = Trunk()
    views: Views = Views(color=0.0, gray=0.0)
    probe: Probe = Probe()
    batch_size: int = option(128, "images a step; the net sees four times as many", at_least=1)
    margin: int = option(1, "pixels cut off each side before a crop is turned", at_least=0)


PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), trunk=Trunk(width=0.5), batch_size=32),
    "cpu": Config(),
    "gpu": Config(  # section 3.1: batch 128, 100 epochs, rate 0.1
        run=Run(steps=39_000, steps_per_call=100, save_every=5_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("sgd", 0.1, "cosine", weight_decay=5e-4),
        trunk=Trunk("resnet18", bfloat16=True),
        views=Views(crop_min=0.6, color=0.0, gray=0.0),
    ),
    "paper": Config(  # section 3.2: batch 192, 30 epochs, rate 0.01; here with a ResNet-50
        run=Run(steps=200_000, steps_per_call=10, save_every=5_000),
        images=Images(data="imagenet", test_images=10_000),
        optimizer=Optimizer("sgd", 0.01, "cosine", weight_decay=5e-4),
        trunk=Trunk("resnet50", bfloat16=True),
        views=Views(crop_min=0.6, color=0.0, gray=0.0),
        probe=Probe(probe_images=13_000),
        batch_size=192,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import nn, vision
    from jaxdl.vision.pretexts import encode_trained
    from jaxdl.vision.rotation import ROTATIONS

    images = _setup.open_images(config.images, config.probe)
    learner = vision.rotation(
        nn.Classified(_setup.trunk(config.trunk, images), ROTATIONS),
        _setup.optimizer(config.optimizer, config.run),
        _setup.views(config.views, images),
        image_shape=images.shape,
        margin=config.margin,
        probe=_setup.probe(config.probe, images),
    )
    exact = nn.Classified(_setup.exact_trunk(config.trunk, images), ROTATIONS)
    show = vision.rotations_exhibit
    return _pretexts.pretext_system(config, images, learner, encode_trained, exact, show, "RotNet")


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
