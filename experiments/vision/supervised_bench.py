"""What a step of supervised learning costs, with the whole net and with its head alone."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, measure, scored_step
from experiments.vision.supervised import PRESETS, build
from jaxdl.data import Labelled
from jaxdl.launch import configure

CASES_OF = {"supervised_step_digits": {}, "supervised_step_cifar": {"data": "cifar10"}}


def supervised_step(peers: bool) -> list[dict[str, Any]]:
    """Times a whole step of the CPU preset; an item is an image."""
    del peers
    rows = []
    for case, settings in CASES_OF.items():
        candidates = {
            "jaxdl": _step(settings),
            "frozen trunk": _step(settings | {"frozen": ("trunk",)}, "the head alone learns"),
        }
        rows += measure(case, candidates)
    return rows


def _step(settings: dict[str, Any], note: str = "") -> Candidate:
    config = configure("supervised", PRESETS, "cpu", settings)
    system = build(config)
    shape = system.deployment.inputs["images"].shape
    key = jax.random.key(0)
    images = jax.random.randint(key, (config.batch_size, *shape), 0, 256).astype(jnp.uint8)
    batch = Labelled(images, jnp.arange(config.batch_size) % config.labels.classes)
    return scored_step(system.learner, key, batch, items=config.batch_size, note=note)


CASES = {"supervised_step": supervised_step}
