"""Groups of options of systems that cross between domains. No JAX here."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import option


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
