"""What a net of AlphaFold's kind learns from few chains, and what its parts are worth there.

The rule of every claim was stated before anything was measured. Chains are Docking Benchmark 5's
where JAXDL_DATA has them, else the dozen of the package; what is held out is of other clusters of
sequences (`proteins.split_by_cluster`), and each chain is seen alone, without an alignment. An
interval is over seeds. With the parts of the net that are left out, everything else stays as it is:
chains, steps, seeds. Jumper et al. measured theirs with alignments, on the PDB; that is not
repeated here.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.science.alphafold import PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

FOLDED = 0.8  # TM-score that counts as folded
SAME_FOLD = 0.5  # TM-score from which two structures have the same fold (Xu & Zhang 2010)
PAPER = "Jumper et al. 2021"
TITLES = {
    "recycling": "recycling",
    "ipa": "invariant point attention (in its place attention that knows distances alone)",
    "triangles": "triangle multiplication and triangle attention",
    "pair_bias": "the bias of pairs on attention along sequences",
}


class Tier(NamedTuple):
    """How large the measurements are.

    Attributes:
      preset: of the launch file.
      seeds: runs of each kind.
      learned: settings of the run that learns its chains by heart.
      compared: settings of the runs with and without a part.
      shape: of an alignment: crop, clusters, further rows, and steps.
    """

    preset: str
    seeds: int
    learned: Mapping[str, Any]
    compared: Mapping[str, Any]
    shape: Mapping[str, int]


TIERS = {
    "smoke": Tier("smoke", 2, {}, {}, {"crop": 16, "clusters": 2, "extra": 2, "steps": 2}),
    "cpu": Tier(
        "cpu",
        3,
        {},
        {"max_length": 64, "crop": 48, "held_out": 0.25, "batch_size": 4, "steps": 300},
        {"crop": 48, "clusters": 8, "extra": 16, "steps": 200},
    ),
    "gpu": Tier("gpu", 3, {}, {}, {"crop": 64, "clusters": 64, "extra": 128, "steps": 5_000}),
}


class Run(NamedTuple):
    """What runs of several seeds have come to.

    Attributes:
      scores: metric -> [S] over seeds.
      chains: how many chains were learned, and how many are held out.
    """

    scores: "dict[str, np.ndarray]"
    chains: tuple[int, int]


def train(tier: str, kind: str, without: str = "") -> Run:
    """Trains a net with the settings of a kind of run, "learned" or "compared"."""
    from jaxdl.science import proteins

    size = TIERS[tier]
    values = dict(getattr(size, kind))
    if kind == "compared" and size.preset == "cpu" and proteins.has_bm5():
        values["chains"] = "bm5"
    values |= {"without": (without,)} if without else {}
    return _train(size.preset, size.seeds, tuple(sorted(values.items())))


@cache
def _train(preset: str, seeds: int, settings: tuple[tuple[str, Any], ...]) -> Run:
    import numpy as np

    from experiments.science._chains import split_chains
    from jaxdl.core import fit

    values = dict(settings) | {"num_seeds": seeds, "eval_every": 0}
    config = configure("alphafold", PRESETS, preset, values)
    system = build(config)
    with tempfile.TemporaryDirectory() as folder:
        run = replace(config.run, workdir=str(Path(folder, "run")))
        _, result = fit(system.learner, system.data(), run)
    learned, held_out = split_chains(config.data)
    scores = {name: np.array(x["values"]) for name, x in result["metrics"].items()}
    return Run(scores, (len(learned), len(held_out)))


def folds_what_it_learned(tier: str) -> Verdict:
    """Decides whether learned chains are folded, while held-out ones are not of their fold."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    found = train(tier, "learned")
    learned, held_out = (interval(found.scores[n]) for n in ("eval/learned/tm", "eval/tm"))
    lddt = interval(found.scores["eval/lddt"])
    gaps = (
        interval(found.scores["eval/learned/tm"] - FOLDED),
        interval(SAME_FOLD - found.scores["eval/tm"]),
    )
    summary = (
        f"TM-score of the learned chains {show(learned)}, of {found.chains[1]} held-out ones "
        f"{show(held_out)} (lDDT {show(lddt)}), after learning {found.chains[0]}"
    )
    numbers = {"learned": learned, "held out": held_out, "lDDT held out": lddt}
    return Verdict(decide(*gaps), summary, numbers)


def confidence_tells(tier: str) -> Verdict:
    """Decides whether pLDDT goes with true lDDT over the residues of held-out chains."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    names = {"held out": "eval/plddt_correlation", "learned": "eval/learned/plddt_correlation"}
    numbers, texts = {}, []
    for kind in ("compared", "learned"):
        found = train(tier, kind)
        for side, name in names.items():
            numbers[f"{side}, {kind}"] = interval(found.scores[name])
        texts.append(
            f"{show(numbers[f'held out, {kind}'])} of {found.chains[1]} held-out chains and "
            f"{show(numbers[f'learned, {kind}'])} of learned ones, of {found.chains[0]}"
        )
    summary = f"Pearson's correlation {'; '.join(texts)}"
    return Verdict(decide(numbers["held out, compared"]), summary, numbers)


def part_is_worth(tier: str, part: str) -> Verdict:
    """Decides whether held-out chains are told better with a part, by distances and by lDDT."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    whole, less = train(tier, "compared"), train(tier, "compared", part)
    distances = less.scores["eval/distogram"] - whole.scores["eval/distogram"]
    lddt = whole.scores["eval/lddt"] - less.scores["eval/lddt"]
    gaps = {"distogram": interval(distances), "lDDT": interval(lddt)}
    summary = (
        f"on {whole.chains[1]} held-out chains, after {whole.chains[0]}: distogram loss with it "
        f"{show(interval(whole.scores['eval/distogram']))} nats, without "
        f"{show(interval(less.scores['eval/distogram']))} (gap {show(gaps['distogram'])}); lDDT "
        f"{show(interval(whole.scores['eval/lddt']))} and "
        f"{show(interval(less.scores['eval/lddt']))} (gap {show(gaps['lDDT'])})"
    )
    return Verdict(decide(*gaps.values()), summary, gaps)


