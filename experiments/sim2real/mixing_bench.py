"""What a step of mixed training costs, of all nets at once, and one of the refiner."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import measure, scored_step
from experiments.sim2real.mixing import PRESETS, Config, build
from jaxdl.launch import configure
from jaxdl.sim2real import Crossing, Mixture

CLASSES = 10


def mixing_step(peers: bool) -> list[dict[str, Any]]:
    """Times a step of all nets of the CPU preset; an item is an image that one net learns from.

    There is no peer: no other project trains the nets of a whole curve side by side.
    """
    del peers
    key = jax.random.key(0)
    candidates = {}
    for who, refine in (("jaxdl", True), ("without the refiner", False)):
        config = configure("mixing", PRESETS, "cpu", {"refine": refine})
        system = build(config)
        nets = len(jax.tree.leaves(jax.eval_shape(system.learner.init, key).params)[0])
        shown = draw(config, config.batch_size, len(config.shares) - 1)
        items = nets * config.batch_size
        note = f"{nets} nets, batch {config.batch_size}"
        candidates[who] = scored_step(system.learner, key, shown, items=items, note=note)
    alone = build(config, "simulated").learner
    batch = Crossing(shown.simulated_images, shown.simulated_labels, shown.simulated_images)
    note = "one net, simulated images alone"
    candidates["one net"] = scored_step(alone, key, batch, items=config.batch_size, note=note)
    return measure("mixing_step", candidates)


def refiner_step(peers: bool) -> list[dict[str, Any]]:
    """Times a step of all three players of the CPU preset; an item is an image of either domain."""
    del peers
    key = jax.random.key(0)
    candidates = {}
    for who, form in (("jaxdl", "logistic"), ("least squares", "least_squares")):
        config = configure("mixing", PRESETS, "cpu", {"form": form})
        size = config.refiner.refiner_batch
        shown = draw(config, size, 1)
        batch = Crossing(shown.simulated_images, shown.simulated_labels, shown.real_images[:, 0])
        learner = build(config, "refiner").learner
        candidates[who] = scored_step(learner, key, batch, items=2 * size, note=f"batch {size}")
    return measure("refiner_step", candidates)


def draw(config: Config, rows: int, shares: int) -> Mixture:
    """Draws a batch of noise of the preset's shape."""
    (spec,) = build(config).deployment.inputs.values()
    images = jax.random.randint(jax.random.key(1), (shares + 1, rows, *spec.shape), 0, 256)
    images = images.astype(jnp.uint8)
    labels = jnp.arange(rows) % CLASSES
    every = jnp.tile(labels[:, None], (1, shares))
    return Mixture(images[0], labels, jnp.moveaxis(images[1:], 0, 1), every)


CASES = {"mixing_step": mixing_step, "refiner_step": refiner_step}
