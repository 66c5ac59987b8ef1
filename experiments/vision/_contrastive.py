"""Makes the systems of contrastive learners, which share all but the learner. No JAX at import."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from experiments.vision import _pretexts, _setup
from experiments.vision._options import Projection, Views
from experiments.vision._pretexts import Pretext, wrap_learner
from jaxdl.core.run import Run
from jaxdl.launch import About, System
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    import flax.linen as nn

    from jaxdl.core import Learner, TrainState
    from jaxdl.data import ImageSource
    from jaxdl.data.augment import Augment


@dataclass(frozen=True)
class Contrast:
    """What all pretext tasks have, from which views, and what lies between features and loss."""

    group: ClassVar[str] = "contrast"

    pretext: Pretext = Pretext()
    views: Views = Views()
    projection: Projection = Projection()


class ContrastiveConfig(Protocol):
    """What the Configs of contrastive learners have in common."""

    run: Run
    contrast: Contrast
    optimizer: Optimizer
    batch_size: int


SMOKE = Contrast(_pretexts.SMOKE)
CIFAR = Contrast(  # SimCLR's appendix B.9: color strength 1/2, no blur
    _pretexts.CIFAR, Views(crop_min=0.08), Projection(hidden=512, features=128)
)


def imagenet(views: Views) -> Contrast:
    """Returns a ResNet-50 on ImageNet, probed with about 1 % of the labels."""
    return Contrast(_pretexts.IMAGENET, views, Projection(hidden=2048, features=128))


def describe(
    title: str, paper: str, arxiv: str, *, summary: str, paper_says: str, curves: tuple[str, ...]
) -> About:
    """Describes a system whose features are judged by a linear probe."""
    return About(
        title,
        paper,
        arxiv,
        summary,
        headline="eval/probe_accuracy",
        scale=100,
        unit="%",
        yardstick="random features {eval/random_feature_accuracy}, pixels "
        "{eval/raw_pixel_accuracy}",
        paper_says=paper_says,
        samples="images",
        curves=curves,
    )


def make_system(
    name: str,
    config: ContrastiveConfig,
    learn: "Callable[..., Learner]",
    encoder: "Callable[[nn.Module, TrainState], Callable[[Any], Any]]",
    *,
    groups: int = 1,
    norm: bool = True,
    momentum: float | None = None,
    views: "Callable[[Views, ImageSource], Augment]" = _setup.views,
) -> System:
    """Makes the system of a learner; no image is read.

    Args:
      name: of the learner, such as "SimCLR".
      config: the launch file's.
      learn: net, tx, augment, image_shape=, probe= -> learner.
      encoder: net, state -> (images -> features), of what is kept.
      groups: parts of a batch with batch statistics of their own.
      norm: the head's hidden layer is normalized over the batch.
      momentum: of the optimizer, for those that have one.
      views: options, images -> the augmentation.
    """
    from jaxdl.vision import pairs_exhibit

    chosen = config.contrast.pretext
    images = _setup.open_images(chosen.images, chosen.probe)
    trunk = _setup.trunk(chosen.trunk, images, groups=groups)
    exact = exact_net(config.contrast, images, norm=norm)
    learner = learn(
        project(trunk, config.contrast.projection, norm),
        _setup.optimizer(config.optimizer, config.run, momentum=momentum),
        views(config.contrast.views, images),
        image_shape=images.shape,
        probe=_setup.probe(chosen.probe, images),
    )
    encode = lambda state, pictures: encoder(exact, state)(pictures)  # noqa: E731
    system = wrap_learner(name, learner, images, chosen.probe, encode, pairs_exhibit)
    return system._replace(
        data=lambda: _setup.training_data(chosen.trunk, images, config.batch_size),
        samples_per_step=config.batch_size,
    )


def exact_net(chosen: Contrast, images: "ImageSource", *, norm: bool = True) -> "nn.Module":
    """Makes the same net in float32, as exports have it."""
    trunk = _setup.exact_trunk(chosen.pretext.trunk, images)
    return project(trunk, chosen.projection, norm)


def project(trunk: "nn.Module", head: Projection, norm: bool) -> "nn.Module":
    """Puts the projection head on a trunk."""
    from jaxdl.nn import Projected

    return Projected(trunk, head.hidden, head.features, head.head, norm)