def alignment_helps(tier: str) -> Verdict:
    """Decides whether a net that sees an alignment tells unseen residues' distances better."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not _alignment_file().is_file():
        return Verdict("undecided", "not measured: JAXDL_DATA has no science/openfold", {})
    losses = {rows: _learn_a_chain(tier, rows) for rows in ("alignment", "sequence alone")}
    numbers = {name: interval(x["eval/distogram"]) for name, x in losses.items()}
    gap = interval(
        losses["sequence alone"]["eval/distogram"] - losses["alignment"]["eval/distogram"]
    )
    summary = (
        f"distogram loss on residues 128 to 191 after learning 1 to 127: with the alignment "
        f"{show(numbers['alignment'])} nats, alone {show(numbers['sequence alone'])}, gap "
        f"{show(gap)}"
    )
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


def _alignment_file() -> Path:
    import os

    return Path(os.environ.get("JAXDL_DATA", ""), "science/openfold/6KWC_1/bfd_uniref_hits.a3m")


def _learn_a_chain(tier: str, rows: str) -> "dict[str, np.ndarray]":
    """Learns the first 127 residues of 6KWC, with its alignment or alone; scores the others."""
    import jax
    import numpy as np

    from experiments.science import _alphafold
    from jaxdl.core import DeviceData, fit
    from jaxdl.core import Run as Driver
    from jaxdl.ops import make_optimizer
    from jaxdl.science import alphafold

    size = TIERS[tier]
    preset = PRESETS[size.preset]
    rule = asdict(preset.optimizer)
    crop, clusters, extra, steps = size.shape.values()
    first, rest = _halves(rows, clusters + extra)
    batch = jax.tree.map(lambda x: np.stack([x] * 4), first)
    seen = _alphafold.Seen(crop=crop, clusters=clusters, extra=extra)
    learner = alphafold.alphafold(
        _alphafold.make_net(preset.net),
        make_optimizer(**rule, steps=steps),
        _alphafold.make_sampling(seen),
        held_out=lambda: jax.tree.map(lambda x: x[None], rest),
        recycles=1,
        ema=0.99,
        max_norm=None,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Driver(steps=steps, num_seeds=size.seeds, workdir=str(Path(folder, "run")))
        _, result = fit(learner, DeviceData(batch, 4), run)
    return {name: np.array(x["values"]) for name, x in result["metrics"].items()}


@cache
def _halves(rows: str, count: int) -> tuple[Any, Any]:
    """Reads 6KWC with the rows of its alignment or with none, and cuts it behind residue 127.

    Its structure is DeepMind's prediction, which is what there is at hand.
    """
    import numpy as np

    from jaxdl.science import alphafold, proteins

    folder = _alignment_file().parents[1]
    protein = proteins.read(folder / "6KWC_1_model_1_ptm_unrelaxed.pdb")
    found = proteins.read_a3m(_alignment_file(), query=proteins.sequence_of(protein))
    most = len(found.msa) if rows == "alignment" else 1
    parts = []
    for part in (slice(0, 127), slice(127, 191)):
        cut = protein._replace(
            **{
                name: np.asarray(x)[part]
                for name, x in protein._asdict().items()
                if isinstance(x, np.ndarray)
            }
        )
        example = alphafold.alignment_example(
            cut, found.msa[:most, part], found.deletions[:most, part]
        )
        parts.append(alphafold.pad_example(example, len(cut.aatype), max(most, count)))
    return parts[0], parts[1]


CLAIMS = [
    Claim(
        "folds_learned",
        f"Training folds the chains that it learns (TM-score > {FOLDED:g}), while chains of other "
        f"clusters stay below the same fold (TM-score < {SAME_FOLD:g}), for want of data",
        f"{PAPER}, whose net learned from the whole PDB; the limit is our statement",
        folds_what_it_learned,
    ),
    *(
        Claim(
            f"needs_{part}",
            f"With {title}, held-out chains are told better: a lower distogram loss and a higher "
            "lDDT of CA atoms",
            f"{PAPER}, figure 4a, and supplement, section 1.13",
            partial(part_is_worth, part=part),
        )
        for part, title in TITLES.items()
    ),
    Claim(
        "alignment",
        "Of the residues of 6KWC that it has not learned from, a net that sees the chain's "
        "alignment tells distances better than one that sees the sequence alone",
        f"{PAPER}, figure 5a, on how accuracy depends on the alignment's depth",
        alignment_helps,
    ),
    Claim(
        "plddt",
        "The confidence of residues of held-out chains (pLDDT) goes with their true lDDT: the "
        "correlation is above 0",
        f"{PAPER}, figure 2c: r = 0.76",
        confidence_tells,
    ),
]
