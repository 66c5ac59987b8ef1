"""What a step of each pretext task costs, beside SimCLR's on the same images and trunk."""

import jax

from experiments._timing import Candidate, measure
from experiments.vision import context_encoder, jigsaw, rotation, simclr
from jaxdl.launch import configure

BATCH = 64  # images; rotation makes 256 of them, SimCLR 128
MODULES = {"jaxdl": rotation, "jigsaw": jigsaw, "context encoder": context_encoder}
NOTES = {
    "jaxdl": "4 rotations an image",
    "jigsaw": "4 tiles of 14 x 14 an image",
    "context encoder": "a decoder beside the trunk",
    "SimCLR": "2 views an image, with colors",
}


def rotation_step(peers: bool) -> list[dict]:
    """Times whole steps on images like CIFAR's, augmentation included; an item is an image."""
    del peers
    key = jax.random.key(0)
    images = jax.random.randint(key, (BATCH, 32, 32, 3), 0, 256).astype("uint8")
    candidates = {}
    for who, module in (MODULES | {"SimCLR": simclr}).items():
        settings = {"data": "cifar10", "batch_size": BATCH}
        config = configure(module.__name__.split(".")[-1], module.PRESETS, "cpu", settings)
        learner = module.build(config).learner
        candidates[who] = Candidate(
            learner.step, (key, jax.jit(learner.init)(key), images), BATCH, NOTES[who]
        )
    return measure("rotation_step", candidates)


CASES = {"rotation_step": rotation_step}
