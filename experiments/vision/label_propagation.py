"""Label propagation: what is close to a labeled example assumes its label (Zhu & Ghahramani 2002).

Learning from Labeled and Unlabeled Data with Label Propagation, CMU-CALD-02-107; and label
spreading, Learning with Local and Global Consistency (Zhou et al. 2004), figure 3: on digits of
USPS, far fewer errors than the nearest neighbor makes with the same few labels.

A step is a few sweeps over all images. No net is trained: distances are those of pixels.

Measured on digits (20 choices of one label a class): 81.8 ± 3.5 %, 85.6 ± 2.9 % with classes of
equal weight; the nearest labeled image tells 65.5 ± 2.3 %.

    ./run label_propagation                              digits, one label a class, five choices
    ./run label_propagation --method=spreading --alpha=0.9
    ./run label_propagation --preset=gpu --data_dir=<folder>   all 60,000 images of MNIST
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.vision import _setup
from experiments.vision._options import Probe
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images

if TYPE_CHECKING:
    from jaxdl.core import DeviceData
    from jaxdl.data import ImageSource

CLASSES = 10
ABOUT = About(
    title="Label propagation",
    paper="Zhu & Ghahramani 2002",
    arxiv="",
    summary="Images take the label of what is close to them, from one label a class on.",
    headline="eval/accuracy",
    scale=100,
    unit="%",
    yardstick="nearest labeled image {eval/nearest_accuracy}",
    samples="images",
    curves=("accuracy", "reached", "change"),
)


@dataclass(frozen=True)
class Config:
    """Which images are joined how, and how many labels are given."""

    run: Run = Run(steps=20, steps_per_call=1, num_seeds=5)
    images: Images = Images()
    points: int = option(1200, "images in the graph", at_least=1)
    labels: int = option(1, "of each class that are given, chosen by each seed", at_least=1)
    method: Literal["propagation", "spreading"] = option(
        "propagation", "given labels stay, or can be overruled"
    )
    alpha: float = option(
        0.2, "what spreading takes from neighbors rather than the given label", above=0, below=1
    )
    kernel: Literal["rbf", "knn"] = option("knn", "all are joined, or the nearest")
    gamma: float = option(1.0, "of the RBF kernel, for pixels in [0, 1]", at_least=0)
    neighbors: int = option(7, "of an image in the kNN graph, itself included", at_least=2)
    sweeps: int = option(5, "over all images in a step", at_least=1)


PRESETS = {
    "smoke": Config(run=Run(steps=4, steps_per_call=2), points=200, sweeps=2),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=40, steps_per_call=10, num_seeds=5),
        images=Images(data="mnist"),
        points=60_000,
    ),
    # Zhou et al. 2004, section 4.2: 3,874 images of USPS, pixels in [-1, 1], sigma 1.25, alpha
    # 0.99, 100 choices of labels. USPS is not among our data.
    "paper": Config(
        run=Run(steps=20, steps_per_call=1, num_seeds=100),
        images=Images(data="mnist"),
        points=3872,
        method="spreading",
        alpha=0.99,
        kernel="rbf",
        gamma=1.28,
        sweeps=10,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import vision

    images = _setup.open_images(config.images, Probe())
    learner = vision.sweep_labels(
        image_shape=images.shape,
        points=config.points,
        classes=CLASSES,
        per_class=config.labels,
        method=config.method,
        alpha=config.alpha,
        kernel=config.kernel,
        gamma=config.gamma,
        neighbors=config.neighbors,
        sweeps=config.sweeps,
    )
    return System(
        learner,
        data=lambda: labeled_points(images, config.points, config.labels),
        samples_per_step=config.points * config.sweeps,
        figures=vision.sureness_exhibit,
    )


def labeled_points(images: "ImageSource", points: int, labels: int) -> "DeviceData":
    """Reads the first images with their numbers and labels, all of them in a batch.

    Raises:
      BadInput: there are fewer images, or a class has too few of them.
    """
    import numpy as np

    from jaxdl.core import DeviceData
    from jaxdl.data.images import rows_per_class

    source = images.probe()
    if not source.num_classes == CLASSES:
        raise BadInput(f"--data={images.name}: there should be {CLASSES} classes of labels")
    if len(source.train_labels) < points:
        have = len(source.train_labels)
        raise BadInput(f"--points={points}: {images.name} has {have} training images")
    truths = source.train_labels[:points]
    rows_per_class(truths, CLASSES, labels, seed=0)  # refuses classes with fewer
    numbers = np.arange(points, dtype=np.int32)
    return DeviceData((numbers, source.read(range(points)), truths), points)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
