"""AlphaFold's net and what it sees, from groups of options. No JAX at import."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.science._chains import ChainSet, split_chains
from jaxdl.core.run import BadInput, option

if TYPE_CHECKING:
    from jaxdl.science.alphafold import AlphaFold, Example, Sampling

# Channels and layers of nets that are smaller than the paper's, which has those of `Sizes()`.
SIZES: dict[str, dict[str, int]] = {
    "smoke": {
        **{"c_m": 8, "c_z": 8, "c_s": 16, "c_e": 8, "c_t": 8},
        **{"c_outer": 4, "c_triangle": 8, "c_torsion": 16, "c_plddt": 16},
        **{"blocks": 1, "extra_blocks": 0, "template_blocks": 1, "structure_layers": 8},
        **{"msa_heads": 2, "pair_heads": 2, "ipa_heads": 2, "ipa_channels": 4},
    },
    "tiny": {
        **{"c_m": 32, "c_z": 32, "c_s": 64, "c_e": 8, "c_t": 8},
        **{"c_outer": 8, "c_triangle": 16, "c_torsion": 32, "c_plddt": 32},
        **{"blocks": 2, "extra_blocks": 0, "template_blocks": 1, "structure_layers": 6},
        **{"msa_heads": 4, "pair_heads": 2, "ipa_heads": 4, "ipa_channels": 16},
    },
    "medium": {
        **{"c_m": 128, "c_z": 64, "c_s": 128, "c_e": 32, "c_t": 32},
        **{"c_outer": 16, "c_triangle": 64, "blocks": 8, "extra_blocks": 1},
        **{"msa_heads": 8, "pair_heads": 4, "ipa_heads": 8, "ipa_channels": 16},
    },
    "paper": {},
}
ABLATIONS = ("recycling", "ipa", "triangles", "pair_bias")


@dataclass(frozen=True)
class Net:
    """Which net folds."""

    group: ClassVar[str] = "net"

    size: Literal["smoke", "tiny", "medium", "paper"] = option("tiny", "channels and layers")
    blocks: int = option(0, "of the Evoformer (0: those of the size)", at_least=0)
    without: tuple[str, ...] = option((), f"what is left out: {', '.join(ABLATIONS)}")
    templates: bool = option(False, "with a net for templates, which these chains do not have")
    pae: bool = option(False, "predict aligned errors too, as the ptm models do")
    half: bool = option(False, "activations in bfloat16")
    dropout: bool = option(True, "leave out rows and columns by chance in training")
    remat: bool = option(False, "compute a block's activations again for its gradient")
    chunk: int = option(0, "rows of attention that are computed at a time (0: all)", at_least=0)

    def __post_init__(self):
        for name in self.without:
            if name not in ABLATIONS:
                raise BadInput(f"--without={name}: should be of {', '.join(ABLATIONS)}")


@dataclass(frozen=True)
class Seen:
    """What the net sees of a chain and its alignment in a pass, and how many passes there are."""

    group: ClassVar[str] = "passes"

    crop: int = option(64, "residues that a training step sees of a chain", at_least=8)
    clusters: int = option(1, "rows of the alignment that stand for clusters", at_least=1)
    extra: int = option(1, "further rows", at_least=1)
    copies: int = option(
        1, "rows of a chain without an alignment, copies of its sequence", at_least=1
    )
    recycles: int = option(1, "passes before the last one", at_least=0)


def make_net(options: Net) -> "AlphaFold":
    """Makes the net."""
    import jax.numpy as jnp

    from jaxdl.science import alphafold

    sizes = SIZES[options.size] | ({"blocks": options.blocks} if options.blocks else {})
    return alphafold.AlphaFold(
        alphafold.Sizes(**sizes, templates=options.templates, pae=options.pae),
        without=alphafold.Without(**dict.fromkeys(options.without, True)),
        dtype=jnp.bfloat16 if options.half else jnp.float32,
        dropout=options.dropout,
        remat=options.remat,
        chunk=options.chunk or None,
    )


def make_sampling(options: Seen) -> "Sampling":
    """Says what the net sees of an alignment."""
    from jaxdl.science import alphafold

    rows: Any = {"clusters": options.clusters, "extra": options.extra}
    return alphafold.Sampling(crop=options.crop, **rows, delete_blocks=options.clusters > 1)


def open_examples(options: ChainSet, seen: Seen, side: int, *, most: int = 0) -> "Example":
    """Makes examples [B, ...] of chains that are aligned with copies of themselves alone.

    With one row attention along columns has nothing to choose from, so that a part of it does not
    learn; with two it does.

    Args:
      options: which chains; examples are as long as the longest of them.
      seen: how many rows.
      side: 0 for those that are learned, 1 for those held out.
      most: so many of them, evenly spaced by length (0: all).
    """
    import numpy as np

    from jaxdl.science import alphafold, proteins

    sides = split_chains(options)
    length = max(len(chain.aatype) for one in sides for chain in one)
    chains = sides[side]
    if most and most < len(chains):
        chains = [chains[i] for i in np.linspace(0, len(chains) - 1, most).round().astype(int)]
    rows = max(seen.clusters + seen.extra, seen.copies)
    example = alphafold.chain_examples(proteins.pad_chains(chains, length=length), rows=rows)
    example.msa[:, : seen.copies] = example.msa[:, :1]
    example.row_mask[:, : seen.copies] = 1
    return example
