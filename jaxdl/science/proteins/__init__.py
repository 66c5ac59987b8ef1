"""Proteins as arrays: what they consist of, readers and writers, batches, scores."""

from jaxdl.science.proteins import constants, rigid_groups, stereochemistry
from jaxdl.science.proteins.protein import Protein, sequence_of

__all__ = ["Protein", "constants", "rigid_groups", "sequence_of", "stereochemistry"]
