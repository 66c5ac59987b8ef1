"""Proteins as arrays: what they consist of, readers and writers, batches, scores."""

from jaxdl.science.proteins import constants, rigid_groups, stereochemistry
from jaxdl.science.proteins.protein import Protein, sequence_of

__all__ = ["Protein", "constants", "rigid_groups", "sequence_of", "stereochemistry"]
"""Proteins: structures, sequences, alignments, and how near structures are to each other."""

from jaxdl.science.proteins.scores import (
    distogram_precision,
    drmsd,
    gdt_ts,
    lddt,
    rmsd,
    tm_score,
)

__all__ = [
    "distogram_precision",
    "drmsd",
    "gdt_ts",
    "lddt",
    "rmsd",
    "tm_score",
]
