"""Makes what a crossing between domains consists of from its options. No JAX at import."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from experiments.sim2real._options import Domains, Net
from jaxdl.core.run import horizon

if TYPE_CHECKING:
    import optax

    from experiments.sim2real.confusion import Config
    from jaxdl.deploy import Deployment
    from jaxdl.sim2real.columns import Column
    from jaxdl.sim2real.domains import Pair

TITLES = {
    "source": "source only",
    "mmd": "MMD",
    "confusion": "confusion loss",
    "dann": "DANN",
    "progressive": "progressive",
}
WEIGHTS = {"mmd": 0.25, "confusion": 0.25, "dann": 1.0}  # lambda, as the papers have it
MOMENTUM = 0.9  # of SGD, in all of them
SMALL_SIDE = 16  # pixels, below which the first layer keeps them all


def open_pair(domains: Domains) -> "Pair":
    """Prepares a pair of domains, and reads none of their images."""
    from jaxdl import sim2real

    sizes = {"train_images": domains.train_images, "test_images": domains.test_images}
    return sim2real.open_pair(domains.pair, domains.data_dir, **sizes)


def column(net: Net, pair: "Pair") -> "Column":
    """Makes the net, of as many strides as the images have pixels for."""
    from jaxdl.sim2real.columns import Column
    from jaxdl.sim2real.domains import CLASSES

    strides = (1, 2, 2) if min(pair.image_shape[:2]) < SMALL_SIDE else (2, 2, 2)
    return Column(CLASSES, net.width, strides, net.features)


def arguments(config: "Config", method: str, pair: "Pair") -> dict[str, Any]:
    """Returns what the learner of a method takes beside its net and optimizer."""
    from jaxdl import sim2real

    shared = {"image_shape": pair.image_shape, "score": sim2real.crossing_score(pair.read)}
    if method not in WEIGHTS:
        return shared
    weight = WEIGHTS[method] if config.weight is None else config.weight
    own = {
        "mmd": {"loss": "mmd", "bandwidths": config.bandwidths},
        "confusion": {"loss": "confusion"},
        "dann": {"gamma": config.gamma},
    }[method]
    return shared | {"horizon": horizon(config.run), "weight": weight} | own


def optimizer(config: "Config", stage: str) -> "optax.GradientTransformation":
    """Makes the optimizer of each net of a stage, which may have its own number of steps."""
    from jaxdl.ops import make_optimizer

    steps = config.source_steps if stage == "source" else horizon(config.run)
    return make_optimizer(**asdict(config.optimizer), steps=steps, momentum=MOMENTUM)


def deployment(method: str, net: "Column", pair: "Pair") -> "Deployment":
    """Keeps the classifier that was adapted, without its twin: images of bytes -> logits."""
    import jax

    from jaxdl.data import as_floats
    from jaxdl.deploy import Deployment

    keep = {
        "source": lambda state: {"net": state.params["net"]},
        "progressive": lambda state: {"net": state.params["progressive"], "older": state.extra},
    }.get(method, lambda state: {"net": state.params["adapted"]["net"]})

    def apply(weights, inputs):
        images = as_floats(inputs["images"])
        has_older = "older" in weights
        older = [net.apply({"params": weights["older"]}, images)] if has_older else []
        return {"logits": net.apply({"params": weights["net"]}, images, older).logits}

    text = f"A classifier of both domains of {pair.name}, by {TITLES[method]}: "
    text += "images of 0 to 255 -> logits."
    return Deployment(
        text, keep, apply, {"images": jax.ShapeDtypeStruct(pair.image_shape, "uint8")}
    )
