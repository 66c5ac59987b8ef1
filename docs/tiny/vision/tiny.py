"""Tiny: a linear classifier of scanned digits, to be copied (LeCun et al. 1998).

Gradient-Based Learning Applied to Document Recognition, section III.C: a linear classifier of the
pixels errs on 12 % of MNIST's test digits. Here on 8 x 8 pixels, in seconds.

    ./run tiny
"""

from dataclasses import asdict, dataclass
from typing import Any

from jaxdl.core.run import Run, option
from jaxdl.launch import About, Exhibit, Outcome, System, launch
from jaxdl.launch.options import Optimizer

SIDE, CLASSES = 8, 10
ABOUT = About(
    title="Tiny",
    paper="LeCun et al. 1998",
    arxiv="",
    summary="A linear classifier learns to read digits.",
    headline="eval/accuracy",
    scale=100,
    unit="%",
    yardstick="always guessing the most frequent digit {eval/chance_accuracy}",
    paper_says="88 % (MNIST)",
    samples="images",
    curves=("loss",),
)


@dataclass(frozen=True)
class Config:
    """How the digits are learned."""

    run: Run = Run(steps=1000, steps_per_call=50)
    optimizer: Optimizer = Optimizer(learning_rate=1e-2)
    batch_size: int = option(128, "images a step", at_least=1)


PRESETS = {"smoke": Config(run=Run(steps=100, steps_per_call=20)), "cpu": Config()}
PRESETS |= {"gpu": PRESETS["cpu"], "paper": PRESETS["cpu"]}


def build(config: Config) -> System:
    """Builds the learner and what is around it; the digits are read when training begins."""
    from jaxdl.core.learner import DeviceData
    from jaxdl.data import load
    from jaxdl.ops import make_optimizer

    from ._tiny_learner import linear_classifier

    def train() -> DeviceData:
        digits = load("digits")
        return DeviceData((digits.train_images, digits.train_labels), config.batch_size)

    def test() -> tuple[Any, Any]:
        digits = load("digits")
        return digits.test_images, digits.test_labels

    tx = make_optimizer(**asdict(config.optimizer), steps=config.run.horizon)
    learner = linear_classifier(tx, test, num_pixels=SIDE * SIDE, num_classes=CLASSES)
    return System(learner, train, samples_per_step=config.batch_size, figures=figures)


def figures(outcome: Outcome) -> list[Exhibit]:
    """Draws what the classifier looks for, of the first seed."""
    from PIL import Image

    weights = outcome.arrays["templates"].reshape(-1, CLASSES, SIDE, SIDE)[0]
    row = weights.transpose(1, 0, 2).reshape(SIDE, CLASSES * SIDE)
    picture = Image.fromarray((127.5 + 127.5 * row / abs(row).max()).astype("uint8"))
    picture = picture.resize((8 * picture.width, 8 * picture.height), Image.Resampling.NEAREST)
    return [Exhibit("templates", picture, "Where ink speaks for a digit (bright) or against it.")]


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
