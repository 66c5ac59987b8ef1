"""Proteins as arrays: what they consist of, readers and writers, batches, scores."""

from jaxdl.science.proteins import constants, rigid_groups, stereochemistry
from jaxdl.science.proteins.mmcif import write_mmcif
from jaxdl.science.proteins.pdb import write_pdb
from jaxdl.science.proteins.protein import Protein, sequence_of
from jaxdl.science.proteins.read import read

__all__ = [
    "Protein",
    "constants",
    "read",
    "rigid_groups",
    "sequence_of",
    "stereochemistry",
    "write_mmcif",
    "write_pdb",
]
