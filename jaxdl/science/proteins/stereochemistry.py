"""Lengths of bonds and angles between them in proteins, with standard deviations.

They are means over well determined crystal structures of small molecules, with standard deviations
of what was measured there: Engh & Huber 2001 (International Tables for Crystallography, volume F,
chapter 18.3), which revises Engh & Huber 1991 (Acta Cryst. A47, 392).
"""

from typing import NamedTuple

import numpy as np

from jaxdl.science.proteins.constants import ATOMS14, NAMES


class Measure(NamedTuple):
    """A length or an angle as it was measured.

    Attributes:
      mean: in Angstrom, or in radians.
      deviation: standard deviation, in the same unit.
    """

    mean: float
    deviation: float


# Bonds in Angstrom: atoms, mean, standard deviation in thousandths.
_ORDINARY_BONDS = "N-CA 1.459 20, CA-C 1.525 26, C-O 1.229 19"
_BONDS = {
    "ALA": "CA-CB 1.520 21",
    "ARG": "CA-CB 1.535 22, CB-CG 1.521 27, CG-CD 1.515 25, CD-NE 1.460 17, NE-CZ 1.326 13, "
    "CZ-NH1 1.326 13, CZ-NH2 1.326 13",
    "ASN": "CA-CB 1.527 26, CB-CG 1.506 23, CG-OD1 1.235 22, CG-ND2 1.324 25",
    "ASP": "CA-CB 1.535 22, CB-CG 1.513 21, CG-OD1 1.249 23, CG-OD2 1.249 23",
    "CYS": "CA-CB 1.526 13, CB-SG 1.812 16",
    "GLN": "CA-CB 1.535 22, CB-CG 1.521 27, CG-CD 1.506 23, CD-OE1 1.235 22, CD-NE2 1.324 25",
    "GLU": "CA-CB 1.535 22, CB-CG 1.517 19, CG-CD 1.515 15, CD-OE1 1.252 11, CD-OE2 1.252 11",
    "GLY": "N-CA 1.456 15, CA-C 1.514 16, C-O 1.232 16",
    "HIS": "CA-CB 1.535 22, CB-CG 1.492 16, CG-ND1 1.369 15, CG-CD2 1.353 17, ND1-CE1 1.343 25, "
    "CD2-NE2 1.415 21, CE1-NE2 1.322 23",
    "ILE": "CA-CB 1.544 23, CB-CG1 1.536 28, CB-CG2 1.524 31, CG1-CD1 1.500 69",
    "LEU": "CA-CB 1.533 23, CB-CG 1.521 29, CG-CD1 1.514 37, CG-CD2 1.514 37",
    "LYS": "CA-CB 1.535 22, CB-CG 1.521 27, CG-CD 1.520 34, CD-CE 1.508 25, CE-NZ 1.486 25",
    "MET": "CA-CB 1.535 22, CB-CG 1.509 32, CG-SD 1.807 26, SD-CE 1.774 56",
    "PHE": "CA-CB 1.535 22, CB-CG 1.509 17, CG-CD1 1.383 15, CG-CD2 1.383 15, CD1-CE1 1.388 20, "
    "CD2-CE2 1.388 20, CE1-CZ 1.369 19, CE2-CZ 1.369 19",
    "PRO": "N-CA 1.468 17, CA-C 1.524 20, C-O 1.228 20, CA-CB 1.531 20, CB-CG 1.495 50, "
    "CG-CD 1.502 33, CD-N 1.474 14",
    "SER": "CA-CB 1.525 15, CB-OG 1.418 13",
    "THR": "CA-CB 1.529 26, CB-OG1 1.428 20, CB-CG2 1.519 33",
    "TRP": "CA-CB 1.535 22, CB-CG 1.498 18, CG-CD1 1.363 14, CG-CD2 1.432 17, CD1-NE1 1.375 17, "
    "NE1-CE2 1.371 13, CD2-CE2 1.409 12, CD2-CE3 1.399 15, CE2-CZ2 1.393 17, CE3-CZ3 1.380 17, "
    "CZ2-CH2 1.369 19, CZ3-CH2 1.396 16",
    "TYR": "CA-CB 1.535 22, CB-CG 1.512 15, CG-CD1 1.387 13, CG-CD2 1.387 13, CD1-CE1 1.389 15, "
    "CD2-CE2 1.389 15, CE1-CZ 1.381 13, CE2-CZ 1.381 13, CZ-OH 1.374 17",
    "VAL": "CA-CB 1.543 21, CB-CG1 1.524 21, CB-CG2 1.524 21",
}

