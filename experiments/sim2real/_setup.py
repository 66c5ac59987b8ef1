"""Makes what a crossing between domains consists of from its options. No JAX at import."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.sim2real._options import Domains, Net, Refiner
from jaxdl.core.run import horizon

if TYPE_CHECKING:
    import optax

    from experiments.sim2real.confusion import Config
    from experiments.sim2real.mixing import Config as MixingConfig
    from jaxdl.deploy import Deployment
    from jaxdl.launch import System
    from jaxdl.sim2real.columns import Column
    from jaxdl.sim2real.domains import Pair
    from jaxdl.sim2real.repainter import Repainter

TITLES = {
    "source": "source only",
    "mmd": "MMD",
    "confusion": "confusion loss",
    "dann": "DANN",
    "progressive": "progressive",
}
WEIGHTS = {"mmd": 0.25, "confusion": 0.25, "dann": 1.0}  # lambda, as the papers have it
MOMENTUM = 0.9  # of SGD, in all of them
REFINER = {"b1": 0.5, "max_norm": 5.0}  # of Adam: the appendix of arXiv 1612.05424
SMALL_SIDE = 16  # pixels, below which the first layer keeps them all


def open_pair(domains: Domains) -> "Pair":
    """Prepares a pair of domains, and reads none of their images."""
    from jaxdl import sim2real

    sizes = {"train_images": domains.train_images, "test_images": domains.test_images}
    return sim2real.open_pair(domains.pair, domains.data_dir, **sizes)


def column(net: Net, pair: "Pair") -> "Column":
    """Makes the net, of as many strides as the images have pixels for."""
    from jaxdl.sim2real.columns import Column

    strides = (1, 2, 2) if min(pair.image_shape[:2]) < SMALL_SIDE else (2, 2, 2)
    return Column(pair.classes, net.width, strides, net.features)


def open_pair_and_column(config: "MixingConfig") -> "tuple[Pair, Column]":
    """Prepares a pair of domains, and the net that reads both."""
    pair = open_pair(config.domains)
    return pair, column(config.net, pair)


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


def mixing_optimizer(config: "MixingConfig", stage: str) -> "optax.GradientTransformation":
    """Makes the optimizer of a stage; the two before the last share the steps of a net."""
    from jaxdl.ops import make_optimizer

    steps = horizon(config.run)
    pretraining = config.pretrain_steps
    own = {"simulated": pretraining, "fine_tuned": steps - pretraining}.get(stage, steps)
    return make_optimizer(**asdict(config.optimizer), steps=own, momentum=MOMENTUM)


def painter(options: Refiner) -> "Repainter":
    """Makes the net that repaints."""
    from jaxdl.sim2real.repainter import Repainter

    return Repainter(options.painter, options.blocks)


def refiner_system(options: Refiner, net: "Column", pair: "Pair") -> "System":
    """Builds the stage of the refiner; each of its nets has an optimizer of its own."""
    from jaxdl import sim2real
    from jaxdl.launch import System
    from jaxdl.ops import make_optimizer

    rate, steps = options.refiner_rate, options.refiner_steps
    tx, discriminator_tx = (
        make_optimizer(learning_rate=rate, steps=steps, **REFINER) for _ in range(2)
    )
    weights = (options.domain_weight, options.task_weight, options.content_weight)
    learner = sim2real.refiner(
        sim2real.Players(painter(options), sim2real.Critic(options.critic), net),
        tx,
        discriminator_tx,
        image_shape=pair.image_shape,
        form=options.form,
        weights=sim2real.Weights(*weights),
        foreground=None if pair.name == "objects" else sim2real.ink,  # digits are bright on black
        open_domains=pair.read,
    )
    read = partial(sim2real.crossing_training, pair, options.refiner_batch)
    return System(learner, read, 2 * options.refiner_batch, sim2real.repainted_exhibit)


def mixed_deployment(net: "Column", pair: "Pair", place: int) -> "Deployment":
    """Keeps the net of joint training at one of the shares: images of bytes -> logits."""
    import jax

    from jaxdl.data import as_floats
    from jaxdl.deploy import Deployment

    def apply(weights, inputs):
        return {"logits": net.apply({"params": weights}, as_floats(inputs["images"])).logits}

    return Deployment(
        f"A classifier of {pair.name} by simulated images and all real labels that there were: "
        "images of 0 to 255 -> logits.",
        lambda state: jax.tree.map(lambda x: x[place], state.params),
        apply,
        {"images": jax.ShapeDtypeStruct(pair.image_shape, "uint8")},
    )
