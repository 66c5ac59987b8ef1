"""Tiny: a linear classifier of scanned digits, to be copied (LeCun et al. 1998).

Gradient-Based Learning Applied to Document Recognition, section III.C: a linear classifier of the
pixels errs on 12 % of MNIST's test digits. Here, with 8 x 8 pixels, on 3.8 %: `./run tiny`, 5 s.
"""

from dataclasses import asdict, dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, Exhibit, Outcome, System, launch
from jaxdl.launch.options import Optimizer

SIDE = 8
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
    from jax import ShapeDtypeStruct

    from jaxdl.core.learner import DeviceData
    from jaxdl.data import load
    from jaxdl.deploy import Deployment
    from jaxdl.ops import make_optimizer

    from ._tiny_learner import linear_classifier, logits_of

    def data() -> DeviceData:
        digits = load("digits")
        return DeviceData((digits.train_images, digits.train_labels), config.batch_size)

    tx = make_optimizer(**asdict(config.optimizer), steps=config.run.horizon)
    learner = linear_classifier(tx, lambda: load("digits"), num_pixels=SIDE**2)
    deployment = Deployment(
        "A linear classifier of digits: images of bytes -> logits of the digits 0 to 9.",
        weights=lambda state: state.params,
        apply=lambda weights, inputs: {"logits": logits_of(weights, inputs["images"])},
        inputs={"images": ShapeDtypeStruct((SIDE, SIDE, 1), "uint8")},
    )
    return System(learner, data, config.batch_size, figures, deployment)


def figures(outcome: Outcome) -> list[Exhibit]:
    """Draws what the classifier looks for, of the first seed."""
    import numpy as np
    from PIL import Image

    row = np.hstack(outcome.arrays["templates"].reshape(-1, 10, SIDE, SIDE)[0])
    picture = Image.fromarray((127.5 + 127.5 * row / abs(row).max()).astype("uint8"))
    picture = picture.resize((8 * picture.width, 8 * picture.height), Image.Resampling.NEAREST)
    return [Exhibit("templates", picture, "Where ink speaks for a digit (bright) or against it.")]


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
