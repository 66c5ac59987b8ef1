"""Which protein chains are learned from, and which are held out, from options. No JAX at import."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxdl.core.run import option

if TYPE_CHECKING:
    from jaxdl.science.alphafold1 import Examples
    from jaxdl.science.proteins import Protein

ATOMS = ("N", "CA", "C", "CB", "O")


@dataclass(frozen=True)
class ChainSet:
    """Which chains there are."""

    group: ClassVar[str] = "chains"

    chains: Literal["embedded", "bm5"] = option(
        "embedded", "a dozen short ones of the package, or Docking Benchmark 5 (needs a file)"
    )
    data_dir: str = option("", "where bm5's file lies ('': science/ below JAXDL_DATA)", free=True)
    max_length: int = option(128, "residues; longer chains are left out", at_least=16)
    held_out: float = option(
        0.2, "share of the chains that is tested, in whole clusters of alike ones", above=0, below=1
    )


def split_chains(options: ChainSet) -> "tuple[list[Protein], list[Protein]]":
    """Reads the chains; returns those of training and those held out, which are not alike.

    Raises:
      BadInput: files are missing or wrong.
    """
    from jaxdl.science import proteins

    found = proteins.open_chains(options.chains, options.data_dir, max_length=options.max_length)
    chains = list(found.values())
    sequences = [proteins.sequence_of(chain) for chain in chains]
    split = proteins.split_by_cluster(sequences, held_out=options.held_out)
    return [chains[i] for i in split.train], [chains[i] for i in split.held_out]


@cache
def open_examples(options: ChainSet) -> "tuple[Examples, Examples]":
    """Makes examples of both, padded to one length, as arrays of NumPy."""
    import jax
    import numpy as np

    from jaxdl.science import alphafold1, proteins

    parts = split_chains(options)
    longest = max(len(chain.aatype) for part in parts for chain in part)
    with jax.ensure_compile_time_eval():
        made = [
            alphafold1.make_examples(proteins.pad_chains(part, length=longest, atoms=ATOMS))
            for part in parts
        ]
        train, held_out = jax.tree.map(np.asarray, made)
    return train, held_out
