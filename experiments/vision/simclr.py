"""SimCLR: representations without labels, read by a linear probe (Chen et al. 2020).

A Simple Framework for Contrastive Learning of Visual Representations, arXiv 2002.05709, table 6:
a linear classifier on SimCLR features of a ResNet-50 reaches 69.3 % on ImageNet.

    ./run simclr                                    digits, 25 s on 2 CPU cores: probe 98.2 %
                                                    (untrained net 97.4, pixels 93.6), with 10
                                                    labels a class 92.0 (84.7, 83.8)
    ./run simclr --preset=gpu --data_dir=<folder>   CIFAR-10, ResNet-18, 200 epochs
    ./run simclr --preset=paper --data_dir=<folder> ImageNet, ResNet-50, batch 4096, 100 epochs;
                                                    for several accelerators at once
"""

import dataclasses
import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from experiments.claims import Claim, Verdict, decide
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch.flags import configure, launch

FEW = 10  # labels a class
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
SHAPES |= {"imagenet": (256, 256, 3)}


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net, with which views."""

    run: Run = Run(steps=1000, steps_per_call=50)
    data: Literal["digits", "mnist", "cifar10", "imagenet"] = option("digits", "the images")
    data_dir: str = option("", "where their files lie (digits need none)")
    train_images: int = option(0, "learn and probe with so many training images (0: all)")
    test_images: int = option(0, "probe with so many test images (0: all)")
    baselines: bool = option(True, "probe raw pixels and an untrained net too")
    net: Literal["conv", "resnet18", "resnet50"] = option("conv", "the trunk")
    width: float = option(1.0, "factor on its channels (conv: 16, 32, 64; ResNets: 64 .. 512)")
    bfloat16: bool = option(False, "compute in bfloat16; parameters stay float32")
    hidden: int = option(128, "width of the projection head's hidden layer")
    features: int = option(64, "width of the projections")
    batch_size: int = option(256, "images a step; the loss sees twice as many views")
    temperature: float = option(0.2, "tau of eq. 1")
    chunk: int = option(0, "columns of the similarity matrix held at a time (0: all)")
    optimizer: Literal["adamw", "lars"] = option("adamw", "with warm-up and cosine decay")
    learning_rate: float = option(2e-3, "at its peak", short="lr")
    weight_decay: float = option(1e-4, "on matrices and kernels alone")
    warmup: float = option(0.1, "share of the steps")
    crop_min: float = option(0.4, "smallest crop, as a share of the image")
    color: float = option(0.5, "strength of the color distortion (digits: brightness, contrast)")
    gray: float = option(0.2, "probability of dropping the colors")
    blur: float = option(0.0, "probability of a blur (small images: no effect)")

    def __post_init__(self):
        for name in ("batch_size", "hidden", "features"):
            if getattr(self, name) < 1:
                raise BadInput(f"--{name} must be at least 1, got {getattr(self, name)}")
        for name in ("temperature", "width", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"--{name} must be positive, got {getattr(self, name)}")
        for name in ("crop_min", "warmup", "gray", "blur"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"--{name} must be within 0 and 1, got {getattr(self, name)}")
        for name in ("train_images", "test_images", "chunk", "color", "weight_decay"):
            if getattr(self, name) < 0:
                raise BadInput(f"--{name} must not be negative, got {getattr(self, name)}")


CIFAR = {"data": "cifar10", "crop_min": 0.08, "temperature": 0.5}
PRESETS = {
    "smoke": Config(run=Run(steps=20, steps_per_call=10), width=0.5, batch_size=64),
    "cpu": Config(),
    "gpu": Config(  # appendix B.9: color strength 1/2, no blur; 200 epochs
        run=Run(steps=19_500, steps_per_call=100, save_every=2_000),
        **CIFAR,
        net="resnet18",
        bfloat16=True,
        hidden=512,
        features=128,
        batch_size=512,
        optimizer="lars",
        learning_rate=1.0,
        weight_decay=1e-6,
        warmup=0.05,
    ),
    "paper": Config(  # appendix B.6 and table B.1: learning rate 0.3 * batch / 256, 100 epochs
        run=Run(steps=31_280, steps_per_call=10, save_every=1_000),
        data="imagenet",
        train_images=13_000,  # of the probe, held in memory: about 1 % of the labels
        test_images=10_000,
        net="resnet50",
        bfloat16=True,
        hidden=2048,
        features=128,
        batch_size=4096,
        temperature=0.1,
        chunk=2048,
        optimizer="lars",
        learning_rate=4.8,
        weight_decay=1e-6,
        crop_min=0.08,
        color=1.0,
        blur=0.5,
    ),
}


def main(config: Config) -> tuple[Any, dict]:
    """Learns without labels, probes with them; returns `fit`'s state and result.

    Raises:
      BadInput: bfloat16 on a CPU, where XLA gets it wrong (values up to 1e37 out of a ResNet-18).
    """
    import jax

    from jaxdl import data
    from jaxdl.core import fit
    from jaxdl.data.folder import load_folder

    if config.bfloat16 and jax.default_backend() == "cpu":
        raise BadInput("--bfloat16: jaxlib 0.11.2 compiles such convolutions wrongly for CPUs")
    rows = {"train_rows": config.train_images, "test_rows": config.test_images}
    if config.data == "imagenet":
        images = load_folder(config.data_dir, size=256, **rows)
        batches = data.image_folder(config.data_dir, batch_size=config.batch_size, size=256)
    else:
        images = data.first_rows(loaded(config.data, config.data_dir), **rows)
        batches = data.sampler(images.train_images, config.batch_size)
    learner = build(config, images.train_images.shape[1:], probe=partial(probe, config, images))
    state, result = fit(learner, batches, config.run, samples_per_step=config.batch_size)
    if config.run.workdir:
        augment = views_of(config, images.train_images.shape[1])
        draw(Path(config.run.workdir), images, augment, result["metrics"])
    return state, result


def build(config: Config, image_shape: tuple[int, int, int], **options: Any) -> Any:
    """The learner."""
    from jaxdl import vision

    return vision.simclr(
        network(config, image_shape[0]),
        optimizer(config),
        views_of(config, image_shape[0]),
        image_shape=image_shape,
        temperature=config.temperature,
        chunk=config.chunk or None,
        **options,
    )


def deploy(config: Config) -> tuple[Any, Any]:
    """The learner, and what `./run export` keeps of it: the encoder that the probe reads.

    In float32, like the weights: jaxlib 0.11.2 compiles bfloat16 convolutions wrongly for CPUs.
    """
    import jax

    from jaxdl.core import TrainState
    from jaxdl.deploy import Deployment
    from jaxdl.vision import encoder

    shape, config = SHAPES[config.data], dataclasses.replace(config, bfloat16=False)

    def apply(weights, inputs):
        state = TrainState(weights["params"], opt_state=(), extra=weights["extra"])
        return {"features": encoder(network(config, shape[0]), state)(inputs["images"])}

    text = f"An encoder, trained by SimCLR on {config.data}: images of 0 to 255 -> features."
    images = jax.ShapeDtypeStruct(shape, "uint8")
    return build(config, shape), Deployment(
        text,
        lambda state: {"params": state.params, "extra": state.extra},
        apply,
        {"images": images},
    )


@cache
def loaded(name: str, data_dir: str) -> Any:
    """A data set, read once in a process: claims train on it many times."""
    from jaxdl import data

    return data.load(name, data_dir)


def network(config: Config, side: int) -> Any:
    """The trunk with its projection head, for images of `side` pixels."""
    import jax.numpy as jnp

    from jaxdl import nn

    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    if config.net == "conv":
        strides = (1, 2, 2) if side < 16 else (2, 2, 2)
        trunk = nn.ConvNet(max(round(16 * config.width), 1), strides, dtype)
    else:
        resnet = {"resnet18": nn.resnet18, "resnet50": nn.resnet50}[config.net]
        trunk = resnet(width=config.width, small_images=side <= 64, dtype=dtype)
    return nn.Projected(trunk, config.hidden, config.features)


def optimizer(config: Config) -> Any:
    """AdamW or LARS for the whole run."""
    from jaxdl import vision

    return {"adamw": vision.adamw, "lars": vision.lars}[config.optimizer](
        config.learning_rate,
        steps=config.run.steps,
        warmup_steps=round(config.warmup * config.run.steps),
        weight_decay=config.weight_decay,
    )


def views_of(config: Config, side: int) -> Any:
    """The augmentation; a mirrored digit is another sign, so those are not flipped."""
    from jaxdl.data import simclr_augmentation

    return simclr_augmentation(
        min(side, 224),
        crop_scale=(config.crop_min, 1.0),
        flip=config.data not in ("digits", "mnist"),
        color_strength=config.color,
        grayscale=config.gray,
        blur=config.blur,
    )


def draw(workdir: Path, images: Any, augment: Any, metrics: dict) -> None:
    """Writes figures/pairs.png and figures/probe.svg, and the report again."""
    import jax

    from jaxdl.core import report
    from jaxdl.vision import figures
    from jaxdl.vision.simclr import in_pairs

    folder = workdir / "figures"
    folder.mkdir(exist_ok=True)
    chosen = images.train_images[:10]
    views = jax.jit(lambda x: augment(jax.random.key(0), in_pairs(x / 255.0)))(chosen)
    figures.pairs_figure(chosen, jax.device_get(views)).savefig(folder / "pairs.png", dpi=130)
    names = {"probe": "SimCLR", "random_feature": "random features", "raw_pixel": "raw pixels"}
    panels = {
        title: {
            text: metrics[f"eval/{name}_accuracy{suffix}"]
            for name, text in names.items()
            if f"eval/{name}_accuracy{suffix}" in metrics
        }
        for title, suffix in (("all labels", ""), (f"{FEW} labels a class", "_few"))
    }
    figures.probe_figure(panels).savefig(folder / "probe.svg", metadata={"Date": None})
    report.write(workdir)


def probe(config: Config, images: Any, encoders: dict) -> dict:
    """Accuracies with all labels and with few."""
    from jaxdl.vision import linear_probe

    if not config.baselines:
        encoders = {"probe": encoders["probe"]}
    return linear_probe(images, per_class=FEW)(encoders)


# How each tier measures: preset, seeds, settings; and what the color claim looks at, on CIFAR-10.
TIERS = {"smoke": ("smoke", 2, {}), "cpu": ("cpu", 5, {"steps": 400}), "gpu": ("gpu", 5, {})}
COLOR = {
    "smoke": {"train_images": 500, "test_images": 500, "steps": 4},
    "cpu": {"train_images": 10_000, "test_images": 5_000, "steps": 200, "batch_size": 128},
    "gpu": {},
}
WIDTHS = {"smoke": (0.25, 0.5), "cpu": (0.5, 1.0, 2.0), "gpu": (0.5, 1.0, 2.0)}


@cache
def accuracies(tier: str, changes: tuple[tuple[str, Any], ...] = ()) -> dict[str, Any]:
    """Name -> test accuracies [seeds] in percent, after training with these settings."""
    import numpy as np

    preset, seeds, settings = TIERS[tier]
    settings = settings | dict(changes)
    if preset == "gpu":  # one after the other: a ResNet under vmap has grouped convolutions
        settings = {"data_dir": cifar_folder()} | settings
        several = [{"seed": seed} for seed in range(seeds)]
    else:
        several = [{"num_seeds": seeds}]
    results = [main(configure("simclr", PRESETS, preset, settings | one))[1] for one in several]
    names = [name for name in results[0]["metrics"] if "_accuracy" in name]
    values = {n: np.concatenate([r["metrics"][n]["values"] for r in results]) for n in names}
    return {name.removeprefix("eval/"): 100 * value for name, value in values.items()}


def verdict(gaps: dict[str, Any], numbers: dict[str, Any], unit: str) -> Verdict:
    """Holds where the 95 % interval of each gap [seeds] is above 0; fails where one is below."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    intervals = {name: interval(values) for name, values in gaps.items()}
    answer = decide(*intervals.values())
    numbers = {name: interval(values) for name, values in numbers.items()}
    parts = [f"{name} {show(gap)} {unit}" for name, gap in intervals.items()]
    parts.append("; ".join(f"{name} {show(one)} %" for name, one in numbers.items()))
    return Verdict(answer, f"{', '.join(parts[:-1])} ({parts[-1]})", numbers | intervals)


