"""Makes what the stages of Noisy Student consist of, and runs one after the other."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxdl.core.run import BadInput, horizon, option

if TYPE_CHECKING:
    import flax.linen as nn
    import numpy as np
    import optax

    from experiments.vision.noisy_student import Config
    from jaxdl.data.augment import Augment
    from jaxdl.data.pool import Pool, PoolFiles
    from jaxdl.deploy import Deployment
    from jaxdl.launch import System
    from jaxdl.vision.noisy_student import Lesson, Sizes

CLASSES = 10  # of every data set that is held in memory


@dataclass(frozen=True)
class Pupils:
    """Which nets learn, and with which noise."""

    group: ClassVar[str] = "net"

    net: Literal["mlp", "wide_resnet"] = option("mlp", "teacher and student")
    teacher_width: int = option(128, "of the teacher (wide_resnet: a factor)", at_least=1)
    student_width: int = option(256, "of the students, no less", at_least=1)
    blocks: int = option(2, "residual blocks (wide_resnet: of each of 3 groups)", at_least=1)
    noise: Literal["all", "input", "model", "none"] = option(
        "all", "of the students: RandAugment is input, dropout and stochastic depth are model"
    )
    teacher_noise: Literal["all", "input", "model", "none"] = option("all", "of the teacher")
    operations: int = option(2, "of RandAugment, one after the other", at_least=0)
    magnitude: float = option(9.0, "of RandAugment", at_least=0, at_most=30)
    dropout: float = option(0.5, "before the last layer", at_least=0, below=1)
    drop_path: float = option(
        0.2, "probability of leaving out the last residual block", at_least=0, below=1
    )

    def __post_init__(self):
        if self.student_width < self.teacher_width:
            raise BadInput(
                f"--student_width={self.student_width}: a student is at least as wide as its "
                f"teacher, {self.teacher_width}"
            )


def stages(config: "Config") -> list[str]:
    """Names the stages in their order."""
    more = [f"student{number}" for number in range(2, config.iterations + 1)]
    return ["teacher", "control", "student", *more]


def is_student(stage: str) -> bool:
    """Whether a stage learns from a teacher."""
    return stage.startswith("student")


def noise(pupils: Pupils, stage: str) -> str:
    """Returns the noise of a stage."""
    return pupils.teacher_noise if stage == "teacher" else pupils.noise


def net(config: "Config", stage: str) -> "nn.Module":
    """Makes a stage's net."""
    from jaxdl.nn.noisy import NoisyMLP, WideResNet

    pupils = config.pupils
    is_noisy = noise(pupils, stage) in ("all", "model")
    make = NoisyMLP if pupils.net == "mlp" else WideResNet
    return make(
        CLASSES,
        pupils.teacher_width if stage == "teacher" else pupils.student_width,
        pupils.blocks,
        dropout=pupils.dropout if is_noisy else 0.0,
        drop_path=pupils.drop_path if is_noisy else 0.0,
    )


def augment(pupils: Pupils, stage: str) -> "Augment":
    """Makes a stage's noise of the input."""
    from jaxdl.data import rand_augment

    is_noisy = noise(pupils, stage) in ("all", "input")
    count = pupils.operations if is_noisy else 0
    return rand_augment(count=count, magnitude=pupils.magnitude)


def steps(config: "Config", stage: str) -> int:
    """Returns the steps of a stage."""
    return config.teacher_steps if stage == "teacher" else config.run.steps


def optimizer(config: "Config", stage: str) -> "optax.GradientTransformation":
    """Makes a stage's optimizer, whose schedule is as long as the stage."""
    from jaxdl.ops import make_optimizer

    options = config.optimizer
    return make_optimizer(
        **asdict(options),
        steps=config.teacher_steps if stage == "teacher" else horizon(config.run),
        momentum=0.9 if options.optimizer == "sgd" else None,
        flat=config.pupils.net == "mlp",
    )


def images_per_step(config: "Config", stage: str) -> int:
    """Returns how many images a step of a stage looks at."""
    return config.labeled_batch + (config.unlabeled_batch if is_student(stage) else 0)


