"""Groups of options of systems that cross between domains. No JAX here."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import check_options, option
from jaxdl.launch.options import Optimizer

SGD = Optimizer("sgd", 2e-2, "cosine", max_norm=1.0)


@dataclass(frozen=True)
class Domains:
    """Which two domains: labels are known in the source, the target is asked about."""

    group: ClassVar[str] = "data"

    pair: Literal["textured_digits", "mnist_m", "digits_to_mnist", "mnist_to_digits", "objects"] = (
        option("textured_digits", "source and target")
    )
    data_dir: str = option(
        "", "where MNIST's files lie (textured_digits and objects need none)", free=True
    )
    train_images: int = option(0, "learn from so many images of each domain (0: all)", at_least=0)
    test_images: int = option(
        0, "test with so many images of each domain (0: all)", at_least=0, free=True
    )


@dataclass(frozen=True)
class Net:
    """Which net reads the images."""

    group: ClassVar[str] = "net"

    width: int = option(16, "channels of its first convolution, each next has twice", at_least=1)
    features: int = option(64, "width of the layer that is to be alike in both domains", at_least=1)


@dataclass(frozen=True)
class Recording:
    """Which trajectories tell how the world moves, and what is believed of it before."""

    group: ClassVar[str] = "record"

    env: str = option(
        "swingup",
        "the world: swingup, or one of mjx/...",
        check="experiments.sim2real._machines:check_world",
    )
    record: str = option(
        "",
        "npz file of trajectories (empty: MuJoCo in C with hidden constants)",
        free=True,
    )
    nominal: tuple[str, ...] = option(
        (), "constants of which something else is believed than usual, as name=value"
    )
    machines: int = option(8, "of hidden constants each, identified side by side", at_least=1)
    hidden: float = option(
        2.0, "hidden constants are the nominal ones times 1/x to x; of files, the start is", above=1
    )
    episodes: int = option(8, "recorded of each machine", at_least=1)
    length: int = option(100, "steps of an episode", at_least=1)
    controls: Literal["both", "random", "swept"] = option("both", "that move it meanwhile")
    noise: float = option(
        0.0, "of the sensors, in units of each coordinate's deviation", at_least=0
    )
    ahead: int = option(50, "steps that are predicted of held-out episodes", at_least=1)
    record_seed: int = option(0, "of hidden constants, controls and noise", at_least=0)

    def __post_init__(self):
        check_options(self)


@dataclass(frozen=True)
class Refiner:
    """Which GAN repaints simulated images, and how it is trained."""

    group: ClassVar[str] = "refiner"

    refiner_steps: int = option(400, "steps of the refiner", at_least=1)
    refiner_batch: int = option(32, "images of each domain in a step of it", at_least=1)
    refiner_rate: float = option(2e-3, "learning rate of all of its nets", above=0)
    refine: bool = option(True, "train nets on repainted images too")
    painter: int = option(16, "channels of the net that repaints", at_least=1)
    blocks: int = option(1, "its residual blocks", at_least=0)
    critic: int = option(
        32, "channels of the first convolution of the net that tells images apart", at_least=1
    )
    form: Literal["logistic", "least_squares"] = option("logistic", "loss of the two players")
    domain_weight: float = option(1.0, "alpha, of that loss for the painter", at_least=0)
    task_weight: float = option(1.0, "beta, of the labels' loss for the painter", at_least=0)
    content_weight: float = option(1.0, "gamma, of keeping what is drawn", at_least=0)
