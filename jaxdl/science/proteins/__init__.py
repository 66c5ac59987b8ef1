"""Proteins as arrays: what they consist of, readers and writers, batches, scores."""

from jaxdl.science.proteins import constants, rigid_groups, stereochemistry
from jaxdl.science.proteins.protein import Protein, sequence_of
from jaxdl.science.proteins.scores import (
    distogram_precision,
    drmsd,
    gdt_ts,
    lddt,
    rmsd,
    tm_score,
)

__all__ = [
    "Protein",
    "constants",
    "distogram_precision",
    "drmsd",
    "gdt_ts",
    "lddt",
    "rigid_groups",
    "rmsd",
    "sequence_of",
    "stereochemistry",
    "tm_score",
]
