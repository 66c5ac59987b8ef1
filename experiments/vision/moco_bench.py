"""What a whole MoCo step costs, beside the same step of lightly with torchvision's transforms.

Both have three convolutions of 16, 32 and 64 channels with stride 2 and batch normalization, 2 x 2
pooled features, an MLP head of 128 and 64, 256 images of 32 x 32 in bytes, two views of each (crop,
flip, color jitter of strength 1/2, gray), a queue of 4,096, plain SGD with momentum, float32.
"""

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure, scored_step
from experiments.vision import _torch_peers
from jaxdl.data import simclr_augmentation
from jaxdl.nn import ConvNet, Projected
from jaxdl.ops import make_optimizer
from jaxdl.vision import moco
from jaxdl.vision.contrastive import in_pairs

SHAPE = (256, 32, 32, 3)
QUEUE = 4096
FEATURES = 64
GROUPS = 8


def moco_step(peers: bool | str) -> list[dict]:
    """Times a whole step beside its augmentation alone; an item is an image, which is two views."""
    augment = simclr_augmentation(SHAPE[1], color_strength=0.5, blur=0.0)
    net = Projected(ConvNet(16, groups=GROUPS), 128, FEATURES, norm=False)
    tx = make_optimizer(optimizer="sgd", learning_rate=0.06, steps=1000, momentum=0.9)
    learner = moco(net, tx, augment, image_shape=SHAPE[1:], queue_size=QUEUE)
    key = jax.random.key(0)
    images = jax.random.randint(key, SHAPE, 0, 256).astype(jnp.uint8)
    note = f"statistics of {GROUPS} groups"
    views = key, in_pairs(images / 255.0)
    candidates = {
        "jaxdl": scored_step(learner, key, images, items=SHAPE[0], note=note),
        "augment alone": Candidate(augment, views, SHAPE[0], "part of the step"),
    }
    if steps := _torch_peers.load_steps(peers):
        step = steps.moco_step(np.asarray(images), queue=QUEUE, features=FEATURES)
        note = "lightly with torchvision's transforms; statistics of the whole batch"
        candidates["lightly"] = _torch_peers.candidate(step, items=SHAPE[0], note=note)
    return measure("moco_step", candidates)


CASES = {"moco_step": moco_step}
