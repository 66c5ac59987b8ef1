"""MAE: features from filling in three quarters of an image (He et al. 2021).

Masked Autoencoders Are Scalable Vision Learners, arXiv 2111.06377: on ImageNet, a ViT-L
reaches 84.9 % when it is fine-tuned after this, against 82.5 % from scratch; under a linear probe
73.5 %.

Measured on digits (5 seeds): fine-tuned 97.0 ± 0.9 %, from scratch 93.5 ± 1.6 %; under a linear
probe 90.1 ± 2.3 %, which is less than the untrained net's 92.4 ± 0.3 %.

    ./run mae                                       digits, patches of 2 x 2
    ./run mae --preset=gpu --data_dir=<folder>      CIFAR-10, 200 epochs
    ./run mae --preset=paper --data_dir=<folder>    ImageNet, ViT-L, batch 4096, 800 epochs
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from experiments.vision import _setup
from experiments.vision._contrastive import describe
from experiments.vision._options import Probe, Views
from experiments.vision._pretexts import CIFAR, IMAGENET, SHORT, wrap_learner
from jaxdl.core.run import Run, option
from jaxdl.launch import System, launch
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    from jaxdl.nn import MaskedAutoencoder

ABOUT = describe(
    "MAE",
    "He et al. 2021",
    "2111.06377",
    summary="Learns features of images by filling in the patches that it does not see.",
    paper_says="73.5 % on ImageNet with a ViT-L, 84.9 % when fine-tuned",
    curves=("loss",),
)


@dataclass(frozen=True)
class Transformer:
    """Which net fills the gaps."""

    group: ClassVar[str] = "net"

    patch: int = option(2, "side of the patches, which divides that of the images", at_least=1)
    width: int = option(128, "of the encoder's tokens, a multiple of 4", at_least=4)
    depth: int = option(4, "blocks of the encoder", at_least=1)
    heads: int = option(4, "of its attention", at_least=1)
    decoder_width: int = option(64, "of the decoder's tokens, a multiple of 4", at_least=4)
    decoder_depth: int = option(1, "blocks of the decoder", at_least=1)
    decoder_heads: int = option(4, "of its attention", at_least=1)
    bfloat16: bool = option(False, "compute in bfloat16; parameters stay float32")


def descend(rate: float, warmup: float) -> Optimizer:
    """Returns the authors' rule for pre-training."""
    return Optimizer("adamw", rate, "cosine", warmup=warmup, weight_decay=0.05)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with how much of it hidden."""

    run: Run = Run(steps=2000, steps_per_call=50)
    images: Images = Images()
    transformer: Transformer = Transformer()
    probe: Probe = Probe()
    optimizer: Optimizer = descend(2e-3, 0.1)
    views: Views = Views(crop_min=1.0, color=0.0, gray=0.0)
    batch_size: int = option(256, "images a step, of which each is masked anew", at_least=1)
    mask_ratio: float = option(0.75, "share of the patches that is hidden", above=0, below=1)
    normalize: bool = option(True, "predict each patch normalized by its mean and deviation")


SMALL = Transformer(width=32, depth=1, decoder_width=16)
CROPS = Views(crop_min=0.2, color=0.0, gray=0.0)
PRESETS = {
    "smoke": Config(SHORT, transformer=SMALL, batch_size=64),
    "cpu": Config(),
    "gpu": Config(
        Run(39_000, steps_per_call=100, save_every=2_000),
        CIFAR.images,
        Transformer(4, 192, 12, 3, 96, 2, 3, bfloat16=True),
        optimizer=descend(1e-3, 0.05),
        views=CROPS,
    ),
    "paper": Config(  # theirs: rate 1.5e-4 * batch / 256, 800 epochs of which 40 are warmup
        Run(250_000, steps_per_call=10, save_every=1_000),
        IMAGENET.images,
        Transformer(16, 1024, 24, 16, 512, 8, 16, bfloat16=True),
        IMAGENET.probe,
        descend(2.4e-3, 0.05),
        CROPS,
        batch_size=4096,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from functools import partial

    from jaxdl import vision
    from jaxdl.vision.mae import encode_whole

    images = _setup.open_images(config.images, config.probe)
    learner = vision.mae(
        make_net(config.transformer, bfloat16=config.transformer.bfloat16),
        _setup.optimizer(config.optimizer, config.run),
        image_shape=images.shape,
        augment=None if config.views.crop_min == 1 else _setup.views(config.views, images),
        mask_ratio=config.mask_ratio,
        normalize=config.normalize,
        probe=_setup.probe(config.probe, images),
    )
    encode = partial(encode_whole, make_net(config.transformer, bfloat16=False))
    shown = vision.reconstruction_exhibit
    system = wrap_learner(ABOUT.title, learner, images, config.probe, encode, shown)
    return system._replace(
        data=lambda: images.training(config.batch_size), samples_per_step=config.batch_size
    )


def make_net(options: Transformer, *, bfloat16: bool) -> "MaskedAutoencoder":
    """Makes the encoder and the decoder."""
    import jax.numpy as jnp

    from jaxdl.nn import MaskedAutoencoder, ViT

    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    encoder = ViT(options.patch, options.width, options.depth, options.heads, dtype=dtype)
    return MaskedAutoencoder(
        encoder, options.decoder_width, options.decoder_depth, options.decoder_heads, dtype
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
