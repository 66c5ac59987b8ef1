"""MAE: features from filling in three quarters of an image (He et al. 2021).

Masked Autoencoders Are Scalable Vision Learners, arXiv 2111.06377, table 3: fine-tuned on ImageNet,
a ViT-L reaches 85.9 % after this, against 82.6 % from scratch; under a linear probe 75.8 %.

    ./run mae                                       digits, patches of 2 x 2
    ./run mae --preset=gpu --data_dir=<folder>      CIFAR-10, 200 epochs
    ./run mae --preset=paper --data_dir=<folder>    ImageNet, ViT-L, batch 4096, 800 epochs
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from experiments.vision import _setup
from experiments.vision._options import Probe, Views
from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Images, Optimizer

if TYPE_CHECKING:
    from jaxdl.nn import MaskedAutoencoder

ABOUT = About(
    title="MAE",
    paper="He et al. 2021",
    arxiv="2111.06377",
    summary="Learns features of images by filling in the patches that it does not see.",
    headline="eval/probe_accuracy",
    scale=100,
    unit="%",
    yardstick="random features {eval/random_feature_accuracy}, pixels {eval/raw_pixel_accuracy}",
    paper_says="75.8 % on ImageNet with a ViT-L, 85.9 % when fine-tuned (table 3, figure 9)",
    samples="images",
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


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with how much of it hidden."""

    run: Run = Run(steps=2000, steps_per_call=50)
    images: Images = Images()
    optimizer: Optimizer = Optimizer(
        optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=0.05
    )
    transformer: Transformer = Transformer()
    views: Views = Views(crop_min=1.0, color=0.0, gray=0.0)
    probe: Probe = Probe()
    batch_size: int = option(256, "images a step", at_least=1)
    mask_ratio: float = option(0.75, "share of the patches that is hidden", above=0, below=1)
    normalize: bool = option(True, "predict each patch normalized by its mean and deviation")


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        transformer=Transformer(width=32, depth=1, decoder_width=16),
        batch_size=64,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=39_000, steps_per_call=100, save_every=2_000),
        images=Images(data="cifar10"),
        optimizer=Optimizer("adamw", 1e-3, "cosine", warmup=0.05, weight_decay=0.05),
        transformer=Transformer(4, 192, 12, 3, 96, 2, 3, bfloat16=True),
        views=Views(crop_min=0.2, color=0.0, gray=0.0),
    ),
    "paper": Config(  # table 8: rate 1.5e-4 * batch / 256, 800 epochs of which 40 are warmup
        run=Run(steps=250_000, steps_per_call=10, save_every=1_000),
        images=Images(data="imagenet", test_images=10_000),
        optimizer=Optimizer("adamw", 2.4e-3, "cosine", warmup=0.05, weight_decay=0.05),
        transformer=Transformer(16, 1024, 24, 16, 512, 8, 16, bfloat16=True),
        views=Views(crop_min=0.2, color=0.0, gray=0.0),
        probe=Probe(probe_images=13_000),
        batch_size=4096,
    ),
}


def build(config: Config) -> System:
    """Builds the system; no image is read."""
    from jaxdl import vision

    images = _setup.open_images(config.images, config.probe)
    whole = config.views.crop_min == 1 and not config.views.color
    learner = vision.mae(
        make_net(config.transformer, bfloat16=config.transformer.bfloat16),
        _setup.optimizer(config.optimizer, config.run),
        image_shape=images.shape,
        augment=None if whole else _setup.views(config.views, images),
        mask_ratio=config.mask_ratio,
        normalize=config.normalize,
        probe=_setup.probe(config.probe, images),
    )
    exact = make_net(config.transformer, bfloat16=False)
    return System(
        learner,
        data=lambda: images.training(config.batch_size),
        samples_per_step=config.batch_size,
        figures=lambda outcome: [
            *vision.reconstruction_exhibit(outcome),
            *vision.probe_exhibit(outcome, learned="MAE", per_class=config.probe.few),
        ],
        deployment=vision.encoder_deployment(
            lambda state, pictures: vision.encode_whole(exact, state, pictures),
            images.shape,
            text=f"An encoder, trained by MAE on {config.images.data}: "
            "images of 0 to 255 -> features.",
        ),
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