def features_beat_baselines(tier: str) -> Verdict:
    """Paired over seeds: the probe on SimCLR's features, on an untrained net's, on pixels."""
    got, gaps = accuracies(tier, (("width", WIDTHS[tier][-2]),)), {}
    for suffix, title in (("", "all labels"), ("_few", f"{FEW} labels a class")):
        for name in ("raw_pixel", "random_feature"):
            gap = got[f"probe_accuracy{suffix}"] - got[f"{name}_accuracy{suffix}"]
            gaps[f"over {name.replace('_', ' ')}s, {title}:"] = gap
    return verdict(gaps, got, "points")


def color_helps(tier: str) -> Verdict:
    """Paired over seeds, on CIFAR-10: crops with color distortion against crops alone."""
    if not cifar_folder():
        text = "the digits have no color; set JAXDL_DATA to a folder with CIFAR-10"
        return Verdict("undecided", text, {})
    settings = {**CIFAR, "data_dir": cifar_folder(), "baselines": False} | COLOR[tier]
    both = accuracies(tier, tuple(settings.items()))["probe_accuracy"]
    crop = accuracies(tier, (*settings.items(), ("color", 0.0), ("gray", 0.0)))["probe_accuracy"]
    return verdict({"color adds": both - crop}, {"crop + color": both, "crop": crop}, "points")


