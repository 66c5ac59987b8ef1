"""What it costs to paint what is missing: by kind of hole, with an opponent, beside the trunk."""

import jax
import jax.numpy as jnp

from experiments._timing import measure, scored_step
from experiments.vision import _setup, context_encoder
from jaxdl.core import Learner
from jaxdl.launch import configure
from jaxdl.nn import Classified, make_trunk
from jaxdl.vision import init_net, supervised_step

SHAPE = (256, 32, 32, 3)
CLASSES = 10
HOLES = {  # who -> flags and note
    "jaxdl": ({}, "a hole in the middle"),
    "holes anywhere": ({"region": "random"}, ""),
    "with an opponent": ({"adversarial": 0.001}, "both nets are trained in a step"),
}


def context_encoder_step(peers: bool) -> list[dict]:
    """Times whole steps of the cpu preset on images like CIFAR's; an item is an image."""
    del peers
    key = jax.random.key(0)
    images = jax.random.randint(key, SHAPE, 0, 256).astype("uint8")
    candidates = {}
    for who, (holes, note) in HOLES.items():
        settings = {"data": "cifar10", "batch_size": SHAPE[0]} | holes
        config = configure("context_encoder", context_encoder.PRESETS, "cpu", settings)
        learner = context_encoder.build(config).learner
        candidates[who] = scored_step(learner, key, images, items=SHAPE[0], note=note)
    config = context_encoder.PRESETS["cpu"]
    tx = _setup.optimizer(config.optimizer, config.run)
    batch = images, jnp.arange(SHAPE[0]) % CLASSES
    note = "the same trunk, a classifier in the decoder's place"
    candidates["trunk"] = scored_step(classifier(tx), key, batch, items=SHAPE[0], note=note)
    return measure("context_encoder_step", candidates)


def classifier(tx) -> Learner:
    """Makes the learner of the trunk with labels, of batches (images [B, H, W, C], labels [B])."""
    net = Classified(make_trunk("conv", SHAPE[1:]), CLASSES)
    return Learner(
        lambda key: init_net(key, net, tx, jnp.zeros((1, *SHAPE[1:]))),
        lambda key, state, batch: supervised_step(net, tx, state, *batch),
    )


CASES = {"context_encoder_step": context_encoder_step}
