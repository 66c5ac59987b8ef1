"""Atoms as files list them, and the protein that they make up: the rules of all formats.

- Hydrogens, and atoms that the residue does not have, are left out.
- A residue that is none of the twenty is kept as X where it has N, CA and C; otherwise it is water,
  a ligand, or a nucleotide. Selenomethionine is methionine, and the names that programs of
  molecular dynamics give to protonation states are those of the residue.
- Of alternate locations an atom has the one of highest occupancy, the first of equal ones. Where
  two kinds of residue share a place, the one with the highest occupancy is taken.
- Letters behind the number of a residue tell residues apart that have the same number.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.formats import escape_for_terminal
from jaxdl.science.proteins.constants import ATOM37_MASK, ATOMS, NAMES, UNKNOWN
from jaxdl.science.proteins.protein import Protein

_RESIDUE_ALIASES = {
    "MSE": "MET",
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),  # of AMBER, CHARMM
    **dict.fromkeys(("CYX", "CYM"), "CYS"),
    "ASH": "ASP",
    "GLH": "GLU",
    "LYN": "LYS",
}
_ATOM_ALIASES = {("MET", "SE"): "SD", ("ILE", "CD"): "CD1"}
_END_ALIASES = {"OT1": "O", "OT2": "OXT"}
_ATOM_NUMBERS = {atom: number for number, atom in enumerate(ATOMS)}
_NEEDED = {"N", "CA", "C"}  # of what is kept as X
_FARTHEST = 1e6  # Angstrom


class Atom(NamedTuple):
    """One atom of a file.

    Attributes:
      chain: its name.
      part: number of the chain among those of that name.
      number: of the residue.
      insertion: letter behind that number, or " ".
      residue: its name.
      name: of the atom.
      alternative: letter of the alternate location, "" where there is none.
      occupancy: share of molecules that have it there.
      position: x, y, z in Angstrom.
      b_factor: in square Angstrom.
      is_hetero: whether the file says that it is in no ordinary residue.
      where: it stands in the file, for messages.
    """

    chain: str
    part: int
    number: int
    insertion: str
    residue: str
    name: str
    alternative: str
    occupancy: float
    position: tuple[float, float, float]
    b_factor: float
    is_hetero: bool
    where: str


class _Residue(NamedTuple):
    first: Atom
    aatype: int
    atoms: dict[str, Atom]


def check_insertion(place: str, letter: str) -> str:
    """Returns the letter behind the number of a residue, or " " where there is none.

    Raises:
      BadInput: it is no letter, as where a number of five digits reaches into its column.
    """
    letter = letter.strip()
    if letter and not (len(letter) == 1 and letter.isascii() and letter.isalpha()):
        shown = escape_for_terminal(letter)[:20]
        raise BadInput(f"{place}: {shown!r} behind the number of a residue is no letter")
    return letter or " "


def standard_names(residue: str, atom: str) -> tuple[str, str]:
    """Returns the names of a residue and its atom in place of those that programs use for them."""
    residue = _RESIDUE_ALIASES.get(residue, residue)
    atom = _ATOM_ALIASES.get((residue, atom), atom)
    return residue, _END_ALIASES.get(atom, atom)


def parse_numbers(
    place: str, residue: str, position: tuple[str, ...], occupancy: str, b_factor: str
) -> tuple[int, tuple[float, ...], float, float]:
    """Returns the numbers that a file has for an atom.

    Args:
      place: path and line, for messages.
      residue: number of the residue.
      position: x, y, z in Angstrom.
      occupancy: "" stands for 1.
      b_factor: "" stands for 0.

    Raises:
      BadInput: one is no number, or is out of all bounds.
    """
    try:
        number = int(residue)
        xyz = tuple(map(float, position))
        share, b = float(occupancy.strip() or 1), float(b_factor.strip() or 0)
    except ValueError as error:
        raise BadInput(f"{place}: {escape_for_terminal(error)[:200]}") from None
    if not all(map(math.isfinite, (*xyz, share, b))) or max(map(abs, (*xyz, b))) > _FARTHEST:
        raise BadInput(f"{place}: has a number that is infinite or larger than {_FARTHEST:g}")
    if abs(number) > np.iinfo(np.int32).max:
        raise BadInput(f"{place}: {number} is no number of a residue")
    return number, xyz, share, b


def select_chain(path: str | Path, atoms: list[Atom], chain: str | None) -> list[Atom]:
    """Returns the atoms of the chain of that name; None stands for all of them.

    Raises:
      BadInput: there is no such chain.
    """
    names = dict.fromkeys(atom.chain for atom in atoms)
    if chain is None:
        return atoms
    if chain not in names:
        known = ", ".join(escape_for_terminal(name) or "one without a name" for name in names)
        raise BadInput(f"{path}: has no chain {chain!r}; it has {known[:300]}")
    return [atom for atom in atoms if atom.chain == chain]


def assemble_protein(path: str | Path, atoms: Iterable[Atom]) -> Protein:
    """Puts atoms together by residue, in the order in which residues begin.

    Args:
      path: of the file, for messages.
      atoms: of one model, with standard names.

    Raises:
      BadInput: no amino acid is left, or a residue comes twice.
    """
    residues = _keep_first(path, filter(None, map(_choose_atoms, _group_by_residue(atoms))))
    if not residues:
        raise BadInput(f"{path}: holds no atoms of amino acids")
    size = len(residues)
    chains: dict[tuple[str, int], int] = {}
    protein = Protein(
        aatype=np.array([residue.aatype for residue in residues], np.int32),
        positions=np.zeros((size, 37, 3), np.float32),
        mask=np.zeros((size, 37), np.float32),
        residue_index=np.array([residue.first.number for residue in residues], np.int32),
        chain_index=np.array(
            [chains.setdefault((r.first.chain, r.first.part), len(chains)) for r in residues],
            np.int32,
        ),
        b_factors=np.zeros((size, 37), np.float32),
        insertion_codes=np.array([ord(r.first.insertion) for r in residues], np.int32),
    )
    for i, residue in enumerate(residues):
        places = [_ATOM_NUMBERS[name] for name in residue.atoms]
        protein.positions[i, places] = [atom.position for atom in residue.atoms.values()]
        protein.b_factors[i, places] = [atom.b_factor for atom in residue.atoms.values()]
        protein.mask[i, places] = 1
    return protein


def _group_by_residue(atoms: Iterable[Atom]) -> list[list[Atom]]:
    """Returns the atoms of each residue, also where they are not all together in the file.

    Where atoms come again after another residue, they are another residue of the same number.
    """
    groups: dict[tuple, list[Atom]] = {}
    turns: dict[tuple, int] = {}
    last = None
    for atom in atoms:
        if atom.name not in _ATOM_NUMBERS:  # hydrogens, water of some programs, nucleotides
            continue
        key = (atom.chain, atom.part, atom.number, atom.insertion, atom.is_hetero)
        group = groups.setdefault((key, turns.get(key, 0)), [])
        if key != last and any(
            (other.name, other.alternative) == (atom.name, atom.alternative) for other in group
        ):
            turns[key] = turns.get(key, 0) + 1
            group = groups.setdefault((key, turns[key]), [])
        group.append(atom)
        last = key
    return list(groups.values())


def _choose_atoms(group: list[Atom]) -> _Residue | None:
    """Returns a residue without its alternatives, or None where it is no amino acid."""
    name = max(group, key=lambda atom: atom.occupancy).residue  # the first of equal ones
    aatype = NAMES.index(name) if name in NAMES else UNKNOWN
    chosen: dict[str, Atom] = {}
    for atom in group:
        if atom.residue != name:
            continue
        has = aatype == UNKNOWN or atom.name == "OXT" or ATOM37_MASK[aatype][ATOMS.index(atom.name)]
        if has and (atom.name not in chosen or atom.occupancy > chosen[atom.name].occupancy):
            chosen[atom.name] = atom
    is_strange = aatype == UNKNOWN or group[0].is_hetero
    if not chosen or (is_strange and not chosen.keys() >= _NEEDED):
        return None
    return _Residue(group[0], aatype, chosen)


def _keep_first(path: str | Path, residues: Iterable[_Residue]) -> list[_Residue]:
    """Returns residues without those that stand for the same place in another form.

    Raises:
      BadInput: two ordinary residues have the same place.
    """
    kept: dict[tuple, _Residue] = {}
    for residue in residues:
        first = residue.first
        other = kept.setdefault((first.chain, first.part, first.number, first.insertion), residue)
        if other is not residue and not (first.is_hetero or other.first.is_hetero):
            place = f"{first.number}{first.insertion}".strip()
            chain = escape_for_terminal(first.chain)
            raise BadInput(f"{path}, {first.where}: residue {place} of chain {chain} comes twice")
    return list(kept.values())
