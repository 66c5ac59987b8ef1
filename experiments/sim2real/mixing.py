"""Real data in simulated ones: how few real labels suffice (Richter et al. 2016).

Playing for Data, arXiv 1608.02192: with pictures of a game, models of just 1/3 of CamVid's training
images do better than models of all of them. Bousmalis et al. 2017 (arXiv 1709.07857) repaint
simulated pictures first, by a GAN that sees real ones without labels (arXiv 1612.05424), and need
up to 50 times fewer real samples. For each share of the real labels nets are trained by real
pictures alone, mixed with simulated ones, mixed with refined ones, and fine-tuned after simulated
ones, all by as many steps.

Measured (`./run claims --only=mixing`, textured digits, 5 seeds): with 2 % of the labels mixed nets
err on 43.3 ± 2.3 %, real pictures alone on 76.0 ± 4.2 %; a third of the labels does not do better
than all (27.0 ± 4 %, 21.0 ± 2 %), and refined pictures alone do worse than raw ones.

    ./run mixing                                    digits, and digits over photographs as reality
    ./run mixing --shares=0,1,10,100 --batch_share=25 --norefine
    ./run mixing --preset=gpu --data_dir=<folder of MNIST>          MNIST to MNIST-M, all of it
"""

from dataclasses import dataclass
from functools import partial

from experiments.sim2real import _setup
from experiments.sim2real._options import SGD, Domains, Net, Refiner
from jaxdl.core.run import BadInput, Run, horizon, option
from jaxdl.launch import About, System, launch, train_stage
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="Mixing",
    paper="Richter et al. 2016",
    arxiv="1608.02192",
    summary="Learns from simulated pictures and a share of labeled real ones, mixed, one after the "
    "other, or repainted to look real.",
    headline="eval/error",
    better="lower",
    scale=100,
    unit="%",
    yardstick="simulated pictures alone {eval/joint_error_0}",
    paper_says="a third of CamVid beside a game's pictures: better than all of it alone",
    samples="images",
    curves=("loss", "real_loss", "accuracy"),
    number="real labels that the refiner is worth, textured_digits:",
)


@dataclass(frozen=True)
class Config:
    """Which domains, how many real labels, and how they are mixed."""

    run: Run = Run(steps=600, steps_per_call=50)
    domains: Domains = Domains()
    optimizer: Optimizer = SGD
    net: Net = Net()
    refiner: Refiner = Refiner()
    shares: tuple[float, ...] = option(
        (0, 2, 5, 10, 25, 100),
        "percentages of the real images that have labels, from 0 on",
        at_least=0,
        at_most=100,
    )
    label_seed: int = option(0, "which of them", at_least=0)
    batch_size: int = option(64, "images a step of each net", at_least=1)
    batch_share: float = option(
        50.0, "percentage of a mixed batch that is real", at_least=0, at_most=100
    )
    pretrain_steps: int = option(
        300, "of all steps, those on simulated images before fine-tuning", at_least=1
    )

    def __post_init__(self):
        if self.pretrain_steps >= horizon(self.run):
            text = f"--pretrain_steps={self.pretrain_steps} should be below --steps"
            raise BadInput(f"{text}={horizon(self.run)}, which hold them and fine-tuning")


PRESETS = {
    "smoke": Config(
        run=Run(steps=20, steps_per_call=10),
        net=Net(4, 16),
        refiner=Refiner(refiner_steps=10, refiner_batch=16, painter=4, critic=4),
        shares=(0, 10, 100),
        batch_size=32,
        pretrain_steps=5,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=10_000, steps_per_call=100, save_every=5_000),
        domains=Domains("mnist_m"),
        net=Net(32, 128),
        refiner=Refiner(refiner_steps=10_000, refiner_batch=64, painter=32, blocks=3, critic=64),
        shares=(0, 0.1, 0.3, 1, 3, 10, 33, 100),
        pretrain_steps=5_000,
    ),
    "paper": Config(  # Bousmalis et al. 2016, arXiv 1612.05424, appendix: 6 blocks of 64 channels
        run=Run(steps=50_000, steps_per_call=100, save_every=10_000),
        domains=Domains("mnist_m"),
        net=Net(32, 128),
        refiner=Refiner(100_000, 32, 1e-3, painter=64, blocks=6, critic=64),
        shares=(0, 1, 2, 10, 20, 33, 100),
        pretrain_steps=25_000,
    ),
}


def build(config: Config, stage: str = "mixing") -> System:
    """Builds the learner of a stage, by default the last one; no image is read."""
    from jaxdl import sim2real

    pair, net = _setup.open_pair_and_column(config)
    if stage == "refiner":
        return _setup.refiner_system(config.refiner, net, pair)
    tx = _setup.mixing_optimizer(config, stage)
    if stage == "simulated":
        learner = sim2real.source_only(net, tx, image_shape=pair.image_shape)
        read = partial(sim2real.crossing_training, pair, config.batch_size)
        return System(learner, read, config.batch_size)
    is_last = stage == "mixing"
    refine = is_last and config.refiner.refine
    ways = ("joint", "real", "refined") if refine else ("joint", "real")
    learner = sim2real.mixing(
        net,
        tx,
        image_shape=pair.image_shape,
        shares=config.shares,
        batch_size=config.batch_size,
        batch_share=config.batch_share,
        ways=ways if is_last else ("fine_tuned",),
        earlier=("fine_tuned",) if is_last else (),
        generator=_setup.painter(config.refiner) if refine else None,
        open_domains=pair.read,
    )
    labels = {"shares": config.shares, "seed": config.label_seed}
    return System(
        learner,
        lambda: sim2real.mixed_training(pair, config.batch_size, **labels),
        config.batch_size,
        partial(sim2real.mixing_exhibits, shares=config.shares, pair=pair.name),
        _setup.mixed_deployment(net, pair, len(config.shares) - 1),
    )


def main(config: Config):
    """Trains one stage after the other; returns state and result of the last one."""
    from jaxdl.sim2real.mixing import start_after, start_beside

    fit = partial(train_stage, build, config, about=ABOUT)
    simulated, _ = fit("simulated", config.pretrain_steps)
    start = start_after(build(config, "fine_tuned").learner, simulated.params["net"], config.run)
    steps = config.run.steps - config.pretrain_steps
    fine_tuned, _ = fit("fine_tuned", steps, start=start)
    kept = {"earlier": fine_tuned.params}
    if config.refiner.refine:
        refined, _ = fit("refiner", config.refiner.refiner_steps)
        kept["generator"] = refined.params["generator"]
    start = start_beside(build(config).learner, kept, config.run)
    return fit("mixing", config.run.steps, start=start)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
