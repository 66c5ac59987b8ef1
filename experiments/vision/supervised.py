"""The supervised baseline and fine-tuning, with all labels or a few (Chen et al. 2020, table 7).

A Simple Framework for Contrastive Learning of Visual Representations, arXiv 2002.05709, table 7: a
ResNet-50 with 1 % / 10 % of ImageNet's labels reaches a top-5 accuracy of 48.4 / 80.4 % from
scratch, and 75.5 / 87.8 % fine-tuned from SimCLR's features.

Measured on digits (5 seeds): with 1 % of the labels 71.2 ± 5.4 % fine-tuned and 67.8 ± 5.8 % from
scratch, with 10 % of them 94.9 ± 1.9 % and 94.2 ± 1.6 %.

    ./run supervised                                all labels of the digits, from scratch
    ./run supervised --labels=0.01                  1 % of them
    ./run simclr --workdir=runs/simclr/mine         features without labels ...
    ./run supervised --labels=0.01 --init_from=runs/simclr/mine#trunk      ... fine-tuned
    ./run supervised --labels=0.01 --init_from=runs/simclr/mine#trunk --frozen=trunk

`#trunk` is the part that is taken, of any image learner's run: the head is a fresh one. Net and
width must be those of that run.
"""

from dataclasses import dataclass

from experiments.vision import _setup
from experiments.vision._options import Labels, Probe, Trunk, Views
from experiments.vision._pretexts import CIFAR, IMAGENET
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="Supervised",
    paper="Chen et al. 2020",
    arxiv="2002.05709",
    summary="Learns to classify images by all of their labels or a few, from scratch or from "
    "another run's features.",
    headline="eval/accuracy",
    scale=100,
    unit="%",
    yardstick="the same from scratch, without --init_from",
    paper_says="top-5 with 1 % of ImageNet's labels: 48.4 % from scratch, 75.5 % from SimCLR",
    samples="images",
    curves=("loss", "accuracy"),
)
MOMENTUM = 0.9  # appendix B.5
CROPS = Views(color=0.0, gray=0.0)  # appendix B.5: crops and flips alone


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with how many labels."""

    run: Run = Run(steps=300, steps_per_call=50)
    images: Images = Images()
    labels: Labels = Labels()
    optimizer: Optimizer = Optimizer(
        optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
    )
    trunk: Trunk = Trunk()
    views: Views = CROPS
    frozen: tuple[str, ...] = option(
        (), "parts that stay as they begin, such as trunk or trunk/Conv3x3_0 (none: all learn)"
    )
    batch_size: int = option(128, "images a step; few labelled ones come several times", at_least=1)


PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), trunk=Trunk(width=0.5), batch_size=64),
    "cpu": Config(),
    "gpu": Config(  # 200 epochs of CIFAR-10
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        images=CIFAR.images,
        trunk=CIFAR.trunk,
        optimizer=Optimizer("sgd", 0.1, "cosine", warmup=0.05, weight_decay=5e-4),
        views=Views(crop_min=0.25, color=0.0, gray=0.0),
        batch_size=512,
    ),
    "paper": Config(  # appendix B.5: rate 0.05 * batch / 256, no warm-up or decay; 60 epochs of 1 %
        run=Run(steps=188, steps_per_call=4, save_every=40),
        images=IMAGENET.images,
        labels=Labels(labels=0.01, classes=1000),
        optimizer=Optimizer("sgd", 0.8),
        trunk=IMAGENET.trunk,
        views=Views(crop_min=0.08, color=0.0, gray=0.0),
        batch_size=4096,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl import nn, vision
    from jaxdl.vision.supervised import apply_trained

    images = _setup.open_images(config.images, Probe())
    classes = config.labels.classes
    learner = vision.supervised(
        nn.Classified(_setup.trunk(config.trunk, images), classes),
        _setup.optimizer(config.optimizer, config.run, momentum=MOMENTUM),
        _setup.views(config.views, images),
        image_shape=images.shape,
        frozen=config.frozen,
        score=vision.classifier_score(images.probe, num_classes=classes),
    )
    exact = nn.Classified(_setup.exact_trunk(config.trunk, images), classes)
    return System(
        learner,
        data=lambda: _setup.labelled_data(config.trunk, images, config.labels, config.batch_size),
        samples_per_step=config.batch_size,
        figures=vision.mistakes_exhibit,
        deployment=vision.classifier_deployment(
            partial(apply_trained, exact),
            images.shape,
            text=f"A classifier, trained by labels of {config.images.data}: "
            "images of 0 to 255 -> logits.",
        ),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
