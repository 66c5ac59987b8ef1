"""What a student's step and its RandAugment cost."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image, ImageEnhance, ImageOps

from experiments._timing import Candidate, measure
from jaxdl.data import rand_augment
from jaxdl.data.pool import Pool
from jaxdl.data.rand_augment import OPERATIONS, amounts, distort_all_at_once
from jaxdl.nn.noisy import NoisyMLP
from jaxdl.vision import noisy_student
from jaxdl.vision.noisy_student import Sizes

BATCH = 256
MAGNITUDE = 9


def student_step(peers: bool) -> list[dict]:
    """Times a step on images as of MNIST, beside its noise of the input; an item is an image."""
    del peers
    shape = (28, 28, 1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2000, *shape), np.uint8)
    labels = rng.integers(0, 10, 2000).astype(np.int32)
    pool = Pool(images, labels, images[:10], labels[:10], 10)
    augment = rand_augment(magnitude=MAGNITUDE)

    def make(noise):
        net = NoisyMLP(10, 256, 2, dropout=0.5, drop_path=0.2)
        return noisy_student(
            net,
            optax.adam(2e-3),
            noise,
            lambda: pool,
            image_shape=shape,
            sizes=Sizes(100, 1900, 100, 10),
            labeled_batch=32,
            unlabeled_batch=BATCH - 32,
        )

    ours, plain = make(augment), make(lambda key, images: images)
    key = jax.random.key(0)
    state = ours.init(key)
    candidates = {
        "jaxdl": Candidate(ours.step, (key, state, ()), BATCH),
        "augment alone": Candidate(augment, (key, images[:BATCH]), BATCH, "part of the step"),
        "no augment": Candidate(plain.step, (key, state, ()), BATCH, "the rest of the step"),
    }
    return measure("student_step_mnist", candidates)


def augmentation(peers: bool) -> list[dict]:
    """Times one operation an image, on MNIST's and CIFAR's shapes: as chosen, and all at once."""
    rows = []
    for side, channels in ((28, 1), (32, 3)):
        key = jax.random.key(0)
        images = jax.random.randint(key, (BATCH, side, side, channels), 0, 256).astype(jnp.uint8)
        operation = jax.random.randint(key, (BATCH,), 0, len(OPERATIONS))
        full = jnp.full(BATCH, float(MAGNITUDE))
        drawn = amounts(operation, full, jnp.ones(BATCH), side, side)
        values = images.astype(jnp.float32)
        candidates = {
            "jaxdl": Candidate(rand_augment(count=1, magnitude=MAGNITUDE), (key, images), BATCH),
            "all at once": Candidate(
                distort_all_at_once, (values, drawn), BATCH, "what accelerators compute"
            ),
        }
        if peers:
            host = partial(by_pillow, shape=images.shape)
            candidates["pillow"] = Candidate(
                lambda x, d, host=host: jax.pure_callback(host, jax.eval_shape(lambda: x), x, *d),
                (images, drawn),
                BATCH,
                "Pillow 13, on which torchvision's RandAugment of images rests, in one thread",
            )
        rows += measure(f"rand_augment_{side}x{side}x{channels}", candidates)
    return rows


def by_pillow(images, operation, amount, *, shape):
    """Distorts images [B, H, W, C] of bytes one by one on the host."""
    arrays = np.asarray(images)
    rows = zip(arrays, np.asarray(operation), np.asarray(amount), strict=True)
    done = [np.asarray(distorted(*row)) for row in rows]
    return np.stack(done).reshape(shape)


def distorted(image: np.ndarray, operation: int, amount: float) -> Image.Image:
    """Distorts one image by Pillow."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    name = OPERATIONS[int(operation)]
    amount = float(amount)
    maps = {
        "shear_x": (1, amount, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, amount, 1, 0),
        "translate_x": (1, 0, -amount, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, -amount),
    }
    enhancers = {
        "brightness": ImageEnhance.Brightness,
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "sharpness": ImageEnhance.Sharpness,
    }
    if name in maps:
        return picture.transform(picture.size, Image.Transform.AFFINE, maps[name])
    if name in enhancers:
        return enhancers[name](picture).enhance(1 + amount)
    others = {
        "rotate": lambda: picture.rotate(amount),
        "posterize": lambda: ImageOps.posterize(picture, int(amount)),
        "solarize": lambda: ImageOps.solarize(picture, amount),
        "auto_contrast": lambda: ImageOps.autocontrast(picture),
        "equalize": lambda: ImageOps.equalize(picture),
    }
    return others.get(name, lambda: picture)()


CASES = {"student_step": student_step, "rand_augment": augmentation}
