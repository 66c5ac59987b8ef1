"""What a step of each pretext task costs, beside SimCLR's on the same images and trunk."""

import jax
import numpy as np

from experiments._timing import measure, scored_step
from experiments.vision import _torch_peers, context_encoder, jigsaw, rotation, simclr
from jaxdl.launch import configure

BATCH = 64  # images; rotation makes 256 of them, SimCLR 128
MODULES = {"jaxdl": rotation, "jigsaw": jigsaw, "context encoder": context_encoder}
NOTES = {
    "jaxdl": "4 rotations an image",
    "jigsaw": "4 tiles of 14 x 14 an image",
    "context encoder": "a decoder beside the trunk",
    "SimCLR": "2 views an image, with colors",
}


def rotation_step(peers: bool | str) -> list[dict]:
    """Times whole steps on images like CIFAR's, augmentation included; an item is an image."""
    key = jax.random.key(0)
    images = jax.random.randint(key, (BATCH, 32, 32, 3), 0, 256).astype("uint8")
    candidates = {}
    for who, module in (MODULES | {"SimCLR": simclr}).items():
        settings = {"data": "cifar10", "batch_size": BATCH}
        config = configure(module.__name__.split(".")[-1], module.PRESETS, "cpu", settings)
        learner = module.build(config).learner
        candidates[who] = scored_step(learner, key, images, items=BATCH, note=NOTES[who])
    if steps := _torch_peers.load_steps(peers):
        config = rotation.PRESETS["cpu"]
        step = steps.rotation_step(
            np.asarray(images), margin=config.margin, crop_min=config.views.crop_min
        )
        note = "torchvision's transforms, a constant rate"
        candidates["torch"] = _torch_peers.candidate(step, items=BATCH, note=note)
    return measure("rotation_step", candidates)


CASES = {"rotation_step": rotation_step}
