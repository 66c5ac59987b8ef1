"""One trunk with two heads: what a task without labels saves of another's (Zhai et al. 2019).

S4L: Self-Supervised Semi-Supervised Learning, arXiv 1905.03670: with 10 % of ImageNet's
labels a ResNet-50 that learns rotations beside its classes (eq. 1) reaches a top-5 accuracy of
83.8 %, without them 80.4 %. The lecture's picture: task 1 needs no labels, task 2 has few. For each
of several numbers of labels a net is trained with task 1 and one without; the report draws both.

Measured on digits (5 seeds): with one label a class 70.1 ± 5.8 % after the contrastive task and
61.6 ± 8.9 % without; over the whole curve it saves 0.9 ± 1.1 doublings of the labels.

    ./run multi_head                                      the contrastive task first, then labels
    ./run multi_head --pretext=rotation
    ./run multi_head --order=together --weight=0.5        both losses in one sum

With `--order=after` the stages `task_one` and `labels` have folders of their own.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from experiments.vision import _setup
from experiments.vision._contrastive import CIFAR
from experiments.vision._options import Probe, Trunk, Views
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch, train_stage
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="Two heads",
    paper="Zhai et al. 2019",
    arxiv="1905.03670",
    summary="A task without labels saves labels of a second task that shares its trunk.",
    headline="eval/label_factor",
    yardstick="1: as many labels as without the first task",
    paper_says="top-5 83.8 % with rotations, 80.4 % without, by 10 % of the labels",
    samples="images",
    curves=("loss", "alone_loss", "accuracy"),
    number="labels saved:",
)


@dataclass(frozen=True)
class Config:
    """What the two tasks are, and how they are learned."""

    run: Run = Run(steps=200, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = Optimizer("adamw", 2e-3, "cosine", warmup=0.1, weight_decay=1e-4)
    trunk: Trunk = Trunk()
    views: Views = Views()
    pretext: Literal["contrastive", "jigsaw", "rotation"] = option("contrastive", "task 1")
    order: Literal["after", "together"] = option(
        "after", "whether task 2 comes after task 1, or both losses are one sum"
    )
    weight: float = option(1.0, "of the loss of task 1 where they are learned together", above=0)
    pretext_steps: int = option(300, "steps of task 1 where it comes first", at_least=1)
    counts: tuple[int, ...] = option(
        (1, 2, 5, 10, 20), "labels a class, for each of which nets are trained", at_least=1
    )
    label_seed: int = option(0, "which ones", at_least=0)
    classes: int = option(10, "how many the images have", at_least=2)
    batch_size: int = option(128, "images a step of task 1", at_least=1)
    label_batch: int = option(32, "labelled images a step of each net, a divisor", at_least=1)

    def __post_init__(self):
        if self.batch_size % self.label_batch:
            sizes = f"--label_batch={self.label_batch}, --batch_size={self.batch_size}"
            raise BadInput(f"{sizes}: the first should divide the second")


LARGE = Config(  # 200 epochs of task 1, then labels
    run=Run(steps=4_000, steps_per_call=100, save_every=1_000),
    images=CIFAR.pretext.images,
    optimizer=Optimizer("adamw", 1e-3, "cosine", warmup=0.05, weight_decay=1e-4),
    trunk=CIFAR.pretext.trunk,
    views=CIFAR.views,
    pretext_steps=19_500,
    counts=(5, 20, 100, 500),
    batch_size=256,
    label_batch=64,
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        trunk=Trunk(width=0.25),
        order="together",
        counts=(1, 2, 4),
        batch_size=64,
        label_batch=16,
    ),
    "cpu": Config(),
    "gpu": LARGE,
    "paper": replace(LARGE, run=replace(LARGE.run, steps=20_000), pretext_steps=97_700),
}


def build(config: Config, stage: str = "labels") -> System:
    """Builds the learner of a stage, by default the last one; no image is read."""
    from jaxdl import data, nn, vision
    from jaxdl.vision import multi_head, pretext_tasks

    images = _setup.open_images(config.images, Probe())
    trunk = _setup.trunk(config.trunk, images)
    views = _setup.views(config.views, images)
    task = {
        "contrastive": lambda: pretext_tasks.contrastive(trunk, views),
        "jigsaw": lambda: pretext_tasks.jigsaw(trunk, image_shape=images.shape),
        "rotation": lambda: pretext_tasks.rotation(trunk, views),
    }[config.pretext]()

    def read():
        _setup.check_dtype(config.trunk)
        return data.taught_training(
            images, config.batch_size, counts=config.counts, seed=config.label_seed
        )

    if stage == "task_one":
        run = replace(config.run, horizon=config.pretext_steps)
        tx = _setup.optimizer(config.optimizer, run)
        learner = vision.task_one(task, tx, image_shape=images.shape)
        return System(learner, read, config.batch_size)
    learner = multi_head(
        nn.Classified(trunk, config.classes),
        _setup.optimizer(config.optimizer, config.run),
        _setup.views(replace(config.views, color=0.0, gray=0.0, blur=0.0), images),
        task if config.order == "together" else None,
        image_shape=images.shape,
        counts=config.counts,
        label_batch=config.label_batch,
        weight=config.weight,
        score=vision.curve_score(images.probe, config.counts),
    )
    exact = nn.Classified(_setup.exact_trunk(config.trunk, images), config.classes)
    text = f"A classifier by {config.counts[-1]} labels a class of {config.images.data}, with "
    text += f"{config.pretext} as the first task: images of 0 to 255 -> logits."
    return System(
        learner,
        read,
        config.batch_size,
        partial(vision.label_curve_exhibit, counts=config.counts, learned=config.pretext),
        vision.classifier_deployment(partial(vision.apply_best, exact), images.shape, text=text),
    )


def main(config: Config):
    """Trains task 1 first where it is to come first, then task 2; returns state and result."""
    from jaxdl.vision.multi_head import start_after

    stages = {"task_one": config.pretext_steps} if config.order == "after" else {}
    first = None
    for stage, steps in (stages | {"labels": config.run.steps}).items():
        state, result = train_stage(build, config, stage, steps, about=ABOUT, start=first)
        if stage == "task_one":
            first = start_after(build(config).learner, state.params["trunk"], config.run)
    return state, result


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
