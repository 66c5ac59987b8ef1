"""Makes systems of pretext tasks, which share all but the task. No JAX at import."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from experiments.vision import _setup
from experiments.vision._options import Probe, Trunk
from jaxdl.core.run import Run
from jaxdl.launch import Exhibit, Outcome, System
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    import flax.linen as nn

    from jaxdl.core import Learner
    from jaxdl.data import ImageSource
    from jaxdl.vision.probe import Encode

# What SimCLR's presets have, so that tasks differ in nothing else.
ADAMW = Optimizer(
    optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=1e-4
)


class PretextConfig(Protocol):
    """What the Configs of pretext tasks have in common."""

    run: Run
    images: Images
    trunk: Trunk
    probe: Probe
    batch_size: int


def pretext_system(
    config: PretextConfig,
    images: "ImageSource",
    learner: "Learner",
    encode: "Callable[[nn.Module, Any, Any], Any]",
    exact_net: "nn.Module",
    shown: Callable[[Outcome], list[Exhibit]],
    name: str,
) -> System:
    """Makes the system of a learner.

    Args:
      config: the launch file's.
      images: what is learned from.
      learner: the task.
      encode: net, state, images -> features.
      exact_net: the net in float32, as exports have it.
      shown: outcome -> exhibits of the task.
      name: of what was learned, such as "RotNet".
    """
    from jaxdl import vision

    kept: Encode = lambda state, pictures: encode(exact_net, state, pictures)  # noqa: E731
    text = f"An encoder, trained by {name} on {config.images.data}: images of 0 to 255 -> features."
    return System(
        learner,
        data=lambda: _setup.training_data(config.trunk, images, config.batch_size),
        samples_per_step=config.batch_size,
        figures=lambda outcome: [
            *shown(outcome),
            *vision.probe_exhibit(outcome, learned=name, per_class=config.probe.few),
        ],
        deployment=vision.encoder_deployment(kept, images.shape, text=text),
    )
