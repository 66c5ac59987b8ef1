"""Makes what a crossing between domains consists of from its options. No JAX at import."""

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from experiments.sim2real._options import Domains, Net
from jaxdl.core.run import Run, horizon
from jaxdl.launch.options import Optimizer

if TYPE_CHECKING:
    import optax

    from experiments.sim2real.confusion import Config
    from jaxdl.core import Learner
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


def optimizer(options: Optimizer, run: Run) -> "optax.GradientTransformation":
    """Makes the optimizer of each net."""
    from jaxdl.ops import make_optimizer

    return make_optimizer(**asdict(options), steps=horizon(run), momentum=MOMENTUM)


def learner(config: "Config", method: str, net: "Column", pair: "Pair") -> "Learner":
    """Makes the learner of a method."""
    from jaxdl import sim2real

    # The first column of progressive nets has its own number of steps.
    is_first = method == "source" and config.method == "progressive"
    run = replace(config.run, horizon=config.source_steps) if is_first else config.run
    shared = {"image_shape": pair.image_shape, "score": sim2real.crossing_score(pair.read)}
    weight = WEIGHTS.get(method, 0.0) if config.weight is None else config.weight
    drawn = shared | {"horizon": horizon(run), "weight": weight}
    widths = {"bandwidths": config.bandwidths}
    make = {
        "source": partial(sim2real.source_only, **shared),
        "mmd": partial(sim2real.confusion, loss="mmd", **widths, **drawn),
        "confusion": partial(sim2real.confusion, loss="confusion", **drawn),
        "dann": partial(sim2real.dann, gamma=config.gamma, **drawn),
        "progressive": partial(sim2real.progressive, **shared),
    }[method]
    return make(net, optimizer(config.optimizer, run))


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
