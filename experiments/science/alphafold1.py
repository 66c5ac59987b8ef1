"""AlphaFold 1: a residual net tells distances, and descent folds by them (Senior et al. 2020).

Improved protein structure prediction using potentials from deep learning, Nature 577. At CASP13 it
had a TM-score of at least 0.7 for 24 of 43 free-modeling domains, the next best method for 14. The
net there learned from 29,400 chains with their alignments. Here are at most 318 chains without any,
so that held-out chains are not folded by what the net tells. What can be measured is that descent
folds what distances are known of.

Measured (`./run claims --only=alphafold1`, CPU): from distances with errors of 1 Angstrom 20 chains
of 40 to 72 residues are folded to a TM-score of 0.84 ± 0.07. By what the net of the CPU's preset
tells of distances (5 minutes) it is 0.35 for chains that were learned and 0.20 for those held out.

    ./run alphafold1                            ten short chains, part of the package
    ./run alphafold1 --preset=gpu               Docking Benchmark 5 below JAXDL_DATA
    ./run alphafold1 --preset=paper             220 blocks
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import ClassVar

from experiments.science._chains import ChainSet, open_examples
from jaxdl.core.run import BadInput, Run, horizon, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="AlphaFold 1",
    paper="Senior et al. 2020",
    arxiv="",
    summary="Learns distances between residues, and folds chains by descent of a potential.",
    headline="eval/train_tm_score",
    better="higher",
    yardstick="of held-out chains {eval/tm_score}",
    paper_says="TM-score of at least 0.7 for 24 of 43 free-modeling domains, with alignments",
    samples="crops",
    curves=("eval/distogram_loss", "distogram_loss", "eval/train_tm_score"),
    number="TM-score",
)


@dataclass(frozen=True)
class Net:
    """Which net tells distances; blocks stand in groups of four."""

    group: ClassVar[str] = "net"

    groups: tuple[int, ...] = option((2,), "groups of four blocks of each width", at_least=1)
    channels: tuple[int, ...] = option((64,), "the widths", at_least=2)
    dropout: float = option(0.15, "of a block's first layer", at_least=0, below=1)

    def __post_init__(self):
        if len(self.groups) != len(self.channels):
            raise BadInput("--groups and --channels must be as many")


@dataclass(frozen=True)
class Folding:
    """How chains are folded in evaluations."""

    group: ClassVar[str] = "folding"

    folded: int = option(2, "held-out chains, and as many of training", at_least=1, free=True)
    starts: int = option(8, "descents side by side", at_least=1, free=True)
    rounds: int = option(4, "of restarts from the best so far", at_least=1, free=True)
    evaluations: int = option(300, "of the energy in a descent", at_least=2, free=True)


@dataclass(frozen=True)
class Config:
    """Which chains, which net, and how it learns."""

    run: Run = Run(steps=600, steps_per_call=20)
    chains: ChainSet = ChainSet()
    net: Net = Net()
    folding: Folding = Folding()
    optimizer: Optimizer = Optimizer("adamw", 2e-3, "cosine", max_norm=1.0)
    size: int = option(32, "residues of a crop's sides", at_least=8)
    batch_size: int = option(8, "chains of a step", at_least=1)
    torsion_weight: float = option(0.1, "of the torsions' loss", at_least=0)


REAL = ChainSet("bm5", max_length=256)
PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        chains=ChainSet(max_length=60),
        net=Net((1,), (8,)),
        folding=Folding(1, 2, 2, 10),
        size=8,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=20_000, steps_per_call=100),
        chains=REAL,
        net=Net((2, 10), (128, 64)),
        folding=Folding(8, 32, 10, 600),
        size=64,
        batch_size=32,
    ),
    "paper": Config(
        run=Run(steps=600_000, steps_per_call=100),
        chains=replace(REAL, max_length=512),
        net=Net((7, 48), (256, 128)),
        folding=Folding(8, 20, 250, 1200),
        optimizer=Optimizer("sgd", 0.06, "linear"),
        size=64,
        batch_size=4,
    ),
}


def build(config: Config) -> System:
    """Builds the learner; no file is read."""
    from jaxdl.core import DeviceData
    from jaxdl.ops import make_optimizer
    from jaxdl.science import alphafold1

    chosen, effort = config.net, config.folding
    groups = tuple(zip(chosen.groups, chosen.channels, strict=True))
    net = alphafold1.DistanceNet(groups, chosen.dropout)
    examples = partial(open_examples, config.chains)
    score = alphafold1.folding_score(
        net,
        examples,
        folded=effort.folded,
        effort=alphafold1.Effort(effort.starts, effort.rounds, effort.evaluations),
    )
    learner = alphafold1.alphafold1(
        net,
        make_optimizer(**asdict(config.optimizer), steps=horizon(config.run)),
        size=config.size,
        torsion_weight=config.torsion_weight,
        score=score,
    )
    return System(
        learner,
        lambda: DeviceData(examples()[0], config.batch_size),
        config.batch_size,
        alphafold1.alphafold1_exhibits,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
