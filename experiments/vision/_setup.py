"""Makes what image learners consist of from the options that they share. No JAX at import."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from experiments.vision._options import Labels, Probe, Trunk, Views
from jaxdl.core.run import BadInput, Run, horizon
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    import flax.linen as nn
    import optax

    from jaxdl.core import DeviceData, HostData
    from jaxdl.data import ImageSource
    from jaxdl.data.augment import Augment
    from jaxdl.vision.probe import Probe as ProbeFunction

SIGNS = ("digits", "mnist")  # data whose mirrored images mean something else


def open_images(images: Images, probe: Probe) -> "ImageSource":
    """Prepares the data set, and reads none of its images."""
    from jaxdl import data

    return data.open_images(
        images.data,
        images.data_dir,
        train_images=images.train_images,
        test_images=images.test_images,
        probe_images=probe.probe_images,
        skip_broken=images.skip_broken,
    )


def training_data(trunk: Trunk, images: "ImageSource", batch_size: int) -> "DeviceData | HostData":
    """Reads the images, when training begins.

    Raises:
      BadInput: bfloat16 on a CPU, where XLA gets it wrong (values up to 1e37 out of a ResNet-18).
    """
    check_dtype(trunk)
    return images.training(batch_size)


def labelled_data(
    trunk: Trunk, images: "ImageSource", labels: Labels, batch_size: int
) -> "DeviceData | HostData":
    """Reads the images that keep their labels, when training begins.

    Raises:
      BadInput: fewer labels than classes, none, or bfloat16 on a CPU.
    """
    from jaxdl.data import labelled_training

    check_dtype(trunk)
    return labelled_training(
        images,
        batch_size,
        share=labels.labels,
        per_class=labels.per_class,
        seed=labels.label_seed,
    )


def check_dtype(trunk: Trunk) -> None:
    """Refuses bfloat16 on a CPU, where XLA gets it wrong.

    Raises:
      BadInput: with the reason.
    """
    import jax

    if trunk.bfloat16 and jax.default_backend() == "cpu":
        raise BadInput("--bfloat16: jaxlib 0.11.2 compiles such convolutions wrongly for CPUs")


def trunk(options: Trunk, images: "ImageSource", *, groups: int = 1) -> "nn.Module":
    """Makes the trunk, with batch statistics of so many groups."""
    import jax.numpy as jnp

    from jaxdl.nn import make_trunk

    dtype = jnp.bfloat16 if options.bfloat16 else jnp.float32
    return make_trunk(options.net, images.shape, width=options.width, dtype=dtype, groups=groups)


def exact_trunk(options: Trunk, images: "ImageSource") -> "nn.Module":
    """Makes the same trunk in float32, as exports have it."""
    from jaxdl.nn import make_trunk

    return make_trunk(options.net, images.shape, width=options.width)


def optimizer(
    options: Optimizer, run: Run, *, momentum: float | None = None
) -> "optax.GradientTransformation":
    """Makes the optimizer of a learner with one optimizer step a step."""
    from jaxdl.ops import make_optimizer

    return make_optimizer(**asdict(options), steps=horizon(run), momentum=momentum)


def views(options: Views, images: "ImageSource") -> "Augment":
    """Makes the augmentation."""
    from jaxdl.data import simclr_augmentation

    return simclr_augmentation(
        view_size(images),
        crop_scale=(options.crop_min, 1.0),
        flip=may_flip(images),
        color_strength=options.color,
        grayscale=options.gray,
        blur=options.blur,
    )


def view_size(images: "ImageSource") -> int:
    """Returns the side of the views in pixels."""
    return min(*images.shape[:2], 224)


def may_flip(images: "ImageSource") -> bool:
    """Whether mirrored images mean the same: a mirrored digit is another sign."""
    return images.name not in SIGNS


def probe(options: Probe, images: "ImageSource") -> "ProbeFunction":
    """Makes the probe, which reads its images when the evaluation is prepared."""
    from jaxdl.vision import linear_probe

    return linear_probe(
        images.probe, probes=options.probes, baselines=options.baselines, per_class=options.few
    )
