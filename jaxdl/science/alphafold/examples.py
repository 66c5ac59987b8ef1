"""Chains with their alignment and, where it is known, their structure: arrays of fixed shapes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science.alphafold.templates import Templates
from jaxdl.science.proteins import Chains, Protein, pseudo_beta
from jaxdl.science.proteins.constants import ATOMS, GAP, UNKNOWN

MOST_DELETIONS = 2**15 - 1  # that are told apart


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
      templates: `Templates`, which have no atoms at the padding, or () without them.
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


def chain_examples(chains: Chains, *, rows: int = 1) -> Example:
    """Makes examples [B, ...] on the host of chains that are aligned with themselves alone.

    Args:
      chains: B of N residues with all 37 atoms.
      rows: R, rows of the alignment, of which those after the first are empty.
    """
    count, length = chains.aatype.shape
    msa = np.full((count, rows, length), GAP, np.int8)
    msa[:, 0] = chains.aatype
    row_mask = np.zeros((count, rows), np.float32)
    row_mask[:, 0] = 1
    return Example(
        aatype=chains.aatype,
        residue_index=chains.residue_index,
        mask=chains.residue_mask,
        msa=msa,
        deletions=np.zeros((count, rows, length), np.int16),
        row_mask=row_mask,
        positions=chains.positions,
        atom_mask=chains.mask,
    )


def blank_example(length: int, *, templates: bool = False) -> Example:
    """Makes an example of unknown residues without any structure, to be filled in.

    Args:
      length: N.
      templates: with room for one.
    """
    chain = np.full(length, UNKNOWN, np.int32)
    positions = np.zeros((length, len(ATOMS), 3), np.float32)
    atom_mask = np.zeros((length, len(ATOMS)), np.float32)
    one = (chain[None], positions[None], atom_mask[None], np.zeros(1, np.float32))
    return Example(
        aatype=chain,
        residue_index=np.arange(length, dtype=np.int32),
        mask=np.ones(length, np.float32),
        msa=chain[None].astype(np.int8),
        deletions=np.zeros((1, length), np.int16),
        row_mask=np.ones(1, np.float32),
        positions=positions,
        atom_mask=atom_mask,
        templates=find_templates(*one) if templates else (),
    )


def alignment_example(protein: Protein, msa: np.ndarray, deletions: np.ndarray) -> Example:
    """Makes one example on the host of a chain and its alignment.

    Args:
      protein: `Protein` of N residues.
      msa: [R, N] letters 0 to 21, the first row being the protein's own.
      deletions: [R, N] letters left out to the left of each.

    Raises:
      BadInput: the alignment is one of another sequence.
    """
    if msa.shape[1:] != protein.aatype.shape:
        raise BadInput(f"the alignment has {msa.shape[1]} columns, chain {len(protein.aatype)}")
    known = (protein.aatype < UNKNOWN) & (msa[0] < UNKNOWN)
    different = int(np.sum((protein.aatype != msa[0]) & known))
    if different:
        raise BadInput(f"the alignment's first row differs from the chain in {different} letters")
    return blank_example(len(protein.aatype))._replace(
        aatype=np.asarray(protein.aatype, np.int32),
        residue_index=np.asarray(protein.residue_index, np.int32),
        msa=np.asarray(msa, np.int8),
        deletions=np.asarray(np.minimum(deletions, MOST_DELETIONS), np.int16),
        row_mask=np.ones(len(msa), np.float32),
        positions=np.asarray(protein.positions, np.float32),
        atom_mask=np.asarray(protein.mask, np.float32),
    )


def find_templates(
    aatype: jax.Array, positions: jax.Array, mask: jax.Array, exists: jax.Array
) -> Templates:
    """Makes templates of structures that are aligned to a chain.

    Args:
      aatype: [T, N] int32; 20 unknown, 21 gap.
      positions: [T, N, 37, 3], in Angstrom, 0 where an atom is not known.
      mask: [T, N, 37] float32.
      exists: [T] float32, 0 for templates that are not there.
    """
    return Templates(aatype, positions, mask, *pseudo_beta(aatype, positions, mask), exists)


def crop(key: jax.Array, example: Example, size: int | None, unclamped: jax.Array) -> Example:
    """Cuts out residues that follow each other.

    Args:
      key: of where it begins.
      example: whose padding stands at the end.
      size: residues that are left; None, or more than there are, leaves all.
      unclamped: bool scalar; without clamped errors crops are drawn nearer to the chain's start.

    Reference: supplement, section 1.2.8.
    """
    if size is None or size >= example.aatype.shape[0]:
        return example
    bound_key, start_key = jax.random.split(key)
    room = jnp.maximum(jnp.sum(example.mask).astype(jnp.int32) - size, 0)  # n
    bound = room - jnp.where(unclamped, jax.random.randint(bound_key, (), 0, room + 1), 0)
    start = jax.random.randint(start_key, (), 0, bound + 1)

    def cut(x, axis=0):
        return jax.lax.dynamic_slice_in_dim(x, start, size, axis)

    templates = example.templates
    if templates:
        along = [cut(x, 1) for x in templates[:-1]]
        templates = Templates(*along, templates.exists)
    return Example(
        aatype=cut(example.aatype),
        residue_index=cut(example.residue_index),
        mask=cut(example.mask),
        msa=cut(example.msa, 1),
        deletions=cut(example.deletions, 1),
        row_mask=example.row_mask,
        positions=cut(example.positions),
        atom_mask=cut(example.atom_mask),
        templates=templates,
    )
