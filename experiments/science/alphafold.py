"""AlphaFold: the structure of a protein from its sequence and alignment (Jumper et al. 2021).

Highly accurate protein structure prediction with AlphaFold, Nature 596, doi 10.1038/s41586-021-
03819-2; the algorithms are those of its supplement. DeepMind's net was trained on the whole PDB
with alignments of millions of sequences. Here it learns from a few hundred chains at most, each
seen alone: it folds what it has learned, and of what was held out it knows little. The numbers of
both are reported. Measured with the preset for a CPU: TM-score 0.92 for eight learned chains, 0.16
for the two held out, in 6.6 minutes.

    ./run alphafold                            learns eight short chains by heart, and folds them
    ./run watch --workdir=latest               films how recycling refines two of them
    ./run alphafold --preset=gpu               chains of at most 256 residues, below JAXDL_DATA
    ./run alphafold --without=triangles        an ablation; also recycling, ipa, pair_bias
    ./run fold --workdir=latest --fasta=mine.fasta
"""

from dataclasses import asdict, dataclass
from functools import partial

from experiments.science._alphafold import (
    Net,
    Seen,
    make_net,
    make_sampling,
    open_examples,
)
from experiments.science._chains import ChainSet
from jaxdl.core.run import Run, horizon, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="AlphaFold",
    paper="Jumper et al. 2021",
    arxiv="",
    summary="Predicts where all atoms of a protein are, from its sequence and alignment.",
    headline="eval/learned/tm",
    unit="TM-score of learned chains",
    yardstick="held-out chains {eval/tm}; unrelated structures have about 0.2",
    paper_says="median GDT_TS 92.4 in CASP14, with alignments and the whole PDB to learn from",
    samples="chains",
    curves=("loss", "fape", "distogram"),
)


@dataclass(frozen=True)
class Config:
    """Which chains are learned, by which net, and how."""

    run: Run = Run(steps=1200, steps_per_call=50)
    data: ChainSet = ChainSet(max_length=58)
    net: Net = Net(dropout=False)
    seen: Seen = Seen()
    optimizer: Optimizer = Optimizer("adam", 4e-3, "cosine", warmup=0.02, max_norm=1.0)
    b2: float = option(0.99, "decay of the squares in Adam", at_least=0, below=1)
    batch_size: int = option(4, "chains of a step", at_least=1)
    chain_norm: float = option(
        0.0, "the gradient of each chain is clipped to this norm (0: not at all)", at_least=0
    )
    average: float = option(
        0.98, "decay of the average of parameters that is evaluated", at_least=0, below=1
    )
    clamped: float = option(
        0.0, "share of steps in which backbone errors count at most 10 A", at_least=0, at_most=1
    )
    masked_msa: float = option(0.2, "weight of hidden letters (2 in the paper)", at_least=0)
    resolved: float = option(
        0.01, "weight of which atoms are resolved (0 before fine-tuning in the paper)", at_least=0
    )
    asked: int = option(8, "learned chains that are evaluated, from short to long", at_least=1)
    fine_tuning: bool = option(False, "with the losses of fine-tuning: violations, aligned errors")


PRESETS = {
    "smoke": Config(
        run=Run(steps=4, steps_per_call=2),
        data=ChainSet(max_length=60),
        net=Net("smoke", dropout=False),
        seen=Seen(crop=16, clusters=2, copies=2),
        batch_size=8,
    ),
    "cpu": Config(),
    "gpu": Config(
        run=Run(steps=20_000, steps_per_call=20, eval_every=5_000, save_every=5_000),
        data=ChainSet("bm5", max_length=256),
        net=Net("medium", half=True, remat=True),
        seen=Seen(crop=128, recycles=3),
        optimizer=Optimizer("adam", 1e-3, "cosine", warmup=0.05),
        batch_size=8,
        average=0.999,
        clamped=0.9,
        masked_msa=0.2,
    ),
    "paper": Config(  # supplement, table 4: initial training
        run=Run(steps=78_125, steps_per_call=10, save_every=1_000),
        data=ChainSet("bm5", max_length=512),
        net=Net("paper", templates=True, half=True, remat=True, chunk=4),
        seen=Seen(crop=256, clusters=128, extra=1024, recycles=3),
        optimizer=Optimizer("adam", 1e-3, warmup=0.0128),
        batch_size=128,
        chain_norm=0.1,
        average=0.999,
        clamped=0.9,
        masked_msa=2.0,
        resolved=0.0,
        b2=0.999,
    ),
}


def build(config: Config) -> System:
    """Builds the learner and what belongs to it; no file is read."""
    from jaxdl.core import DeviceData
    from jaxdl.ops import make_optimizer
    from jaxdl.science import alphafold

    rule = asdict(config.optimizer)
    learned, held_out = (partial(open_examples, config.data, config.seen, side) for side in (0, 1))
    weights = alphafold.FINE_TUNING if config.fine_tuning else alphafold.TRAINING
    learner = alphafold.alphafold(
        make_net(config.net),
        make_optimizer(**rule, steps=horizon(config.run), b2=config.b2, flat=True),
        make_sampling(config.seen),
        held_out=held_out,
        learned=partial(learned, most=config.asked),
        weights=weights._replace(masked_msa=config.masked_msa, resolved=config.resolved),
        recycles=config.seen.recycles,
        clamped=config.clamped,
        ema=config.average,
        max_norm=config.chain_norm or None,
    )
    return System(
        learner,
        lambda: DeviceData(learned(), config.batch_size),
        config.batch_size,
        alphafold.alphafold_exhibits,
        film=alphafold.alphafold_film,
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
