"""Protein: the atoms of one or several chains, as arrays."""

from typing import NamedTuple

import numpy as np

from jaxdl.science.proteins.constants import LETTERS


class Protein(NamedTuple):
    """Residues of one or several chains, one after the other.

    Attributes:
      aatype: [N] int32, places in `constants.RESIDUES`, 20 for every other residue.
      positions: [N, 37, 3] float32, in Angstrom, 0 where an atom is missing.
      mask: [N, 37] float32, 1 where an atom is known.
      residue_index: [N] int32, numbers of residues as the file has them: they may be negative, skip
        numbers and, with insertion codes, repeat.
      chain_index: [N] int32, chains by number from 0, in the order of the file.
      b_factors: [N, 37] float32, in square Angstrom, or a confidence.
      insertion_codes: [N] int32, the letter's code behind a residue's number, 32 (a blank) where
        there is none; None is the same as all blank.
    """

    aatype: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    residue_index: np.ndarray
    chain_index: np.ndarray
    b_factors: np.ndarray
    insertion_codes: np.ndarray | None = None


def sequence_of(protein: Protein) -> str:
    """Returns one letter for each residue, X for those that are none of the twenty."""
    return "".join(LETTERS[number] for number in np.asarray(protein.aatype))


def insertion_letters(protein: Protein) -> list[str]:
    """Returns the letter behind each residue's number, " " where there is none."""
    if protein.insertion_codes is None:
        return [" "] * len(protein.aatype)
    return [chr(code) for code in np.asarray(protein.insertion_codes)]


def as_numpy(protein: Protein) -> Protein:
    """Returns a protein whose arrays may be on a device as one of NumPy's arrays."""
    return Protein(*(None if array is None else np.asarray(array) for array in protein))