def files(config: "Config") -> "PoolFiles":
    """Says where the images come from.

    Raises:
      BadInput: a folder of pictures, which is read while training.
    """
    from jaxdl.data.pool import PoolFiles

    images = config.images
    if images.data == "imagenet":
        raise BadInput("--data=imagenet: Noisy Student holds its images in memory")
    return PoolFiles(
        images.data,
        images.data_dir,
        images.train_images,
        images.test_images,
        images.skip_broken,
        config.outside_file,
        config.outside,
    )


def pool(config: "Config") -> "Pool":
    """Reads the images."""
    from jaxdl.data.pool import read_pool

    return read_pool(files(config))


def no_data(config: "Config") -> tuple[()]:
    """Reads the images, so that what is wrong with them is told first; a learner draws its own.

    Raises:
      BadInput: as `pool`; or a batch that does not divide among the devices.
    """
    import jax

    pool(config)
    devices = config.run.devices or jax.device_count()
    if config.labeled_batch % devices or config.unlabeled_batch % devices:
        sizes = (
            f"--labeled_batch={config.labeled_batch}, --unlabeled_batch={config.unlabeled_batch}"
        )
        raise BadInput(f"{sizes}: not divisible by devices={devices}")
    return ()


def image_shape(config: "Config") -> tuple[int, int, int]:
    """Returns (H, W, C), and reads no image."""
    from jaxdl.data import image_shape

    return image_shape(files(config).data, config.images.data_dir)


def sizes(config: "Config") -> "Sizes":
    """Returns how much a stage learns from.

    Raises:
      BadInput: fewer labels than classes.
    """
    from jaxdl.vision.noisy_student import Sizes

    if config.labels < CLASSES:
        raise BadInput(f"--labels={config.labels} are fewer than the {CLASSES} classes")
    return Sizes(config.labels, config.unlabeled + config.outside, config.per_class, CLASSES)


def first_lessons(config: "Config") -> "Lesson":
    """Draws what the first stages learn from."""
    from jaxdl.vision import lessons

    return lessons.first_lessons(
        pool(config), sizes(config), config.run.seeds, outside=config.outside
    )


def run_stage(
    build: "Callable[[Config, str], System]",
    config: "Config",
    stage: str,
    lesson: "Lesson",
    about: Mapping[str, Any],
) -> "tuple[Any, dict[str, Any], Lesson]":
    """Trains a stage; a finished one is loaded.

    Returns:
      Its state, its result, and the lesson of the next stage.
    """
    from jaxdl.core import fit
    from jaxdl.vision import lessons

    system = build(config, stage)
    state, result = fit(
        system.learner,
        system.data(),
        replace(config.run, steps=steps(config, stage)),
        samples_per_step=system.samples_per_step,
        init=lessons.begin_with(system.learner, lesson, config.run),
        stage=stage,
        figures=system.figures,
        about=about,
    )
    lesson = taught(config, stage, state, lesson)
    return state, result, lessons.record(lesson, role(stage), accuracies(result))


def role(stage: str) -> str:
    """Names what a stage is to those after it: a student is the teacher of the next."""
    return "control" if stage == "control" else "teacher"


def taught(config: "Config", stage: str, state: Any, lesson: "Lesson") -> "Lesson":
    """Has a stage guess at the unlabeled images, unless it is the control."""
    from jaxdl.vision import lessons

    if stage == "control":
        return lesson
    return lessons.next_lessons(
        lesson,
        net(config, stage),
        state,
        pool(config),
        kind=config.pseudo,
        per_class=config.per_class,
        threshold=config.threshold,
    )


def accuracies(result: Mapping[str, Any]) -> "np.ndarray":
    """Returns the test accuracies [S] of a result."""
    import numpy as np

    return np.array(result["metrics"]["eval/accuracy"]["values"])


def deployment(net: "nn.Module", config: "Config", stage: str) -> "Deployment":
    """Keeps a classifier: bytes of images [b, H, W, C] -> probabilities [b, K]."""
    import jax

    from jaxdl.data.colors import as_floats
    from jaxdl.deploy import Deployment

    def apply(weights, inputs):
        logits = net.apply({"params": weights["params"]}, as_floats(inputs["images"]), False)
        return {"probabilities": jax.nn.softmax(logits)}

    return Deployment(
        f"A classifier of {config.images.data}, a {re.sub('[0-9]', '', stage)} of Noisy Student: "
        "images of 0 to 255 -> probabilities.",
        lambda state: {"params": state.params},
        apply,
        {"images": jax.ShapeDtypeStruct(image_shape(config), "uint8")},
    )