# Angles in degrees: atoms, mean, standard deviation in tenths.
_ORDINARY_ANGLES = "N-CA-C 111.0 27, CA-C-O 120.1 21, N-CA-CB 110.6 18, CB-CA-C 110.4 20"
_ANGLES = {
    "ALA": "N-CA-CB 110.1 14, CB-CA-C 110.1 15",
    "ARG": "CA-CB-CG 113.4 22, CB-CG-CD 111.6 26, CG-CD-NE 111.8 21, CD-NE-CZ 123.6 14, "
    "NE-CZ-NH1 120.3 5, NE-CZ-NH2 120.3 5, NH1-CZ-NH2 119.4 11",
    "ASN": "CA-CB-CG 113.4 22, CB-CG-ND2 116.7 24, CB-CG-OD1 121.6 20, ND2-CG-OD1 121.9 23",
    "ASP": "CA-CB-CG 113.4 22, CB-CG-OD1 118.3 9, CB-CG-OD2 118.3 9, OD1-CG-OD2 123.3 19",
    "CYS": "N-CA-CB 110.8 15, CB-CA-C 111.5 12, CA-CB-SG 114.2 11",
    "GLN": "CA-CB-CG 113.4 22, CB-CG-CD 111.6 26, CG-CD-OE1 121.6 20, CG-CD-NE2 116.7 24, "
    "OE1-CD-NE2 121.9 23",
    "GLU": "CA-CB-CG 113.4 22, CB-CG-CD 114.2 27, CG-CD-OE1 118.3 20, CG-CD-OE2 118.3 20, "
    "OE1-CD-OE2 123.3 12",
    "GLY": "N-CA-C 113.1 25, CA-C-O 120.6 18",
    "HIS": "CA-CB-CG 113.6 17, CB-CG-ND1 123.2 25, CB-CG-CD2 130.8 31, CG-ND1-CE1 108.2 14, "
    "ND1-CE1-NE2 109.9 22, CE1-NE2-CD2 106.6 25, NE2-CD2-CG 109.2 19, CD2-CG-ND1 106.0 14",
    "ILE": "N-CA-CB 110.8 23, CB-CA-C 111.6 20, CA-CB-CG1 111.0 19, CB-CG1-CD1 113.9 28, "
    "CA-CB-CG2 110.9 20, CG1-CB-CG2 111.4 22",
    "LEU": "N-CA-CB 110.4 20, CB-CA-C 110.2 19, CA-CB-CG 115.3 23, CB-CG-CD1 111.0 17, "
    "CB-CG-CD2 111.0 17, CD1-CG-CD2 110.5 30",
    "LYS": "CA-CB-CG 113.4 22, CB-CG-CD 111.6 26, CG-CD-CE 111.9 30, CD-CE-NZ 111.7 23",
    "MET": "CA-CB-CG 113.3 17, CB-CG-SD 112.4 30, CG-SD-CE 100.2 16",
    "PHE": "CA-CB-CG 113.9 24, CB-CG-CD1 120.8 7, CB-CG-CD2 120.8 7, CD1-CG-CD2 118.3 13, "
    "CG-CD1-CE1 120.8 11, CG-CD2-CE2 120.8 11, CD1-CE1-CZ 120.1 12, CD2-CE2-CZ 120.1 12, "
    "CE1-CZ-CE2 120.0 18",
    "PRO": "N-CA-C 112.1 26, CA-C-O 120.2 24, N-CA-CB 103.3 12, CB-CA-C 111.7 21, "
    "CA-CB-CG 104.8 19, CB-CG-CD 106.5 39, CG-CD-N 103.2 15, CA-N-CD 111.7 14",
    "SER": "N-CA-CB 110.5 15, CB-CA-C 110.1 19, CA-CB-OG 111.2 27",
    "THR": "N-CA-CB 110.3 19, CB-CA-C 111.6 27, CA-CB-OG1 109.0 21, CA-CB-CG2 112.4 14, "
    "OG1-CB-CG2 110.0 23",
    "TRP": "CA-CB-CG 113.7 19, CB-CG-CD1 127.0 13, CB-CG-CD2 126.6 13, CD1-CG-CD2 106.3 8, "
    "CG-CD1-NE1 110.1 10, CD1-NE1-CE2 109.0 9, NE1-CE2-CD2 107.3 10, CE2-CD2-CG 107.3 8, "
    "CG-CD2-CE3 133.9 9, NE1-CE2-CZ2 130.4 11, CE3-CD2-CE2 118.7 12, CD2-CE2-CZ2 122.3 12, "
    "CE2-CZ2-CH2 117.4 10, CZ2-CH2-CZ3 121.6 12, CH2-CZ3-CE3 121.2 11, CZ3-CE3-CD2 118.8 13",
    "TYR": "CA-CB-CG 113.4 19, CB-CG-CD1 121.0 6, CB-CG-CD2 121.0 6, CD1-CG-CD2 117.9 11, "
    "CG-CD1-CE1 121.3 8, CG-CD2-CE2 121.3 8, CD1-CE1-CZ 119.8 9, CD2-CE2-CZ 119.8 9, "
    "CE1-CZ-CE2 119.8 16, CE1-CZ-OH 120.1 27, CE2-CZ-OH 120.1 27",
    "VAL": "N-CA-CB 111.5 22, CB-CA-C 111.4 19, CA-CB-CG1 110.9 15, CA-CB-CG2 110.9 15, "
    "CG1-CB-CG2 110.9 16",
}

