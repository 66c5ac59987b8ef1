"""What a step of a masked autoencoder costs beside one of the same ViT on all patches."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._timing import measure, scored_step
from experiments.vision import _torch_peers
from jaxdl.core import Learner
from jaxdl.nn import Classified, MaskedAutoencoder, ViT
from jaxdl.vision import init_net, mae, supervised_step

CLASSES = 10
BATCH = 256


def mae_step(peers: bool | str) -> list[dict]:
    """Times whole steps on digits and on images of CIFAR's size; an item is an image."""
    digits = MaskedAutoencoder(ViT(2, 128, 4, 4), 64, 1, 4)
    rows = _steps("mae_step_digits", digits, (BATCH, 8, 8, 1), peers)
    if jax.default_backend() == "cpu":
        cifar = MaskedAutoencoder(ViT(4, 128, 4, 4), 64, 1, 4)
    else:  # of the gpu preset
        cifar = MaskedAutoencoder(
            ViT(4, 192, 12, 3, dtype=jnp.bfloat16), 96, 2, 3, dtype=jnp.bfloat16
        )
    return rows + _steps("mae_step_cifar", cifar, (BATCH, 32, 32, 3), peers)


def _steps(
    case: str, net: MaskedAutoencoder, shape: tuple[int, ...], peers: bool | str
) -> list[dict]:
    """Both trainings, by the same optimizer on the same images."""
    tx = optax.adamw(1e-3)
    key = jax.random.key(0)
    images = jax.random.randint(key, shape, 0, 256).astype(jnp.uint8)
    labels = jnp.arange(shape[0]) % CLASSES
    ours = mae(net, tx, image_shape=shape[1:])
    whole = whole_patches(net.encoder, tx, shape[1:])
    note = "the same ViT, a classifier trained on all patches"
    candidates = {
        "jaxdl": scored_step(ours, key, images, items=shape[0]),
        "all patches": scored_step(whole, key, (images, labels), items=shape[0], note=note),
    }
    if steps := _torch_peers.load_steps(peers):
        step = steps.mae_step(np.asarray(images), patch=net.encoder.patch)
        note = "torch's transformer blocks, masked by lightly; the decoder's head sees masked alone"
        candidates["torch"] = _torch_peers.candidate(step, items=shape[0], note=note)
    return measure(case, candidates)


def whole_patches(
    encoder: ViT, tx: optax.GradientTransformation, image_shape: tuple[int, ...]
) -> Learner:
    """Makes the learner of a classifier, of batches (images [B, H, W, C], labels [B])."""
    net = Classified(encoder, CLASSES)
    return Learner(
        lambda key: init_net(key, net, tx, jnp.zeros((1, *image_shape))),
        lambda key, state, batch: supervised_step(net, tx, state, *batch),
    )


CASES = {"mae_step": mae_step}
