"""Sequences to fold, with what is aligned to them, in shapes that few programs are compiled for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science import proteins
from jaxdl.science.alphafold.examples import Example, alignment_example

STEPS = (
    (256, 32),
    (512, 64),
    (1 << 30, 128),
)  # up to a length, multiples that chains are padded to
STOCKHOLM = (".sto", ".stockholm", ".sto.gz")


class Query(NamedTuple):
    """A sequence to fold.

    Attributes:
      name: of it.
      sequence: of N letters.
      msa: [R, N] int8, rows aligned to it, of which it is the first.
      deletions: [R, N] letters left out to the left of each.
    """

    name: str
    sequence: str
    msa: np.ndarray
    deletions: np.ndarray


def read_queries(fasta: str | Path, alignments: Sequence[str | Path] = ()) -> list[Query]:
    """Reads sequences, and gives each the alignment that begins with it.

    Args:
      fasta: file of one or several sequences.
      alignments: files in a3m or, by their ending .sto, Stockholm format.

    Raises:
      BadInput: a file cannot be read, or an alignment is of none of the sequences.
    """
    queries = [make_query(name, sequence) for name, sequence in proteins.read_fasta(fasta)]
    if len(queries) == 1:
        (only,) = queries
        found = [_read_alignment(path, only.sequence) for path in alignments]
        return [_with_rows(only, found)]
    found = [_read_alignment(path) for path in alignments]
    for path, one in zip(alignments, found, strict=True):
        if not any(_is_of(one, query) for query in queries):
            raise BadInput(f"{path}: is an alignment of none of the sequences in {fasta}")
    return [_with_rows(q, [one for one in found if _is_of(one, q)]) for q in queries]


def make_query(name: str, sequence: str) -> Query:
    """Makes a query of a sequence alone."""
    letters = proteins.encode_sequence(sequence).astype(np.int8)[None]
    return Query(name, sequence, letters, np.zeros(letters.shape, np.int32))


def embedded_query() -> Query:
    """Makes a query of the first of the embedded chains."""
    name, chain = next(iter(proteins.open_chains().items()))
    return make_query(name, proteins.sequence_of(chain))


def query_example(query: Query, rows: int) -> Example:
    """Makes an example of a query, padded in residues and rows.

    Args:
      query: of R rows and N residues.
      rows: that a net sees; the rows become that many, or a power of two where there are more.
    """
    size = len(query.sequence)
    nothing = np.zeros((size, 37), np.float32)
    protein = proteins.Protein(
        aatype=query.msa[0].astype(np.int32),
        positions=np.zeros((size, 37, 3), np.float32),
        mask=nothing,
        residue_index=np.arange(size, dtype=np.int32),
        chain_index=np.zeros(size, np.int32),
        b_factors=nothing,
    )
    example = alignment_example(protein, query.msa, query.deletions)
    count = len(query.msa)
    rows = rows if count <= rows else 1 << (count - 1).bit_length()
    return pad_example(example, padded_length(size), rows)


def padded_length(size: int) -> int:
    """Returns the length that a chain of that many residues is padded to."""
    step = next(step for most, step in STEPS if size <= most)
    return -(-size // step) * step


def pad_example(example: Example, length: int, rows: int) -> Example:
    """Fills an example without templates up with residues and rows that are masked."""
    more = length - len(example.aatype)
    below = rows - len(example.msa)

    def pad(array, *widths, value=0):
        end = [(0, 0)] * (array.ndim - len(widths))
        return np.pad(array, [*((0, width) for width in widths), *end], constant_values=value)

    return Example(
        aatype=pad(example.aatype, more, value=proteins.constants.UNKNOWN),
        residue_index=pad(example.residue_index, more),
        mask=pad(example.mask, more),
        msa=pad(example.msa, below, more, value=proteins.constants.GAP),
        deletions=pad(example.deletions, below, more),
        row_mask=pad(example.row_mask, below),
        positions=pad(example.positions, more),
        atom_mask=pad(example.atom_mask, more),
    )


def without_padding(prediction: Any, size: int) -> Any:
    """Returns a `Prediction` of the first residues alone."""
    pairs = prediction.pae[:size, :size] if len(np.shape(prediction.pae)) == 2 else prediction.pae
    return prediction._replace(
        positions=prediction.positions[:size],
        atom_mask=prediction.atom_mask[:size],
        plddt=prediction.plddt[:size],
        distogram=prediction.distogram[:size, :size],
        pae=pairs,
        trajectory=prediction.trajectory[:, :, :size],
        cycle_plddt=prediction.cycle_plddt[:, :size],
    )


def as_protein(query: Query, prediction: Any) -> proteins.Protein:
    """Makes a protein of a prediction without padding, whose B-factors are its confidence."""
    size = len(query.sequence)
    mask = np.asarray(prediction.atom_mask, np.float32)
    return proteins.Protein(
        aatype=query.msa[0].astype(np.int32),
        positions=np.asarray(prediction.positions, np.float32),
        mask=mask,
        residue_index=np.arange(1, size + 1, dtype=np.int32),
        chain_index=np.zeros(size, np.int32),
        b_factors=mask * np.asarray(prediction.plddt, np.float32)[:, None],
    )


def _read_alignment(path: str | Path, query: str | None = None) -> proteins.Alignment:
    is_stockholm = str(path).lower().endswith(STOCKHOLM)
    read = proteins.read_stockholm if is_stockholm else proteins.read_a3m
    return read(path, query=query)


def _is_of(alignment: proteins.Alignment, query: Query) -> bool:
    return np.array_equal(alignment.msa[0], query.msa[0])


def _with_rows(query: Query, alignments: Sequence[proteins.Alignment]) -> Query:
    """Adds the rows of alignments behind the query, each of them once."""
    msa = [query.msa, *(one.msa[1:] for one in alignments)]
    deletions = [query.deletions, *(one.deletions[1:] for one in alignments)]
    msa, deletions = np.concatenate(msa), np.concatenate(deletions)
    _, first = np.unique(msa, axis=0, return_index=True)
    kept = np.sort(first)
    return query._replace(msa=msa[kept], deletions=deletions[kept])