# The peptide bond from one residue to the next: its length, and that before proline (Engh & Huber
# 1991).
PEPTIDE_LENGTH = Measure(1.329, 0.014)
PEPTIDE_LENGTH_PROLINE = Measure(1.341, 0.016)
# Cosines of the angles at its ends, C-N-CA (121.4 +- 2.3 degrees) and CA-C-N (116.6 +- 2.0). They
# are those of AlphaFold's published code, for the loss of Jumper et al. 2021, supplement, eq. 45;
# Engh & Huber 1991 have 121.7 +- 1.8 and 116.2 +- 2.0.
PEPTIDE_COSINE_C_N_CA = Measure(-0.5203, 0.0353)
PEPTIDE_COSINE_CA_C_N = Measure(-0.4473, 0.0311)
# Distance of CA atoms of neighbors across a trans peptide bond, in Angstrom.
NEIGHBOR_DISTANCE = 3.802


def _parse(ordinary: str, special: str, unit: float, finest: float) -> dict[str, Measure]:
    """Reads a residue's table; what it states itself beats what is ordinary."""
    measures = {}
    for entry in (*ordinary.split(", "), *special.split(", ")):
        atoms, mean, deviation = entry.split()
        measures[atoms] = Measure(float(mean) * unit, int(deviation) * finest * unit)
    return measures


def _keep_known(measures: dict[str, Measure], residue: str) -> dict[str, Measure]:
    atoms = ATOMS14[NAMES.index(residue)]
    return {key: value for key, value in measures.items() if set(key.split("-")) <= set(atoms)}


# Residue name -> bond, as "CA-CB", -> length in Angstrom.
BONDS = {name: _parse(_ORDINARY_BONDS, special, 1.0, 1e-3) for name, special in _BONDS.items()}
# Residue name -> angle, as "N-CA-CB" with its corner in the middle, -> radians.
ANGLES = {
    name: _keep_known(_parse(_ORDINARY_ANGLES, special, np.pi / 180, 0.1), name)
    for name, special in _ANGLES.items()
}


def bond(residue: str, first: str, second: str) -> Measure:
    """Returns the length of a bond, whichever way round it is named."""
    bonds = BONDS[residue]
    return bonds.get(f"{first}-{second}") or bonds[f"{second}-{first}"]


def angle(residue: str, first: str, corner: str, last: str) -> Measure:
    """Returns the angle at the corner, whichever way round it is named."""
    angles = ANGLES[residue]
    return angles.get(f"{first}-{corner}-{last}") or angles[f"{last}-{corner}-{first}"]


def opposite_side(residue: str, name: str) -> Measure:
    """Returns the distance of the outer atoms of an angle, by the law of cosines.

    Its deviation is that of three independent measures, to first order.
    """
    first, corner, last = name.split("-")
    a, b = bond(residue, first, corner), bond(residue, corner, last)
    theta = angle(residue, first, corner, last)
    length = np.sqrt(a.mean**2 + b.mean**2 - 2 * a.mean * b.mean * np.cos(theta.mean))
    slopes = (
        (a.mean - b.mean * np.cos(theta.mean)) / length,
        (b.mean - a.mean * np.cos(theta.mean)) / length,
        a.mean * b.mean * np.sin(theta.mean) / length,
    )
    parts = [s * m.deviation for s, m in zip(slopes, (a, b, theta), strict=True)]
    return Measure(float(length), float(np.sqrt(np.sum(np.square(parts)))))


def _restrain() -> tuple[np.ndarray, np.ndarray]:
    """Returns the tables of distances that are explained below."""
    length = np.zeros((21, 14, 14), np.float32)
    deviation = np.zeros((21, 14, 14), np.float32)
    for name in BONDS:
        residue = NAMES.index(name)
        ends = {key: (measure, key.split("-")) for key, measure in BONDS[name].items()}
        for key in ANGLES[name]:
            ends[key] = opposite_side(name, key), key.split("-")[::2]
        for measure, pair in ends.values():
            i, j = (ATOMS14[residue].index(atom) for atom in pair)
            length[residue, [i, j], [j, i]] = measure.mean
            deviation[residue, [i, j], [j, i]] = measure.deviation
    return length, deviation


# RESTRAINED_DISTANCE and RESTRAINT_DEVIATION [21, 14, 14] float32, in Angstrom: distances within a
# residue that bonds or angles fix, and their standard deviations; 0 for all other pairs.
RESTRAINED_DISTANCE, RESTRAINT_DEVIATION = _restrain()
