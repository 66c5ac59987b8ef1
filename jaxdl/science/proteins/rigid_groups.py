"""Ideal residues as rigid groups that torsions turn against each other.

A residue has eight groups: 0 backbone, 1 and 2 what turns with omega and phi (no heavy atoms),
3 what turns with psi (the oxygen), 4 to 7 what turns with chi1 to chi4. Each has a frame: its
origin is the end of the turned bond, the first axis runs on along the bond, and the atom from which
the torsion is counted lies in the plane of the first two axes, on the positive side of the second.
The backbone's frame has CA as origin, C on the first axis and N in that plane. Each atom belongs to
the first group that moves it.

Coordinates are built from `stereochemistry` in float64: in each frame atoms are placed one after
another by a bond, an angle and a torsion (Parsons et al. 2005), torsions being 0 or half a turn in
planar parts, and following from three angles around tetrahedral atoms.

References: Jumper et al. 2021, supplement, section 1.8.4, table 2 and algorithm 24.
"""

import numpy as np

from jaxdl.science.proteins.constants import ATOMS14, CHI_ATOMS, NAMES
from jaxdl.science.proteins.stereochemistry import BONDS, angle, bond

GROUPS = ("backbone", "omega", "phi", "psi", "chi1", "chi2", "chi3", "chi4")

# What no chi places, in order: the atom, the bond from whose end it is placed, and the torsion
# about that bond in degrees. It is counted from the side of the frame's second axis, or from a last
# atom where one is named. In place of a number, "+CD1" is the torsion by which the atom follows its
# sibling CD1 around a tetrahedral atom, which three angles fix, and "-" is its mirror image.
_BRANCHES = {
    "ARG": "NH1 NE CZ 0 CD, NH2 NE CZ 180 CD",
    "ASN": "ND2 CB CG 180",
    "ASP": "OD2 CB CG 180",
    "GLN": "NE2 CG CD 180",
    "GLU": "OE2 CG CD 180",
    "HIS": "CD2 CB CG 180, CE1 CG ND1 180 CB, NE2 CG CD2 180 CB",
    "ILE": "CG2 CA CB -CG1",
    "LEU": "CD2 CB CG +CD1",
    "PHE": "CD2 CB CG 180, CE1 CG CD1 180 CB, CE2 CG CD2 180 CB, CZ CD1 CE1 0 CG",
    "THR": "CG2 CA CB -OG1",
    "TRP": "CD2 CB CG 180, NE1 CG CD1 180 CB, CE2 CG CD2 180 CB, CE3 CG CD2 0 CB, "
    "CZ2 CD2 CE2 180 CG, CZ3 CD2 CE3 180 CG, CH2 CE2 CZ2 0 CD2",
    "TYR": "CD2 CB CG 180, CE1 CG CD1 180 CB, CE2 CG CD2 180 CB, CZ CD1 CE1 0 CG, "
    "OH CE1 CZ 180 CD1",
    "VAL": "CG2 CA CB +CG1",
}
_SIDE = np.array([0.0, 1.0, 0.0])

Places = dict[str, np.ndarray]  # name of an atom -> its place [3] in one group's frame


def build_residue(name: str) -> tuple[list[Places], dict[str, int]]:
    """Builds an ideal residue.

    Returns:
      For each group the places of its atoms and of those at its turned bond, in its frame, in
      Angstrom; and the group of each atom.
    """
    places: list[Places] = [{} for _ in GROUPS]
    group_of: dict[str, int] = {}
    _place_backbone(name, places, group_of)
    axes = {}
    for chi, (_, start, end, atom) in enumerate(CHI_ATOMS[name]):
        group = 4 + chi
        axes[start, end] = group
        places[group] = _begin_group(name, start, end)
        _place(name, places[group], atom, start, end, 0.0)
        group_of[atom] = group
    for entry in filter(None, _BRANCHES.get(name, "").split(", ")):
        atom, start, end, turn, *count_from = entry.split()
        group = axes.get((start, end)) or group_of[end]
        torsion = _branch_torsion(name, atom, start, end, turn)
        _place(name, places[group], atom, start, end, torsion, *count_from)
        group_of[atom] = group
    return places, group_of


