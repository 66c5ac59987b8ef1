"""ANI: a potential of molecules from nets of elements (Smith et al. 2017, arXiv 1610.08935).

Features of ANI-1x and query by committee: Smith et al. 2018, Less is more, arXiv 1801.09319. ANI-1
learned from 17 million energies; here a net learns from the energies and forces of a few hundred
conformers of one molecule, and what is held out are other conformers of it.

By default the molecule has the shape of ethanol and its energies are those of springs, an analytic
potential of our own that is no chemistry. Real energies (PBE) are in files, below JAXDL_DATA.

Measured (3 seeds, by its claims, nets of 96 and 64): held-out conformers of ethanol to 0.23 ± 0.04
kcal/mol and 1.05 ± 0.06 kcal/mol/Å after 1,000 others. After 100, energies are 0.31 kcal/mol off
with forces in the loss, 2.35 without.

    ./run ani                                          springs; ends with molecular dynamics
    ./run watch --workdir=latest                       films how the molecule moves
    ./run ani --preset=gpu --data=ethanol              1,000 conformers, a committee of 8
    ./run ani --data=acac --force_weight=0             energies alone
    ./run ani --data=ethanol --rounds=5 --members=4 --rule=committee
"""

from dataclasses import dataclass
from functools import partial

from experiments.science import _ani
from experiments.science._ani import Conformers, Nets, Selection
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch, train
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="ANI",
    paper="Smith et al. 2017",
    arxiv="1610.08935",
    summary="Predicts energies and forces of molecules from where their atoms are.",
    headline="eval/energy_mae",
    better="lower",
    unit="kcal/mol",
    yardstick="the energies' own deviation {eval/energy_spread}",
    paper_says="RMSE 0.56 kcal/mol for ANI-1, of molecules larger than those learned from",
    samples="molecules",
    curves=("loss", "energy_mae", "force_mae"),
)


@dataclass(frozen=True)
class Config:
    """Which molecules are learned, by which nets, and how."""

    run: Run = Run(steps=3000, steps_per_call=50)
    molecules: Conformers = Conformers()
    net: Nets = Nets()
    selection: Selection = Selection()
    optimizer: Optimizer = Optimizer("adam", 2e-3, "cosine", warmup=0.02)
    batch_size: int = option(8, "molecules of a step", at_least=1)
    moments: int = option(200, "of the molecular dynamics that are kept, 5 fs apart", at_least=2)

    def __post_init__(self):
        chosen = self.selection
        if chosen.rounds > 1 and chosen.rule == "committee" and self.net.members < 2:
            raise BadInput("--rule=committee needs --members=2 or more, which can disagree")


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        molecules=Conformers(train=64, test=8),
        net=Nets(hidden=(16, 8)),
        batch_size=8,
        moments=4,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=50_000, steps_per_call=500, eval_every=10_000, save_every=10_000),
        molecules=Conformers("ethanol"),
        net=Nets(members=8),
        batch_size=64,
        moments=2000,
    ),
    "paper": Config(  # Smith et al. 2018: eight nets, batches of 2,560, forces of no use yet
        run=Run(steps=100_000, steps_per_call=100, save_every=10_000),
        molecules=Conformers("3bpa", isolated=True),
        net=Nets(members=8, force_weight=0.0),
        optimizer=Optimizer("adam", 1e-3, "cosine"),
        batch_size=400,
        moments=2000,
    ),
}


def build(config: Config, stage: str = "") -> System:
    """Builds the learner and what belongs to it; no molecule is read."""
    from jaxdl.science import ani

    del stage  # all rounds are alike
    elements = _ani.parameters(config).elements
    return System(
        _ani.learner(config),
        partial(_ani.data, config),
        config.batch_size,
        ani.ani_exhibits,
        film=partial(ani.ani_film, elements=elements),
    )


def main(config: Config):
    """Learns from all molecules, or in rounds from those that are chosen."""
    if config.selection.rounds == 1:
        return train(build, config, ABOUT)
    return _ani.run_rounds(build, config, ABOUT)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