def wider_is_better(tier: str) -> Verdict:
    """The slope of each seed's accuracy over the logarithm of the width."""
    import numpy as np

    factors = WIDTHS[tier]
    runs = [accuracies(tier, (("width", width),)) for width in factors]
    doublings, gaps = np.log2(factors), {}
    for suffix, title in (("", "all labels"), ("_few", f"{FEW} labels a class")):
        values = np.stack([run[f"probe_accuracy{suffix}"] for run in runs])
        gaps[f"slope with {title}:"] = np.polyfit(doublings, values, 1)[0]
    numbers = {f"width {w:g}": run["probe_accuracy"] for w, run in zip(factors, runs, strict=True)}
    return verdict(gaps, numbers, "points per doubling")


def cifar_folder() -> str:
    """The folder of the real data, or "" where there is none."""
    folder = Path(os.environ.get("JAXDL_DATA", ""), "vision")
    return str(folder) if "JAXDL_DATA" in os.environ and folder.is_dir() else ""


CLAIMS = [
    Claim(
        "features",
        "SimCLR's features beat raw pixels and random features under a linear probe, with all "
        "labels and with few",
        "Chen et al. 2020, tables 6 and 7",
        features_beat_baselines,
    ),
    Claim(
        "color",
        "crops with color distortion beat crops alone",
        "Chen et al. 2020, figure 5",
        color_helps,
    ),
    Claim(
        "width",
        "wider nets learn better representations",
        "Chen et al. 2020, figure 7 and table 6",
        wider_is_better,
    ),
]

if __name__ == "__main__":
    launch(main, PRESETS)
