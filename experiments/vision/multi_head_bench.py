"""What a step of two heads costs, beside that of task 1 alone."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, measure, scored_step
from experiments.vision.multi_head import PRESETS, build
from jaxdl.data import Taught
from jaxdl.launch import configure

SIDE = 8


def multi_head_step(peers: bool) -> list[dict[str, Any]]:
    """Times a whole step of the CPU preset; an item is an image of task 1."""
    del peers
    rows = []
    for pretext in ("contrastive", "jigsaw", "rotation"):
        candidates = {
            "together": _step(pretext, "labels", "five nets with task 1, five without"),
            "task 1 alone": _step(pretext, "task_one", "one net"),
        }
        rows += measure(f"multi_head_step_{pretext}", candidates)
    return rows


def _step(pretext: str, stage: str, note: str) -> Candidate:
    settings = {"pretext": pretext, "order": "together"}
    config = configure("multi_head", PRESETS, "cpu", settings)
    learner = build(config, stage).learner
    key = jax.random.key(0)
    size, numbers = config.batch_size, len(config.counts)
    images = jax.random.randint(key, (size, 1 + numbers, SIDE, SIDE, 1), 0, 256).astype(jnp.uint8)
    labels = jnp.arange(size * numbers).reshape(size, numbers) % config.classes
    batch = Taught(images[:, 0], images[:, 1:], labels)
    return scored_step(learner, key, batch, items=size, note=note)


CASES = {"multi_head_step": multi_head_step}
