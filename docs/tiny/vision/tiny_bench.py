"""What a step of the tiny system costs."""

from typing import Any


def tiny_step(peers: bool) -> list[dict[str, Any]]:
    """Times a whole step; an item is an image. There is no peer."""
    import jax
    import numpy as np

    from experiments._timing import Candidate, measure
    from jaxdl.launch import configure

    from .tiny import PRESETS, SIDE, build

    del peers
    config = configure("tiny", PRESETS, "cpu")
    learner = build(config).learner
    key = jax.random.key(0)
    images = np.random.default_rng(0).integers(0, 256, (config.batch_size, SIDE, SIDE, 1), np.uint8)
    labels = np.arange(config.batch_size) % 10
    args = (key, learner.init(key), (images, labels))
    return measure("tiny_step", {"jaxdl": Candidate(learner.step, args, config.batch_size)})


CASES = {"tiny_step": tiny_step}
