"""The molecules that can be learned from, by name: one of our own, and those of files.

The files are those of BOTNet (Batatia et al. 2022, arXiv 2205.06643): PBE energies and forces of
conformers that molecular dynamics has visited.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from jaxdl.core.run import BadInput
from jaxdl.science.ani.extended_xyz import Frame, read_extended_xyz
from jaxdl.science.ani.molecules import MoleculeSet, make_set

SPRINGS = "springs"  # of `sample_springs`, which needs no file


class Files(NamedTuple):
    """Where the molecules of a set lie below the folder of the data.

    Attributes:
      places: element -> atoms of the largest molecule.
      pool: files to learn from.
      held_out: name -> file; empty holds out a fifth of the pool.
      isolated: file of single atoms.
    """

    places: Mapping[str, int]
    pool: tuple[str, ...]
    held_out: Mapping[str, str]
    isolated: str


ETHANOL = {"H": 6, "C": 2, "O": 1}
ACAC = {"H": 8, "C": 5, "O": 2}
SETS = {  # Batatia et al. 2022, arXiv 2205.06643, and what is cited there
    "ethanol": Files(
        ETHANOL,
        ("ethanol/train.xyz",),
        {"300K": "ethanol/test_MD.xyz"},
        "ethanol/isolated_atoms.xyz",
    ),
    "ethanol_methanol": Files(
        ETHANOL,
        ("ethanol/train_eth_meth.xyz",),
        {"mixed": "ethanol/test_eth_meth.xyz"},
        "ethanol/isolated_atoms.xyz",
    ),
    "acac": Files(
        ACAC,
        ("acac/train_300K.xyz",),
        {"300K": "acac/test_MD_300K.xyz", "600K": "acac/test_MD_600K.xyz"},
        "acac/isolated_atoms.xyz",
    ),
    "acac_hot": Files(
        ACAC,
        ("acac/train_300K.xyz", "acac/train_600K.xyz"),
        {"600K": "acac/test_MD_600K.xyz", "300K": "acac/test_MD_300K.xyz"},
        "acac/isolated_atoms.xyz",
    ),
    "3bpa": Files(
        {"H": 12, "C": 12, "N": 2, "O": 1},
        ("3BPA/train_300K.xyz",),
        {},
        "3BPA/iso_atoms.xyz",
    ),
}


def places_of(name: str) -> Mapping[str, int]:
    """Returns element -> atoms of the largest molecule of a set; no file is read."""
    return ETHANOL if name == SPRINGS else SETS[name].places


def open_set(name: str, data_dir: str = "", *, isolated: bool = False) -> MoleculeSet:
    """Reads a set of molecules.

    Args:
      name: of the table above.
      data_dir: where its folder lies; "" for `science/ani` below `$JAXDL_DATA`.
      isolated: takes the energies of single atoms off; else those that fit the pool best.

    Raises:
      BadInput: a file is not there or cannot be read.
    """
    files, folder = SETS[name], data_folder(data_dir)
    pool = [frame for file in files.pool for frame in read_extended_xyz(folder / file)]
    held_out = {key: read_extended_xyz(folder / file) for key, file in files.held_out.items()}
    if not held_out:
        pool, held_out = pool[: len(pool) * 4 // 5], {"300K": pool[len(pool) * 4 // 5 :]}
    alone = read_extended_xyz(folder / files.isolated) if isolated else []
    energies = {frame.symbols[0]: frame.energy for frame in alone}
    return make_set(pool, held_out, files.places, isolated=energies if isolated else None)


def make_springs(pool: list[Frame], held_out: Mapping[str, list[Frame]]) -> MoleculeSet:
    """Makes the set of molecules of `sample_springs`."""
    return make_set(pool, held_out, ETHANOL)


def data_folder(data_dir: str) -> Path:
    """Returns the folder of the files.

    Raises:
      BadInput: it is not there.
    """
    root = os.environ.get("JAXDL_DATA")
    folder = Path(data_dir) if data_dir else Path(root, "science/ani") if root else None
    if folder is None or not folder.is_dir():
        where = folder or "neither is given"
        raise BadInput(
            f"molecules are looked for in --data_dir, or in science/ani/ below $JAXDL_DATA: {where}"
        )
    return folder
