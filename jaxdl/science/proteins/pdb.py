"""The PDB format: columns of atoms, for files of any program.

Reference: wwPDB, Atomic Coordinate Entry Format Version 3.3.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science.proteins.atoms import (
    Atom,
    assemble_protein,
    check_insertion,
    parse_numbers,
    select_chain,
    standard_names,
)
from jaxdl.science.proteins.constants import ATOMS, NAMES
from jaxdl.science.proteins.protein import Protein, as_numpy, insertion_letters

CHAIN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MAX_ATOMS = 99_999  # five columns


def parse_pdb(path: str | Path, lines: list[str], *, model: int, chain: str | None) -> Protein:
    """Makes a protein of the lines of a PDB file; see `read`."""
    in_model, models = _lines_of_model(lines, model)
    if not in_model:
        raise BadInput(f"{path}: has no atoms in model {model}; models: {models}")
    atoms = list(_read_atoms(path, in_model))
    return assemble_protein(path, select_chain(path, atoms, chain))


def _lines_of_model(lines: list[str], model: int) -> tuple[list[tuple[int, str]], int]:
    """Returns the numbered lines of the n-th model, and how many models there are.

    A model begins with MODEL, or with an atom where none is open; ENDMDL and END close it.
    """
    chosen = []
    count, is_open = 0, False
    for number, line in enumerate(lines, 1):
        record = line[:6].rstrip()
        if record in ("ENDMDL", "END"):
            is_open = False
        elif record == "MODEL" or (record in ("ATOM", "HETATM") and not is_open):
            count += 1
            is_open = True
        if is_open and count == model and record in ("ATOM", "HETATM", "TER"):
            chosen.append((number, line))
    return chosen, count


def _read_atoms(path: str | Path, lines: list[tuple[int, str]]) -> Iterator[Atom]:
    """Reads the atoms of a model.

    What follows the TER of a chain and is HETATM is no part of it. An ATOM that follows and begins
    to count anew is in another chain of the same name.
    """
    ended: set[str] = set()
    parts: dict[str, int] = {}
    numbers: dict[str, int] = {}
    last_chain = ""
    for line_number, line in lines:
        if line.startswith("TER"):
            ended.add(last_chain)
            continue
        atom = _read_atom(path, line_number, line)
        last_chain = atom.chain
        if atom.chain in ended:
            if atom.is_hetero:
                continue
            if atom.number <= numbers.get(atom.chain, atom.number - 1):
                parts[atom.chain] = parts.get(atom.chain, 0) + 1
                ended.discard(atom.chain)
        if not atom.is_hetero:
            numbers[atom.chain] = atom.number
        yield atom._replace(part=parts.get(atom.chain, 0))


def _read_atom(path: str | Path, number: int, line: str) -> Atom:
    if len(line) < 54:
        raise BadInput(f"{path}, line {number}: cut off after {len(line)} of at least 54 columns")
    place = f"{path}, line {number}"
    residue_number, position, occupancy, b_factor = parse_numbers(
        place, line[22:26], (line[30:38], line[38:46], line[46:54]), line[54:60], line[60:66]
    )
    residue, name = standard_names(line[17:20].strip(), line[12:16].strip())
    return Atom(
        chain=line[21].strip(),
        part=0,
        number=residue_number,
        insertion=check_insertion(place, line[26]),
        residue=residue,
        name=name,
        alternative=line[16].strip(),
        occupancy=occupancy,
        position=position,
        b_factor=b_factor,
        is_hetero=line.startswith("HETATM"),
        where=f"line {number}",
    )


def write_pdb(protein: Protein) -> str:
    """Writes known atoms in the PDB format; chains are named A, B, C, ...

    Raises:
      BadInput: more chains, atoms or digits than the format has room for; mmCIF has.
    """
    protein = as_numpy(protein)
    _check_room(protein)
    codes = insertion_letters(protein)
    chains = protein.chain_index
    lines = []
    for i, aatype in enumerate(protein.aatype):
        place = (
            f"{NAMES[aatype]:>3} {CHAIN_LETTERS[chains[i]]}{protein.residue_index[i]:4d}{codes[i]}"
        )
        for j in np.flatnonzero(protein.mask[i]):
            x, y, z = (float(value) for value in protein.positions[i, j])
            lines.append(
                f"ATOM  {len(lines) + 1:5d}  {ATOMS[j]:<3} {place}   {x:8.3f}{y:8.3f}{z:8.3f}"
                f"{1:6.2f}{float(protein.b_factors[i, j]):6.2f}          {ATOMS[j][0]:>2}  "
            )
        if i + 1 == len(chains) or chains[i + 1] != chains[i]:
            lines.append(f"TER   {len(lines) + 1:5d}      {place}")
    return "\n".join([*lines, "END", ""])


def _check_room(protein: Protein) -> None:
    known = protein.mask > 0
    positions, b_factors = protein.positions[known], protein.b_factors[known]
    numbers = protein.residue_index
    has_room = {
        f"{len(CHAIN_LETTERS)} chains": np.max(protein.chain_index) < len(CHAIN_LETTERS),
        f"{MAX_ATOMS} atoms": known.sum() + np.max(protein.chain_index) + 1 <= MAX_ATOMS,
        "residue numbers from -999 to 9999": numbers.min() >= -999 and numbers.max() <= 9999,
        "coordinates from -999 to 9999": np.all((positions > -999) & (positions < 9999)),
        "B factors from -99 to 999": np.all((b_factors > -99) & (b_factors < 999)),
    }
    for what, fits in has_room.items():
        if not fits:
            raise BadInput(f"the PDB format has room for {what}: write mmCIF")
