"""Noisy Student: a teacher's guesses teach a student with noise (Xie et al. 2020).

Self-training with Noisy Student improves ImageNet classification, arXiv 1911.04252: an
EfficientNet-L2 reaches 88.4 % with 300 M images without labels, 85.5 % without them.

Measured on digits (5 seeds, by its claims): teacher 81.3 ± 1.9 %, student 84.7 ± 1.4 %, its student
86.1 ± 1.4 %; the same net and noise with the labels alone 82.3 ± 2.0 %.

    ./run noisy_student                              digits, 20 labels
    ./run noisy_student --preset=cpu --data=mnist --data_dir=<folder> --unlabeled=10000
                        --per_class=800 --labels=100
    ./run noisy_student --preset=gpu --data_dir=<folder>   CIFAR-10, 4,000 labels, WRN-28-2
    ./run noisy_student --outside_file=<folder>/kmnist-test-imgs.npz --outside=500
                                                     other things among the unlabeled images

Its stages are "teacher", "control" (a student's net and noise, the labels alone), "student",
"student2", ... by --iterations. The `paper` preset has the paper's noise, ratio of batches and
iterations on CIFAR-10, since its 300 M images are not public.
"""

from dataclasses import dataclass
from typing import Literal

from experiments.vision import _student
from experiments.vision._student import Pupils
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

ABOUT = About(
    title="Noisy Student",
    paper="Xie et al. 2020",
    arxiv="1911.04252",
    summary="A student learns, with noise, what a teacher guesses at images without labels.",
    headline="eval/accuracy",
    scale=100,
    unit="%",
    yardstick="its teacher {eval/teacher_accuracy}, labels only with the same noise "
    "{eval/control_accuracy}",
    paper_says="88.4 % on ImageNet with an EfficientNet-L2, 85.5 % without the unlabeled images",
    samples="images",
    curves=("loss", "accuracy"),
)


@dataclass(frozen=True)
class Config:
    """Which images have labels, who teaches, and with which noise."""

    run: Run = Run(steps=400, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = Optimizer(learning_rate=2e-3, schedule="cosine")
    pupils: Pupils = Pupils()
    labels: int = option(20, "images with labels, equally many of each class", at_least=1)
    unlabeled: int = option(1200, "images of the classes without labels", at_least=1)
    outside_file: str = option("", "an .npz whose arr_0 holds images of other things")
    outside: int = option(0, "images of other things among those without labels", at_least=0)
    teacher_steps: int = option(400, "steps of the teacher", at_least=1)
    iterations: int = option(1, "students, each the teacher of the next", at_least=1)
    pseudo: Literal["soft", "hard"] = option("soft", "what is learned of the teacher's guesses")
    per_class: int = option(100, "unlabeled images of each guessed class, by rank", at_least=1)
    threshold: float = option(
        0.0, "least confidence, before the ranking (0: none)", at_least=0, below=1
    )
    labeled_batch: int = option(32, "images with labels a step", at_least=1)
    unlabeled_batch: int = option(224, "images without labels a step", at_least=1)

    def __post_init__(self):
        if bool(self.outside) != bool(self.outside_file):
            raise BadInput("--outside and --outside_file are given together, or neither")


PRESETS = {
    "smoke": Config(
        run=Run(steps=8, steps_per_call=4),
        pupils=Pupils(teacher_width=64, student_width=128, blocks=1),
        unlabeled=200,
        teacher_steps=8,
        per_class=16,
        labeled_batch=32,
        unlabeled_batch=96,
    ),
    "cpu": Config(),
    "gpu": Config(  # 4,000 labels of CIFAR-10, as semi-supervised learning is compared there
        run=Run(steps=20_000, steps_per_call=100, save_every=5_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("sgd", 0.1, "cosine", weight_decay=5e-4),
        pupils=Pupils("wide_resnet", 2, 2, blocks=4, magnitude=15),
        labels=4_000,
        unlabeled=45_000,
        teacher_steps=5_000,
        iterations=2,
        per_class=4_000,
        labeled_batch=64,
        unlabeled_batch=448,
    ),
    "paper": Config(  # 28 unlabeled images to a labeled one, three iterations
        run=Run(steps=50_000, steps_per_call=100, save_every=5_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("sgd", 0.1, "cosine", weight_decay=5e-4),
        pupils=Pupils("wide_resnet", 10, 10, blocks=4, magnitude=27),
        labels=4_000,
        unlabeled=45_000,
        teacher_steps=10_000,
        iterations=3,
        per_class=4_000,
        threshold=0.3,
        labeled_batch=64,
        unlabeled_batch=1792,
    ),
}


def build(config: Config, stage: str = "student") -> System:
    """Builds the learner of a stage, and what belongs to it; no image is read."""
    from jaxdl.vision.noisy_student import noisy_student
    from jaxdl.vision.student_exhibits import student_exhibits

    net = _student.net(config, stage)
    learner = noisy_student(
        net,
        _student.optimizer(config, stage),
        _student.augment(config.pupils, stage),
        lambda: _student.pool(config),
        image_shape=_student.image_shape(config),
        sizes=_student.sizes(config),
        labeled_batch=config.labeled_batch,
        unlabeled_batch=config.unlabeled_batch if _student.is_student(stage) else 0,
    )
    return System(
        learner,
        data=lambda: _student.no_data(config),
        samples_per_step=_student.images_per_step(config, stage),
        figures=student_exhibits,
        deployment=_student.deployment(net, config, stage),
    )


def main(config: Config):
    """Trains all stages; returns the state and the result of the last one."""
    lessons = _student.first_lessons(config)
    for stage in _student.stages(config):
        state, result, lessons = _student.run_stage(build, config, stage, lessons, ABOUT._asdict())
    return state, result


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
