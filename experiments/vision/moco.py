"""MoCo: representations without labels, from a queue of negatives (He et al. 2019).

Momentum Contrast for Unsupervised Visual Representation Learning, arXiv 1911.05722, table 1: a
linear classifier on MoCo's features of a ResNet-50 reaches 60.6 % on ImageNet; 67.5 % with SimCLR's
head, views and schedule (version 2: Chen et al. 2020, arXiv 2003.04297, table 1), as here.

    ./run moco                                      digits
    ./run moco --head=linear --color=0.1 --schedule=constant    version 1: weak views
    ./run moco --preset=gpu --data_dir=<folder>     CIFAR-10, ResNet-18, 200 epochs
    ./run moco --preset=paper --data_dir=<folder>   ImageNet, ResNet-50, batch 256, 200 epochs;
                                                    version 1: --head=linear --temperature=0.07
                                                    --blur=0 --schedule=constant
"""

from dataclasses import dataclass

from experiments.vision import _contrastive, _setup
from experiments.vision._options import Probe, Projection, Trunk, Views
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="MoCo",
    paper="He et al. 2019",
    arxiv="1911.05722",
    summary="Learns features of images without labels, by telling an image from a queue of others.",
    headline="eval/probe_accuracy",
    scale=100,
    unit="%",
    yardstick="random features {eval/random_feature_accuracy}, pixels {eval/raw_pixel_accuracy}",
    paper_says="67.5 % on ImageNet with a ResNet-50 (v2, table 1)",
    samples="images",
    curves=("loss", "found", "alignment"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, against how many negatives."""

    run: Run = Run(steps=1000, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = Optimizer(
        "adamw", 2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
    )
    trunk: Trunk = Trunk()
    views: Views = Views()
    projection: Projection = Projection()
    probe: Probe = Probe()
    batch_size: int = option(64, "images a step", at_least=1)
    queue: int = option(512, "K, keys of earlier images: a multiple of the batch", at_least=1)
    momentum: float = option(0.99, "m of eq. 2, of the key encoder", at_least=0, at_most=1)
    temperature: float = option(0.2, "tau of eq. 1", above=0)
    groups: int = option(8, "parts of a batch with batch statistics of their own", at_least=1)

    def __post_init__(self):
        if self.queue % self.batch_size:  # as it is where the queue is the smaller of them
            asked = f"--queue={self.queue}"
            raise BadInput(f"{asked} should be a multiple of --batch_size={self.batch_size}")
        if self.batch_size % self.groups:
            asked = f"--groups={self.groups}"
            raise BadInput(f"{asked} should be a divisor of --batch_size={self.batch_size}")


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10), trunk=Trunk(width=0.5), queue=256, groups=4
    ),
    "cpu": Config(),
    "gpu": Config(  # lightly's recipe for CIFAR-10: its benchmark of 200 epochs at batch 512
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("sgd", 0.12, schedule="cosine", weight_decay=5e-4),
        trunk=Trunk("resnet18", bfloat16=True),
        views=Views(crop_min=0.08),
        projection=Projection(hidden=512, features=128),
        batch_size=512,
        queue=4096,
        temperature=0.1,
    ),
    "paper": Config(  # He et al. 2019, section 3.3 and 4.1; Chen et al. 2020, section 3
        run=Run(steps=1_000_900, steps_per_call=10, save_every=5_000),
        images=Images(data="imagenet", test_images=10_000),
        optimizer=Optimizer("sgd", 0.03, schedule="cosine", weight_decay=1e-4),
        trunk=Trunk("resnet50", bfloat16=True),
        views=Views(crop_min=0.2, blur=0.5),
        projection=Projection(hidden=2048, features=128),
        probe=Probe(probe_images=13_000),  # about 1 % of the labels
        batch_size=256,
        queue=65_536,
        momentum=0.999,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import vision

    images = _setup.open_images(config.images, config.probe)
    net, exact = _contrastive.nets(
        config.trunk, config.projection, images, groups=config.groups, norm=False
    )
    learner = vision.moco(
        net,
        _setup.optimizer(config.optimizer, config.run, momentum=0.9),  # sections 3.3 and 4.1
        _setup.views(config.views, images),
        image_shape=images.shape,
        queue_size=config.queue,
        momentum=config.momentum,
        temperature=config.temperature,
        probe=_setup.probe(config.probe, images),
    )
    return System(
        learner,
        lambda: _setup.training_data(config.trunk, images, config.batch_size),
        config.batch_size,
        lambda outcome: _contrastive.figures(
            outcome, images, learned=ABOUT.title, per_class=config.probe.few
        ),
        vision.encoder_deployment(
            lambda state, pictures: vision.query_encoder(exact, state)(pictures),
            images.shape,
            text=f"MoCo's query encoder, trained on {config.images.data}: images of 0 to 255 -> "
            "features.",
        ),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
