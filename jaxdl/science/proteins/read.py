"""Reads proteins from files."""

from pathlib import Path

from jaxdl.science.proteins.files import read_lines
from jaxdl.science.proteins.mmcif import parse_mmcif
from jaxdl.science.proteins.pdb import parse_pdb
from jaxdl.science.proteins.protein import Protein


def read(path: str | Path, *, model: int = 1, chain: str | None = None) -> Protein:
    """Reads a protein from a file in the PDB format or in mmCIF, whatever the file is called.

    What is kept of a file, and of several places of one atom, is told in `proteins.atoms`.

    Args:
      path: the file; it is unpacked if its name ends in .gz.
      model: which of its models, from 1, in their order in the file.
      chain: which chain, by the authors' name; None for all.

    Raises:
      BadInput: no such file, model or chain; a file that is no text, is too large, is damaged, or
        holds no amino acids; mmCIF where gemmi is not installed.
    """
    lines = read_lines(path)
    first = next(line for line in lines if line.strip() and not line.startswith("#"))
    if first.lower().startswith("data_"):
        return parse_mmcif(path, "\n".join(lines), model=model, chain=chain)
    return parse_pdb(path, lines, model=model, chain=chain)
