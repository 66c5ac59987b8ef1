"""Which proteins are learned from, as a group of options. No JAX at import."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxdl.core.run import option

if TYPE_CHECKING:
    from jaxdl.science.alphafold import Example
    from jaxdl.science.proteins import Chains, Protein

Side = Literal["learned", "held_out"]


@dataclass(frozen=True)
class ChainSet:
    """Which chains, and which of them are held out."""

    group: ClassVar[str] = "data"

    chains: Literal["embedded", "bm5"] = option(
        "embedded", "a few short ones that are part of the code, or Docking Benchmark 5 (a file)"
    )
    data_dir: str = option(
        "", "where bm5_unbound_chains.npz lies ('': science/ below JAXDL_DATA)", free=True
    )
    longest: int = option(256, "leave out chains of more residues", at_least=8)
    learn: int = option(0, "learn from so many of the chains, the shortest (0: all)", at_least=0)
    held_out: float = option(
        0.2, "share of the chains to hold out, at most, by whole clusters", above=0, below=1
    )


@cache
def split_chains(options: ChainSet) -> "dict[Side, dict[str, Protein]]":
    """Reads the chains and splits them by clusters; those of a side from the shortest on."""
    from jaxdl.science import proteins

    chains = proteins.open_chains(options.chains, options.data_dir, max_length=options.longest)
    names = list(chains)
    sequences = [proteins.sequence_of(chain) for chain in chains.values()]
    split = proteins.split_by_cluster(sequences, held_out=options.held_out)
    train = split.train[: options.learn or None]
    return {
        "learned": {names[i]: chains[names[i]] for i in train},
        "held_out": {names[i]: chains[names[i]] for i in split.held_out},
    }


def open_batch(options: ChainSet, side: Side, *, most: int = 0) -> "Chains":
    """Puts the chains of a side into one batch, as long as the longest chain of both.

    Args:
      options: which chains.
      side: of the split.
      most: so many of them, evenly spaced by length (0: all).
    """
    import numpy as np

    from jaxdl.science import proteins

    sides = split_chains(options)
    chains = list(sides[side].values())
    length = max(len(chain.aatype) for one in sides.values() for chain in one.values())
    if most and most < len(chains):
        places = np.linspace(0, len(chains) - 1, most).round().astype(int)
        chains = [chains[i] for i in places]
    return proteins.pad_chains(chains, length=length)


def open_examples(options: ChainSet, side: Side, rows: int, *, most: int = 0) -> "Example":
    """Makes examples [B, ...] for AlphaFold of the chains of a side, each aligned with itself.

    Args:
      options: which chains.
      side: of the split.
      rows: of an alignment, of which one is filled.
      most: as for `open_batch`.
    """
    from jaxdl.science import alphafold

    return alphafold.chain_examples(open_batch(options, side, most=most), rows=rows)
