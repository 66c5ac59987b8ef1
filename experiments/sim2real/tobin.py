"""Domain randomization: where is it? An object is found in pictures of reality (Tobin et al. 2017).

Domain Randomization for Transferring Deep Neural Networks from Simulation to the Real World, arXiv
1703.06907: a detector that was trained by simulated pictures with random textures alone is accurate
to 1.5 cm in real images (abstract). Here reality is what training never shows: MuJoCo's OpenGL, or
looks that are held out (bitmaps, soft shadows, a vignette, shot noise), at 48 x 48 pixels.

    ./run tobin                                   a cylinder among others, looks without end
    ./run tobin --randomize=false                 the model's own looks alone
    ./run tobin --textures=16 --distractors=0     16 texturings of the scene, nothing beside it
    ./run tobin --camera_shift=0 --camera_turn=0 --fovy=0 --sensor_noise=0 --blur=0
    ./run tobin --objects=box,cylinder            a detector of several kinds
    ./run tobin --pretrain_steps=400              convolutions trained on digits over photographs
    ./run tobin --reality=held_out --preset=gpu

In the place of ImageNet are scans of digits over photographs, which `--pretrain_steps` classifies
in a stage of its own. `--init_from=<run>#trunk` takes another run's convolutions.
"""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

from experiments.sim2real._table_options import Looks, Scene, open_scene, randomization
from jaxdl.core.run import BadInput, Run, check_options, horizon, option
from jaxdl.launch import About, System, launch, train, train_stage
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="Domain randomization",
    paper="Tobin et al. 2017",
    arxiv="1703.06907",
    summary="Finds an object in pictures of reality, by training on random looks of a simulation.",
    headline="eval/error_cm",
    better="lower",
    unit="cm",
    yardstick="the mean position {eval/trivial_error_cm}",
    paper_says="accurate to 1.5 cm in real images (abstract)",
    samples="images",
    curves=("error_cm", "loss", "eval/held_out_error_cm", "eval/opengl_error_cm"),
    number="random looks, held out",
)


@dataclass(frozen=True)
class Config:
    """What is looked for, in which looks, by which net."""

    run: Run = Run(steps=1600, steps_per_call=100)
    scene: Scene = Scene()
    looks: Looks = Looks()
    optimizer: Optimizer = Optimizer("adam", 4e-3, "cosine", warmup=0.05, max_norm=1.0)
    batch_size: int = option(32, "pictures a step, which are drawn in it", at_least=1)
    channels: tuple[int, ...] = option((16, 32, 32), "of the convolutions", at_least=1)
    strides: tuple[int, ...] = option((2, 2, 2), "of the convolutions", at_least=1, at_most=2)
    hidden: tuple[int, ...] = option((64, 64), "widths of the dense layers", at_least=1)
    readout: Literal["flat", "points"] = option(
        "points", "the dense layers read all of the maps, or where each channel is large"
    )
    pretrain_steps: int = option(0, "of the convolutions, on digits over photographs", at_least=0)
    reality: Literal["opengl", "held_out"] = option(
        "opengl", "what the headline is measured in; without OpenGL looks that are held out"
    )
    real_distractors: int = option(2, "most objects of other kinds there", at_least=0, free=True)
    test_images: int = option(256, "pictures of each reality", at_least=1, free=True)

    def __post_init__(self):
        check_options(self)
        if not self.channels or len(self.channels) != len(self.strides):
            raise BadInput(f"--channels={self.channels} and --strides={self.strides}: should be "
                           "one of each for every convolution")  # fmt: skip


PRESETS = {
    "smoke": Config(
        Run(20, steps_per_call=10),
        Scene(side=16),
        channels=(8, 8),
        strides=(2, 2),
        batch_size=8,
        test_images=16,
    ),  # fmt: skip
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=20_000, steps_per_call=500, save_every=5_000),
        scene=Scene(side=84, distractors=8),
        optimizer=Optimizer("adam", 1e-3, "cosine", warmup=0.05, max_norm=1.0),
        batch_size=256,
        channels=(32, 64, 64, 128),
        strides=(2, 2, 1, 1),
        hidden=(256, 64),
        real_distractors=4,
        test_images=512,
    ),
    "paper": Config(  # pictures of VGG-16's size and its thirteen convolutions, as strides
        run=Run(steps=40_000, steps_per_call=100, save_every=5_000),
        scene=Scene(side=224, distractors=8),
        optimizer=Optimizer("adam", 1e-4, "constant", max_norm=1.0),
        batch_size=64,
        channels=(64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
        strides=(1, 2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2),
        hidden=(256, 64),
        readout="flat",
        real_distractors=4,
        test_images=512,
    ),
}


def build(config: Config, stage: str = "") -> System:
    """Builds the learner of a stage, by default the detector's; no picture is drawn."""
    from jaxdl import sim2real
    from jaxdl.ops import make_optimizer

    trunk = sim2real.Trunk(config.channels, config.strides)
    steps = config.pretrain_steps if stage == "pretraining" else horizon(config.run)
    tx = make_optimizer(**asdict(config.optimizer), steps=steps)
    if stage == "pretraining":
        pair = sim2real.turned_around(sim2real.open_pair("textured_digits"))
        net = sim2real.Recognizer(trunk, config.scene.side)
        learner = sim2real.source_only(net, tx, image_shape=pair.image_shape)
        size = config.batch_size
        return System(learner, lambda: sim2real.crossing_training(pair, size), size)
    table = open_scene(config.scene)
    regime = sim2real.Regime(randomization(config.looks), config.scene.distractors)
    net = sim2real.Detector(trunk, len(table.asked), config.hidden, config.readout)
    real = open_scene(config.scene, config.real_distractors)
    on_opengl = config.reality == "opengl"
    trial = sim2real.Trial(real, config.real_distractors, config.test_images, on_opengl)
    shape = (config.scene.side, config.scene.side, 3)
    learner = sim2real.tobin(
        net,
        tx,
        sim2real.table_pictures(table),
        regime,
        image_shape=shape,
        batch_size=config.batch_size,
        score=sim2real.localization_score(trial),
    )
    return System(
        learner,
        samples_per_step=config.batch_size,
        figures=partial(sim2real.localization_exhibits, table=table, regime=regime),
        deployment=sim2real.detector_deployment(net, shape, config.scene.objects),
    )


def main(config: Config):
    """Trains, in two stages where there is pretraining; returns state and result of the last."""
    if not config.pretrain_steps:
        return train(build, config, ABOUT)
    from jaxdl.sim2real.tobin import start_after

    first, _ = train_stage(build, config, "pretraining", config.pretrain_steps, about=ABOUT)
    start = start_after(build(config).learner, first.params["net"]["trunk"], config.run)
    return train_stage(build, config, "detector", config.run.steps, about=ABOUT, start=start)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
