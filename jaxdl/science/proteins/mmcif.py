"""The mmCIF format of the PDB: its table of atoms, read with gemmi.

Chains and residues have the authors' names and numbers, as in the PDB format.

Reference: wwPDB, PDBx/mmCIF dictionary, category atom_site.
"""

import re
from pathlib import Path

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.formats import as_bad_input
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

# What is read of atom_site: columns, of which the first one that is there serves, and what stands
# for it where none is; None where it has to be there. The last two choose rows.
_COLUMNS = {
    "chain": ("auth_asym_id|label_asym_id", None),
    "number": ("auth_seq_id|label_seq_id", None),
    "insertion": ("pdbx_PDB_ins_code", ""),
    "residue": ("label_comp_id|auth_comp_id", None),
    "name": ("label_atom_id|auth_atom_id", None),
    "alternative": ("label_alt_id", ""),
    "occupancy": ("occupancy", "1"),
    "x": ("Cartn_x", None),
    "y": ("Cartn_y", None),
    "z": ("Cartn_z", None),
    "b_factor": ("B_iso_or_equiv", "0"),
    "group": ("group_PDB", "ATOM"),
    "model": ("pdbx_PDB_model_num", "1"),
    "place": ("label_seq_id", ""),
}
_WRITTEN = (
    "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id "
    "label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy "
    "B_iso_or_equiv auth_seq_id auth_asym_id pdbx_PDB_model_num"
)


def parse_mmcif(path: str | Path, text: str, *, model: int, chain: str | None) -> Protein:
    """Makes a protein of the text of an mmCIF file; see `read`.

    Raises:
      BadInput: as in `read`, and where gemmi is not installed.
    """
    columns = _read_columns(path, text)
    models = list(dict.fromkeys(columns["model"]))
    if not 1 <= model <= len(models):
        raise BadInput(f"{path}: has no atoms in model {model}; models: {len(models)}")
    # Water and ligands have no place in a polymer; where no atom has one, programs left it out.
    needs_place = any(columns["place"])
    atoms = [
        _make_atom(path, row, dict(zip(columns, values, strict=True)))
        for row, values in enumerate(zip(*columns.values(), strict=True), 1)
        if values[-2] == models[model - 1] and not (needs_place and not values[-1])
    ]
    return assemble_protein(path, select_chain(path, atoms, chain))


def _read_columns(path: str | Path, text: str) -> dict[str, list[str]]:
    """Returns the columns of the first table of atoms, in the order of `_COLUMNS`."""
    try:
        from gemmi import cif
    except ImportError:
        raise BadInput(
            f"{path}: reading mmCIF needs gemmi, which is not installed: "
            "pip install 'jaxdl[science]', or set JAXDL_EXTRAS=dev,science before ./run"
        ) from None
    with as_bad_input(f"{path}: cannot be read as mmCIF"):
        blocks = [b for b in cif.read_string(text) if len(b.find_mmcif_category("_atom_site."))]
    if not blocks:
        raise BadInput(f"{path}: has no table of atoms, atom_site")
    table = blocks[0].find_mmcif_category("_atom_site.")
    held = [tag.removeprefix("_atom_site.") for tag in table.tags]
    columns = {}
    for name, (tags, default) in _COLUMNS.items():
        tag = next((tag for tag in tags.split("|") if tag in held), None)
        if tag is None and default is None:
            raise BadInput(f"{path}: atom_site has no {tags.replace('|', ' or ')}")
        column = held.index(tag) if tag else 0
        columns[name] = [row.str(column) if tag else default for row in table]
    return columns


def _make_atom(path: str | Path, row: int, cells: dict[str, str]) -> Atom:
    place = f"{path}, row {row} of atom_site"
    number, position, occupancy, b_factor = parse_numbers(
        place,
        cells["number"],
        (cells["x"], cells["y"], cells["z"]),
        cells["occupancy"],
        cells["b_factor"],
    )
    residue, name = standard_names(cells["residue"], cells["name"])
    return Atom(
        chain=cells["chain"],
        part=0,
        number=number,
        insertion=check_insertion(place, cells["insertion"]),
        residue=residue,
        name=name,
        alternative=cells["alternative"],
        occupancy=occupancy,
        position=position,
        b_factor=b_factor,
        is_hetero=cells["group"] == "HETATM",
        where=f"row {row} of atom_site",
    )


def write_mmcif(protein: Protein, *, name: str = "protein") -> str:
    """Writes known atoms as mmCIF; chains are named A, B, ..., Z, AA, AB, ...

    Args:
      protein: of any size.
      name: of the entry, of letters, digits, "_" and "-".

    Raises:
      BadInput: another name.
    """
    if not re.fullmatch(r"[\w-]+", name, re.ASCII):
        raise BadInput(f"the name of an entry has letters, digits, _ and -, got {name!r}")
    protein = as_numpy(protein)
    chains = protein.chain_index
    codes = insertion_letters(protein)
    lines = [f"data_{name}", "#", f"_entry.id {name}", "#", "loop_"]
    lines += [f"_atom_site.{tag}" for tag in _WRITTEN.split()]
    atoms, place = 0, 0
    for i, aatype in enumerate(protein.aatype):
        place = place + 1 if i and chains[i] == chains[i - 1] else 1  # in its chain
        chain, number = _chain_name(chains[i]), int(protein.residue_index[i])
        for j in np.flatnonzero(protein.mask[i]):
            atoms += 1
            x, y, z = (float(value) for value in protein.positions[i, j])
            lines.append(
                f"ATOM {atoms} {ATOMS[j][0]} {ATOMS[j]} . {NAMES[aatype]} {chain} "
                f"{chains[i] + 1} {place} {codes[i].replace(' ', '?')} {x:.3f} {y:.3f} {z:.3f} "
                f"1.00 {float(protein.b_factors[i, j]):.2f} {number} {chain} 1"
            )
    return "\n".join([*lines, "#", ""])


def _chain_name(number: int) -> str:
    """Returns A to Z, then AA, AB and so on."""
    name = ""
    number = int(number) + 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
