"""Groups of options that image systems share. No JAX here."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import BadInput, option

CLASSIFIERS = ("ridge", "logistic", "knn")


@dataclass(frozen=True)
class Trunk:
    """Which net looks at the images."""

    group: ClassVar[str] = "net"

    net: Literal["conv", "resnet18", "resnet50"] = option("conv", "the trunk")
    width: float = option(
        1.0, "factor on its channels (conv: 16, 32, 64; ResNets: 64 .. 512)", above=0
    )
    bfloat16: bool = option(False, "compute in bfloat16; parameters stay float32")


@dataclass(frozen=True)
class Projection:
    """What lies between the features that are kept and a contrastive loss."""

    group: ClassVar[str] = "head"

    head: Literal["none", "linear", "mlp"] = option(
        "mlp", "its kind; none: the features themselves"
    )
    hidden: int = option(128, "width of the hidden layer of mlp", at_least=1)
    features: int = option(64, "width of the projections", at_least=1)


@dataclass(frozen=True)
class Views:
    """How images are distorted."""

    group: ClassVar[str] = "views"

    crop_min: float = option(
        0.4, "smallest crop, as a share of the image (1: no crops)", at_least=0, at_most=1
    )
    color: float = option(
        0.5, "strength of the color distortion (gray images: brightness, contrast)", at_least=0
    )
    gray: float = option(0.2, "probability of dropping the colors", at_least=0, at_most=1)
    blur: float = option(
        0.0, "probability of a blur (small images: no effect)", at_least=0, at_most=1
    )


@dataclass(frozen=True)
class Labels:
    """Which training images keep their labels."""

    group: ClassVar[str] = "labels"

    labels: float = option(
        1.0, "share of each class that keeps its labels; no others are seen", above=0, at_most=1
    )
    per_class: int = option(
        0, "so many labels of each class in the place of a share (0: the share)", at_least=0
    )
    label_seed: int = option(0, "which ones", at_least=0)
    classes: int = option(10, "how many the images have", at_least=2)


@dataclass(frozen=True)
class Probe:
    """How the features are judged."""

    group: ClassVar[str] = "probe"

    probes: tuple[str, ...] = option(
        ("ridge",), "classifiers of the features: ridge, logistic, knn", free=True
    )
    baselines: bool = option(True, "probe raw pixels and an untrained net too", free=True)
    few: int = option(
        10, "labels a class in the probe with few labels (0: none)", at_least=0, free=True
    )
    probe_images: int = option(
        0, "fit the probe to so many of the training images (0: all)", at_least=0, free=True
    )

    def __post_init__(self):
        text = f"--probes={','.join(self.probes)}"
        if set(self.probes) - set(CLASSIFIERS) or len(set(self.probes)) < len(self.probes):
            raise BadInput(f"{text}: should be names among {', '.join(CLASSIFIERS)}, each once")
        if "ridge" not in self.probes:
            raise BadInput(f"{text}: should hold ridge, whose accuracy is the headline")
