"""What the contrastive loss and a whole SimCLR step cost."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._timing import Candidate, measure, scored_step
from experiments.vision import _torch_peers
from jaxdl import losses
from jaxdl.data import simclr_augmentation
from jaxdl.data.augment import Augment
from jaxdl.nn import ConvNet, Projected, resnet18
from jaxdl.ops import make_optimizer
from jaxdl.vision import simclr
from jaxdl.vision.contrastive import in_pairs

DIM = 128
CHUNK = 512  # columns: the best of 128 to 1024 on a CPU at 2,048 rows


def dense_ntxent(z1: jax.Array, z2: jax.Array, temperature: float = 0.1) -> jax.Array:
    """Computes the usual form of [N, D] twice: z z^T of all 2N rows, differentiated by JAX."""
    n = len(z1)
    z = jnp.concatenate([z1, z2])
    z = z / jnp.linalg.norm(z, axis=1, keepdims=True)
    logits = jnp.where(jnp.eye(2 * n, dtype=bool), -jnp.inf, z @ z.T / temperature)
    return optax.losses.softmax_cross_entropy_with_integer_labels(
        logits, jnp.roll(jnp.arange(2 * n), n)
    ).mean()


def optax_ntxent(z1: jax.Array, z2: jax.Array) -> jax.Array:
    """Computes the peer's form, which multiplies [2N, 1, D] by [1, 2N, D]."""
    labels = jnp.tile(jnp.arange(len(z1)), 2)
    return optax.losses.ntxent(jnp.concatenate([z1, z2]), labels, temperature=0.1)


def ntxent(peers: bool, sizes: tuple[int, ...] = ()) -> list[dict]:
    """Times value and gradient for 2N rows of 128; an item is a row.

    Args:
      peers: optax's too, where its 6.5 GB at 2,048 rows fit.
      sizes: 2N; by default 1,024 to 8,192 on a CPU, and 4,096 to 65,536 on an accelerator.
    """
    on_cpu = jax.default_backend() == "cpu"
    sizes = sizes or tuple(2**i for i in (range(10, 14) if on_cpu else range(12, 17, 2)))
    rows = []
    for size in sizes:
        keys = jax.random.split(jax.random.key(0), 2)
        z = tuple(jax.random.normal(key, (size // 2, DIM)) for key in keys)
        forms = {
            "jaxdl": (partial(losses.ntxent, chunk=CHUNK), f"chunk {CHUNK}"),
            "dense": (dense_ntxent, ""),
        }
        if peers and size <= 2048:
            forms["optax"] = optax_ntxent, "optax.losses.ntxent"
        candidates = {
            who: Candidate(jax.value_and_grad(loss, (0, 1)), z, size, note)
            for who, (loss, note) in forms.items()
        }
        rows += measure(f"ntxent_{size}", candidates)
    return rows


def simclr_step(peers: bool | str) -> list[dict]:
    """Times a whole step beside its augmentation alone; an item is an image, which is two views."""
    cases = {
        "simclr_step_digits": (8, 1, Projected(ConvNet(16, (1, 2, 2))), 256, False),
        "simclr_step_cifar": (32, 3, Projected(ConvNet(16)), 256, True),
    }
    if jax.default_backend() != "cpu":
        net = Projected(resnet18(small_images=True, dtype=jnp.bfloat16), 512, 128)
        cases = {"simclr_step_resnet18": (32, 3, net, 512, True)}
    rows = []
    for case, (side, channels, net, batch_size, flip) in cases.items():
        augment = simclr_augmentation(side, flip=flip, color_strength=0.5, blur=0.0)
        theirs = peers if case == "simclr_step_cifar" else False
        rows += _step(case, net, augment, (batch_size, side, side, channels), theirs)
    return rows


def _step(
    case: str, net: Projected, augment: Augment, shape: tuple[int, ...], peers: bool | str
) -> list[dict]:
    tx = make_optimizer(
        optimizer="adamw",
        learning_rate=2e-3,
        schedule="cosine",
        steps=1000,
        warmup=0.1,
        weight_decay=1e-4,
    )
    learner = simclr(net, tx, augment, image_shape=shape[1:])
    key = jax.random.key(0)
    images = jax.random.randint(key, shape, 0, 256).astype(jnp.uint8)
    views = (key, in_pairs(images / 255.0))
    candidates = {
        "jaxdl": scored_step(learner, key, images, items=shape[0]),
        "augment alone": Candidate(augment, views, shape[0], "part of the step"),
    }
    if steps := _torch_peers.load_steps(peers):
        step = steps.simclr_step(np.asarray(images), hidden=net.hidden, features=net.features)
        note = "lightly with torchvision's transforms; a constant rate"
        candidates["lightly"] = _torch_peers.candidate(step, items=shape[0], note=note)
    return measure(case, candidates)


CASES = {"ntxent": ntxent, "simclr_step": simclr_step}
