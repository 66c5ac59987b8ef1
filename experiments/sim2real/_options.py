"""Groups of options of systems that cross between domains. No JAX here."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import check_options, option


@dataclass(frozen=True)
class Domains:
    """Which two domains: labels are known in the source, the target is asked about."""

    group: ClassVar[str] = "data"

    pair: Literal["textured_digits", "mnist_m", "digits_to_mnist", "mnist_to_digits"] = option(
        "textured_digits", "source and target"
    )
    data_dir: str = option("", "where MNIST's files lie (textured_digits needs none)", free=True)
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
