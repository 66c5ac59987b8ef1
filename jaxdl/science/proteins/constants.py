"""What amino acids consist of: letters, atoms, torsions and alphabets.

The order of residues is that of their three-letter names, which is AlphaFold's; number 20 stands
for every other residue. Atoms stand either in one order for all residues (atom37), or packed
without gaps for each residue (atom14). Names of atoms and the torsions chi1 to chi4 are those of
IUPAC-IUB 1970 (Abbreviations and symbols for the description of the conformation of polypeptide
chains). Geometry is in `stereochemistry` and `rigid_groups`.

References: IUPAC-IUB 1970; Jumper et al. 2021, supplement, sections 1.2.1 and 1.8.
"""

import numpy as np

RESIDUES = "ARNDCQEGHILKMFPSTWYV"
NAMES = tuple(
    "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK".split()
)
UNKNOWN = 20  # of residues and of letters in alignments
GAP = 21  # of letters in alignments
MASKED = 22  # a letter that a network has to guess
LETTERS = RESIDUES + "X-"  # letters in alignments by number

ATOMS = tuple(
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 "
    "OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3 NZ OXT".split()
)
BACKBONE = ("N", "CA", "C", "O")

# Atoms beyond the backbone, in the order of atom14.
_SIDE_CHAINS = {
    "ALA": "CB",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU": "CB CG CD OE1 OE2",
    "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}

# Four atoms in succession are a torsion: chi1, chi2, ... (IUPAC-IUB 1970, section 4).
_CHI_CHAINS = {
    "ARG": "N CA CB CG CD NE CZ",
    "ASN": "N CA CB CG OD1",
    "ASP": "N CA CB CG OD1",
    "CYS": "N CA CB SG",
    "GLN": "N CA CB CG CD OE1",
    "GLU": "N CA CB CG CD OE1",
    "HIS": "N CA CB CG ND1",
    "ILE": "N CA CB CG1 CD1",
    "LEU": "N CA CB CG CD1",
    "LYS": "N CA CB CG CD CE NZ",
    "MET": "N CA CB CG SD CE",
    "PHE": "N CA CB CG CD1",
    "PRO": "N CA CB CG CD",
    "SER": "N CA CB OG",
    "THR": "N CA CB OG1",
    "TRP": "N CA CB CG CD1",
    "TYR": "N CA CB CG CD1",
    "VAL": "N CA CB CG1",
}

# Half a turn about the last torsion exchanges atoms that chemistry does not tell apart (Jumper et
# al. 2021, supplement, table 3).
SWAPS = {
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
}

# Radii in Angstrom by element, Bondi 1964.
VAN_DER_WAALS = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8}

# Residue -> names of its atoms in the order of atom14, as many as it has.
ATOMS14 = tuple(
    (*BACKBONE, *_SIDE_CHAINS[name].split()) if name in _SIDE_CHAINS else () for name in NAMES
)
# Residue name -> its torsions as four names of atoms each.
CHI_ATOMS = {
    name: tuple(tuple(chain[i : i + 4]) for i in range(len(chain) - 3))
    for name, chain in ((name, _CHI_CHAINS.get(name, "").split()) for name in NAMES)
}

# Letters of alignments besides RESIDUES -> what is taken for them, as HHblits does: aspartic acid
# for B (it or asparagine), glutamic acid for Z (it or glutamine), cysteine for selenocysteine U.
_OTHER_LETTERS = {"B": "D", "Z": "E", "U": "C", "J": "X", "O": "X", "-": "-", "X": "X"}
LETTER_NUMBERS = {letter: RESIDUES.index(letter) for letter in RESIDUES} | {
    letter: LETTERS.index(stands_for) for letter, stands_for in _OTHER_LETTERS.items()
}


def _index_atoms() -> tuple[np.ndarray, ...]:
    """Returns the tables between atom37 and atom14, which are explained below."""
    atom37 = np.zeros((21, 14), np.int32)
    atom14 = np.zeros((21, 37), np.int32)
    mask14 = np.zeros((21, 14), np.float32)
    mask37 = np.zeros((21, 37), np.float32)
    for residue, atoms in enumerate(ATOMS14):
        places = [ATOMS.index(atom) for atom in atoms]
        atom37[residue, : len(atoms)] = places
        atom14[residue, places] = np.arange(len(atoms))
        mask14[residue, : len(atoms)] = 1
        mask37[residue, places] = 1
    return atom37, atom14, mask14, mask37


def _index_torsions() -> tuple[np.ndarray, ...]:
    atoms = np.zeros((21, 4, 4), np.int32)
    mask = np.zeros((21, 4), np.float32)
    periodic = np.zeros((21, 4), np.float32)
    for residue, name in enumerate(NAMES):
        for chi, torsion in enumerate(CHI_ATOMS[name]):
            atoms[residue, chi] = [ATOMS.index(atom) for atom in torsion]
            mask[residue, chi] = 1
        if name in SWAPS:
            periodic[residue, len(CHI_ATOMS[name]) - 1] = 1
    return atoms, mask, periodic


def _index_swaps() -> np.ndarray:
    swapped = np.tile(np.arange(14, dtype=np.int32), (21, 1))
    for name, pairs in SWAPS.items():
        residue = NAMES.index(name)
        for pair in pairs:
            i, j = (ATOMS14[residue].index(atom) for atom in pair)
            swapped[residue, [i, j]] = j, i
    return swapped


def _list_radii() -> np.ndarray:
    radii = np.zeros((21, 14), np.float32)
    for residue, atoms in enumerate(ATOMS14):
        radii[residue, : len(atoms)] = [VAN_DER_WAALS[atom[0]] for atom in atoms]
    return radii


# ATOM37_OF_ATOM14 [21, 14] int32: where an atom of atom14 stands in atom37, 0 where there is none.
# ATOM14_OF_ATOM37 [21, 37] int32: the reverse, 0 where the residue has no such atom.
# ATOM14_MASK [21, 14] and ATOM37_MASK [21, 37] float32: 1 where the residue has the atom (OXT, of
# the last residue of a chain, has no place in atom14 and is 0 in both).
ATOM37_OF_ATOM14, ATOM14_OF_ATOM37, ATOM14_MASK, ATOM37_MASK = _index_atoms()

# CHI_INDEX [21, 4, 4] int32: the atoms of each torsion in atom37. CHI_MASK [21, 4] float32: 1 where
# the residue has the torsion. CHI_PERIODIC [21, 4] float32: 1 where half a turn changes nothing.
CHI_INDEX, CHI_MASK, CHI_PERIODIC = _index_torsions()

# SWAPPED_ATOM14 [21, 14] int32: the atom whose name each atom of atom14 could have as well, which
# is itself but for SWAPS. AMBIGUOUS_ATOM14 [21, 14] float32: 1 where it is another.
SWAPPED_ATOM14 = _index_swaps()
AMBIGUOUS_ATOM14 = (SWAPPED_ATOM14 != np.arange(14)).astype(np.float32)

# RADII [21, 14] float32: van der Waals radii in Angstrom, 0 where there is no atom.
RADII = _list_radii()
