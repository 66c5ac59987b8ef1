"""Domain confusion: features that are alike in simulation and reality (Tzeng et al. 2014).

Deep Domain Confusion, arXiv 1412.3474: labels of one domain, images of another. `--method` names
what draws them together: their maximum mean discrepancy ("mmd"), a classifier that is to be
confused ("confusion", Tzeng et al. 2015, arXiv 1510.02192), a reversed gradient ("dann": Ganin et
al. 2016, arXiv 1505.07818, table 2: from MNIST to MNIST-M 76.66 % in the place of 52.25 %), or
columns beside each other with few labels of the target ("progressive": Rusu et al. 2016, arXiv
1610.04286). "source" learns the source alone, as the twin beside each of them does.

Measured on a CPU (5 seeds, 600 steps): on digits over photographs MMD reads 1.5 ± 1.1 points more
than the source alone (56.0 ± 0.6 %), DANN -1.8 ± 2.0 and the confusion loss -2.5 ± 2.5; on MNIST-M
(36.9 ± 9.9 %) they read 15.3 ± 8.3, 8.4 ± 9.4 and 12.7 ± 8.0 more.

    ./run confusion                                 digits, and digits over photographs
    ./run confusion --method=mmd --bandwidths=0.5,1,2
    ./run confusion --method=progressive --target_labels=50
    ./run confusion --pair=mnist_m --data_dir=<folder of MNIST> --train_images=10000
    ./run confusion --preset=gpu --data_dir=<folder of MNIST>       MNIST to MNIST-M, all of it

MNIST-M is one of our own making, since the original's photographs are not at hand: the source and
the target have half of MNIST's digits each. "progressive" trains in two stages, "source", "target".
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from experiments.sim2real import _setup
from experiments.sim2real._options import Domains, Net
from jaxdl.core.run import BadInput, Run, check_options, option
from jaxdl.launch import About, System, launch, train, train_stage
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="Domain confusion",
    paper="Tzeng et al. 2014",
    arxiv="1412.3474",
    summary="Learns from labels of one domain to read another, by features that are alike in both.",
    headline="eval/accuracy",
    scale=100,
    unit="%",
    yardstick="the source alone {eval/source_only_accuracy}",
    paper_says="76.66 % on MNIST-M by DANN, 52.25 % by the source alone (Ganin et al. 2016)",
    samples="images",
    curves=("loss", "accuracy", "source_only_accuracy"),
    number="DANN over source only, textured_digits:",
)


@dataclass(frozen=True)
class Config:
    """Which domains, and what draws them together."""

    run: Run = Run(steps=1000, steps_per_call=50)
    domains: Domains = Domains()
    optimizer: Optimizer = Optimizer("sgd", 2e-2, "cosine", max_norm=1.0)
    net: Net = Net()
    method: Literal["source", "mmd", "confusion", "dann", "progressive"] = option(
        "dann", "what draws the domains together"
    )
    batch_size: int = option(64, "images a step, of each domain", at_least=1)
    weight: float | None = option(
        None, "lambda, of what draws them together (None: 1 of dann, else 0.25)", at_least=0
    )
    gamma: float = option(10.0, "how fast dann's lambda rises", above=0)
    bandwidths: tuple[float, ...] = option(
        (0.25, 0.5, 1.0, 2.0, 4.0), "of mmd's kernel, in units of the features' distance", above=0
    )
    source_steps: int = option(1000, "steps of progressive's first column", at_least=1)
    target_labels: int = option(50, "labels of the target that progressive has", at_least=1)
    label_seed: int = option(0, "which ones", at_least=0)

    def __post_init__(self):
        check_options(self)
        if not self.bandwidths:
            raise BadInput("--bandwidths must hold at least one width")


MNIST_M = Config(
    run=Run(steps=20_000, steps_per_call=100, save_every=5_000),
    domains=Domains("mnist_m"),
    net=Net(width=32, features=128),
    source_steps=20_000,
)
PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10), net=Net(8, 32), batch_size=32, source_steps=20
    ),
    "cpu": Config(),
    "gpu": MNIST_M,
    "paper": replace(  # Ganin et al. 2016, section 5.2.2: 128 images, momentum, 0.01
        MNIST_M, optimizer=Optimizer("sgd", 1e-2, "cosine"), net=Net(width=32, features=100)
    ),
}


def build(config: Config, stage: str = "") -> System:
    """Builds the learner of a stage, by default the last or only one; no image is read."""
    from jaxdl import sim2real

    pair = _setup.open_pair(config.domains)
    net = _setup.column(config.net, pair)
    method = "source" if stage == "source" else config.method
    make = {
        "source": sim2real.source_only,
        "mmd": sim2real.confusion,
        "confusion": sim2real.confusion,
        "dann": sim2real.dann,
        "progressive": sim2real.progressive,
    }[method]
    tx = _setup.optimizer(config, stage)
    learner = make(net, tx, **_setup.arguments(config, method, pair))
    is_taught = method == "progressive"

    def read():
        if is_taught:
            labels = {"labels": config.target_labels, "seed": config.label_seed}
            return sim2real.few_labels(pair, config.batch_size, **labels)
        return sim2real.crossing_training(pair, config.batch_size)

    return System(
        learner,
        read,
        config.batch_size * (1 if method in ("source", "progressive") else 2),
        partial(sim2real.crossing_exhibits, learned=_setup.TITLES[method], pair=pair.name),
        _setup.deployment(method, net, pair),
    )


def main(config: Config):
    """Trains, progressive nets in two stages; returns state and result of the last one."""
    if config.method != "progressive":
        return train(build, config, ABOUT)
    from jaxdl.sim2real.progressive import start_after

    source, _ = train_stage(build, config, "source", config.source_steps, about=ABOUT)
    start = start_after(build(config).learner, source.params["net"], config.run)
    return train_stage(build, config, "target", config.run.steps, about=ABOUT, start=start)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
