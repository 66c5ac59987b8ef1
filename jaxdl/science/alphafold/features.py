"""What the net reads of a chain (Jumper et al. 2021, supplement, section 1.2 and table 1).

An `Example` is a chain with its alignment and, where it is known, its structure. `make_features`
draws from it what one pass of the net sees: rows of the alignment, masked letters, clusters. All of
it is a pure function of a key and arrays of fixed shapes, so that it runs on the device, inside
the training step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

UNKNOWN, GAP, MASK = 20, 21, 22  # of the alignment's alphabet, after the 20 amino acids
LETTERS = 23
MASKED = 0.15  # share of letters that are asked for (section 1.2.7)
UNIFORM, PROFILE, SAME = 0.1, 0.1, 0.1  # shares of what they become; the rest is hidden


class Templates(NamedTuple):
    """Structures of other chains, aligned to a chain.

    Attributes:
      aatype: [T, N] int32; 20 unknown, 21 gap.
      positions: [T, N, 37, 3], in Angstrom.
      atom_mask: [T, N, 37] float32.
      mask: [T] float32, 0 where there is no template.
    """

    aatype: jax.Array
    positions: jax.Array
    atom_mask: jax.Array
    mask: jax.Array


class Example(NamedTuple):
    """A chain, padded to N residues and its alignment to R rows.

    Attributes:
      aatype: [N] int32, 0 to 19, 20 for unknown.
      residue_index: [N] int32.
      mask: [N] float32, 0 for padding.
      msa: [R, N] int8, letters 0 to 21; the first row is the chain itself.
      deletions: [R, N] int16, letters left out to the left of each.
      row_mask: [R] float32, 0 for padding.
      positions: [N, 37, 3], in Angstrom.
      atom_mask: [N, 37] float32, 0 for atoms that are not known.
      templates: `Templates`, or () without them.
    """

    aatype: jax.Array
    residue_index: jax.Array
    mask: jax.Array
    msa: jax.Array
    deletions: jax.Array
    row_mask: jax.Array
    positions: jax.Array
    atom_mask: jax.Array
    templates: Any = ()


class Sampling(NamedTuple):
    """How much of an example the net sees.

    Attributes:
      crop: residues of a crop (256 in the paper, then 384); None takes all.
      clusters: S, rows of the alignment that stand for a cluster each.
      extra: E, further rows, at least 1.
      delete_blocks: whether blocks of the alignment are left out first (algorithm 1).
      masked: share of letters of the clusters that are asked for.
    """

    crop: int | None = 256
    clusters: int = 128
    extra: int = 1024
    delete_blocks: bool = True
    masked: float = MASKED


class Features(NamedTuple):
    """What one pass of the net reads (supplement, table 1).

    Attributes:
      aatype: [N] int32.
      residue_index: [N] int32.
      mask: [N] float32, 0 for padding.
      target_feat: [N, 22].
      msa_feat: [S, N, 49].
      msa_mask: [S, N] float32.
      true_msa: [S, N] int32, what stood where letters were hidden.
      bert_mask: [S, N] float32, 1 where they are asked for.
      extra_msa_feat: [E, N, 25].
      extra_msa_mask: [E, N] float32.
      templates: `Templates`, or ().
    """

    aatype: jax.Array
    residue_index: jax.Array
    mask: jax.Array
    target_feat: jax.Array
    msa_feat: jax.Array
    msa_mask: jax.Array
    true_msa: jax.Array
    bert_mask: jax.Array
    extra_msa_feat: jax.Array
    extra_msa_mask: jax.Array
    templates: Any = ()


def chain_examples(chains: Any, *, rows: int = 1) -> Example:
    """Makes examples [B, ...] on the host of padded `Chains`, each aligned with itself alone.

    Args:
      chains: of `jaxdl.science.proteins`.
      rows: R; those after the first are empty.
    """
    raise NotImplementedError


def alignment_example(protein: Any, msa: np.ndarray, deletions: np.ndarray) -> Example:
    """Makes one example on the host of a `Protein` and its alignment [R, N].

    Raises:
      BadInput: the first row is not the protein's sequence.
    """
    raise NotImplementedError


def crop(key: jax.Array, example: Example, size: int, unclamped: jax.Array) -> Example:
    """Cuts out `size` residues that follow each other (supplement, section 1.2.8)."""
    raise NotImplementedError


def make_features(key: jax.Array, example: Example, sampling: Sampling) -> Features:
    """Draws what one pass of the net reads of an example, without cropping it."""
    raise NotImplementedError
