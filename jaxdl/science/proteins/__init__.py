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
