"""Chains to learn from, and batches of them.

`embedded` is part of jaxdl: short chains of the PDB (coordinates CC0), of different clusters and
folds. Three have all their heavy atoms: 1GCN (glucagon), 1PSM and 2Q2K. The others are from Docking
Benchmark 5 and have N, CA, C, O and CB.

`bm5` is not: the 318 unbound chains of Docking Benchmark 5 (Vreven et al. 2015) of which no two
share 15 % of their words of four letters, as `bm5_unbound_chains.npz` with names [C], offsets
[C + 1], seq [R], xyz_N_CA_C_O_CB [R, 5, 3] and resnum [R], from haddocking/BM5-clean (Apache-2.0).
"""

import hashlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.data.formats import read_npz
from jaxdl.science.proteins.alignments import encode_sequence
from jaxdl.science.proteins.constants import ATOMS, UNKNOWN
from jaxdl.science.proteins.protein import Protein

SETS = ("embedded", "bm5")
BM5_FILE = "bm5_unbound_chains.npz"
BM5_SHA256 = "05e9f8cde645eb5ff4a098adaa0b171ad70ba9ef9ae76a5437bf8a1a96c63f91"
BM5_ATOMS = ("N", "CA", "C", "O", "CB")


class Chains(NamedTuple):
    """A batch of chains, padded to one length.

    Attributes:
      aatype: [B, N] int32, 20 beyond the end.
      positions: [B, N, A, 3] float32, in Angstrom, 0 where there is no atom.
      mask: [B, N, A] float32, 1 where an atom is known.
      residue_index: [B, N] int32, 0 beyond the end.
      residue_mask: [B, N] float32, 1 up to the end, also where no atom is known.
    """

    aatype: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    residue_index: np.ndarray
    residue_mask: np.ndarray


def pad_chains(
    proteins: Sequence[Protein], *, length: int = 0, atoms: Sequence[str] = ATOMS
) -> Chains:
    """Puts chains into one batch.

    Args:
      proteins: B of them.
      length: N, of the batch; 0 for that of the longest chain.
      atoms: which ones to keep: all 37, or for example the first five, the backbone with CB.

    Raises:
      BadInput: a chain is longer than the batch, or there is none.
    """
    longest = max((len(protein.aatype) for protein in proteins), default=0)
    size = length or longest
    if not longest or longest > size:
        raise BadInput(f"{len(proteins)} chains of at most {longest} residues in length {size}")
    places = [ATOMS.index(atom) for atom in atoms]
    shape = (len(proteins), size)
    batch = Chains(
        aatype=np.full(shape, UNKNOWN, np.int32),
        positions=np.zeros((*shape, len(places), 3), np.float32),
        mask=np.zeros((*shape, len(places)), np.float32),
        residue_index=np.zeros(shape, np.int32),
        residue_mask=np.zeros(shape, np.float32),
    )
    for i, protein in enumerate(proteins):
        end = len(protein.aatype)
        batch.aatype[i, :end] = protein.aatype
        batch.positions[i, :end] = protein.positions[:, places]
        batch.mask[i, :end] = protein.mask[:, places]
        batch.residue_index[i, :end] = protein.residue_index
        batch.residue_mask[i, :end] = 1
    return batch


def open_chains(
    name: str = "embedded", data_dir: str | Path = "", *, max_length: int = 0
) -> dict[str, Protein]:
    """Reads a set of single chains by name.

    Args:
      name: "embedded" or "bm5".
      data_dir: where the files of bm5 lie; "" for `science` below `$JAXDL_DATA`.
      max_length: leave longer chains out; 0 keeps all.

    Returns:
      Name of each chain -> the chain, from the shortest to the longest.

    Raises:
      BadInput: unknown name, or files that are missing or others.
    """
    if name not in SETS:
        raise BadInput(f"there are no chains {name!r}; there are {', '.join(SETS)}")
    chains = _read_embedded() if name == "embedded" else _read_bm5(_find_bm5(data_dir))
    kept = {k: p for k, p in chains.items() if not max_length or len(p.aatype) <= max_length}
    if not kept:
        raise BadInput(f"no chain of {name} has at most {max_length} residues")
    return dict(sorted(kept.items(), key=lambda item: (len(item[1].aatype), item[0])))


def has_bm5(data_dir: str | Path = "") -> bool:
    """Tells whether the file is there; what is in it is checked when it is read."""
    path = _bm5_path(data_dir)
    return path is not None and path.is_file()


def _bm5_path(data_dir: str | Path) -> Path | None:
    """Where the file should lie, or None where nobody has said."""
    if data_dir:
        return Path(data_dir, BM5_FILE)
    root = os.environ.get("JAXDL_DATA")
    return Path(root, "science", BM5_FILE) if root else None


def _find_bm5(data_dir: str | Path) -> Path:
    path = _bm5_path(data_dir)
    if path is None:
        raise BadInput(
            f"{BM5_FILE} is looked for in --data_dir, or in science/ below $JAXDL_DATA: neither is "
            "given"
        )
    if not path.is_file():
        raise BadInput(f"{path.parent} has no {BM5_FILE}, which holds the chains of bm5")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != BM5_SHA256:
        raise BadInput(f"{path}: SHA-256 {found[:12]}..., should be {BM5_SHA256[:12]}...")
    return path


def _read_bm5(path: Path) -> dict[str, Protein]:
    names, offsets, letters, xyz, numbers = read_npz(
        path, ("names", "offsets", "seq", "xyz_N_CA_C_O_CB", "resnum")
    )
    places = [ATOMS.index(atom) for atom in BM5_ATOMS]
    chains = {}
    for name, start, end in zip(names, offsets[:-1], offsets[1:], strict=True):
        known = ~np.isnan(xyz[start:end]).any(-1)
        chain = _empty_chain(encode_sequence("".join(letters[start:end])), numbers[start:end])
        chain.mask[:, places] = known
        chain.positions[:, places] = np.where(known[..., None], xyz[start:end], 0)
        chains[str(name)] = chain
    return chains


def _read_embedded() -> dict[str, Protein]:
    """Reads the file that is part of the package: atoms one after the other."""
    with resources.as_file(
        resources.files("jaxdl.science.proteins").joinpath("assets", "embedded_chains.npz")
    ) as path:
        names, offsets, aatype, numbers, residue, atom, xyz = read_npz(
            path, ("names", "offsets", "aatype", "residue_index", "residue", "atom", "xyz")
        )
    chains = {}
    for name, start, end in zip(names, offsets[:-1], offsets[1:], strict=True):
        chain = _empty_chain(aatype[start:end], numbers[start:end])
        here = (residue >= start) & (residue < end)
        places = residue[here] - start, atom[here]
        chain.mask[places] = 1
        chain.positions[places] = xyz[here]
        chains[str(name)] = chain
    return chains


def _empty_chain(aatype: np.ndarray, numbers: np.ndarray) -> Protein:
    size = len(aatype)
    return Protein(
        aatype=aatype.astype(np.int32),
        positions=np.zeros((size, 37, 3), np.float32),
        mask=np.zeros((size, 37), np.float32),
        residue_index=numbers.astype(np.int32),
        chain_index=np.zeros(size, np.int32),
        b_factors=np.zeros((size, 37), np.float32),
    )