def _place_backbone(name: str, places: list[Places], group_of: dict[str, int]) -> None:
    to_n, to_c = bond(name, "N", "CA").mean, bond(name, "CA", "C").mean
    corner = angle(name, "N", "CA", "C").mean
    places[0] = {
        "N": to_n * np.array([np.cos(corner), np.sin(corner), 0.0]),
        "CA": np.zeros(3),
        "C": np.array([to_c, 0.0, 0.0]),
    }
    group_of |= {"N": 0, "CA": 0, "C": 0, "O": 3}
    if name != "GLY":
        torsion = _branch_torsion(name, "CB", "C", "CA", "+N")
        _place(name, places[0], "CB", "C", "CA", torsion)
        group_of["CB"] = 0
    places[3] = _begin_group(name, "CA", "C")
    _place(name, places[3], "O", "CA", "C", 0.0)


def _begin_group(name: str, start: str, end: str) -> Places:
    return {start: np.array([-bond(name, start, end).mean, 0.0, 0.0]), end: np.zeros(3)}


def _place(
    name: str,
    places: Places,
    atom: str,
    start: str,
    end: str,
    torsion: float,
    count_from: str | None = None,
) -> None:
    """Adds an atom to the places of a frame; the torsion is in radians."""
    b, c = places[start], places[end]
    a = b + _SIDE if count_from is None else places[count_from]
    length, corner = bond(name, end, atom).mean, angle(name, start, end, atom).mean
    e1 = (c - b) / np.linalg.norm(c - b)
    e2 = (a - b) - e1 * np.dot(e1, a - b)
    e2 /= np.linalg.norm(e2)
    step = -np.cos(corner) * e1
    step = step + np.sin(corner) * np.cos(torsion) * e2
    step = step + np.sin(corner) * np.sin(torsion) * np.cross(e1, e2)
    places[atom] = c + length * step


def _branch_torsion(name: str, atom: str, start: str, end: str, turn: str) -> float:
    """Returns in radians the torsion that `_BRANCHES` states.

    Three directions from one atom with the angles alpha, beta and gamma between them span a
    spherical triangle, whose corner is the torsion (spherical law of cosines).
    """
    if turn[0] not in "+-":
        return np.deg2rad(float(turn))
    sibling = turn[1:]
    alpha = angle(name, start, end, sibling).mean
    beta = angle(name, start, end, atom).mean
    gamma = angle(name, sibling, end, atom).mean
    cosine = (np.cos(gamma) - np.cos(alpha) * np.cos(beta)) / (np.sin(alpha) * np.sin(beta))
    return (1 if turn[0] == "+" else -1) * np.arccos(cosine)


def _make_frame(first: np.ndarray, second: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Returns a rigid motion [4, 4] with the axes of algorithm 21."""
    e1 = first / np.linalg.norm(first)
    e2 = second - e1 * np.dot(e1, second)
    e2 = e2 / np.linalg.norm(e2)
    frame = np.eye(4)
    frame[:3] = np.stack([e1, e2, np.cross(e1, e2), origin], -1)
    return frame


def _make_frames(name: str, places: list[Places]) -> np.ndarray:
    """Returns the frames [8, 4, 4] of the groups of a residue."""
    frames = np.tile(np.eye(4), (8, 1, 1))
    backbone = places[0]
    x = np.array([1.0, 0.0, 0.0])
    frames[2] = _make_frame(backbone["N"], x, backbone["N"])
    frames[3] = _make_frame(x, -backbone["N"], backbone["C"])
    for chi, (_, _, end, _) in enumerate(CHI_ATOMS[name]):
        origin = places[4 + chi - 1 if chi else 0][end]
        frames[4 + chi] = _make_frame(origin, -x if chi else backbone["N"], origin)
    return frames


def _tabulate() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the tables that are explained below."""
    group = np.zeros((21, 14), np.int32)
    atoms = np.zeros((21, 14, 3), np.float32)
    frames = np.tile(np.eye(4, dtype=np.float32), (21, 8, 1, 1))
    for name in BONDS:
        residue = NAMES.index(name)
        places, group_of = build_residue(name)
        for i, atom in enumerate(ATOMS14[residue]):
            group[residue, i] = group_of[atom]
            atoms[residue, i] = places[group_of[atom]][atom]
        frames[residue] = _make_frames(name, places)
    return group, atoms, frames


# GROUP_OF_ATOM14 [21, 14] int32: the group of each atom, 0 where there is none.
# ATOM14_IN_GROUP [21, 14, 3] float32: its place in the group's frame in Angstrom, or 0.
# GROUP_FRAMES [21, 8, 4, 4] float32: rigid motions that take each frame, with its torsion at 0, to
# the one that holds it: chi2 to chi1, chi3 to chi2, chi4 to chi3, all others to the backbone's.
# Where a residue lacks the torsion it is the identity.
GROUP_OF_ATOM14, ATOM14_IN_GROUP, GROUP_FRAMES = _tabulate()
