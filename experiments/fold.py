"""Folds proteins: their structures from their sequences, by AlphaFold (Jumper et al. 2021).

The net is DeepMind's, by a file of its published parameters, or one of ours, by the folder of its
run. Each sequence of the FASTA gives a structure with its confidence as B-factors, the scores as
JSON, a page of pictures, and on `--film` a GIF of how recycling refines it. An alignment belongs to
the sequence that it begins with; a sequence without one is folded alone. Of several files of
parameters the most confident prediction is kept.

    ./run fold --fasta=mine.fasta --a3m=mine.a3m --params=params_model_1.npz --out=folded
    ./run fold --fasta=mine.fasta --a3m=one.a3m,two.sto --params=model_1.npz,model_2.npz
    ./run fold --fasta=mine.fasta --workdir=latest --film
    ./run fold --preset=smoke     trains a tiny net, and folds the first of the embedded chains
"""

import json
import re
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from experiments._finished import check_folders
from experiments._structure_model import StructureModel, open_models
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

HEAD = ("sequence", "residues", "rows", "pLDDT", "seconds", "file")


@dataclass(frozen=True)
class Config:
    """What is folded, by which net, and what is written."""

    fasta: str = option("", "sequences to fold (default: the first of the embedded chains)")
    a3m: tuple[str, ...] = option((), "alignments (a3m, or Stockholm by its ending .sto)")
    params: tuple[str, ...] = option((), "files of parameters in DeepMind's layout (npz)")
    workdir: str = option("", "the folder of a run of alphafold, or latest")
    which: int = option(0, "which of that run's seeds, counted from 0", at_least=0)
    out: str = option("folded", "where the files go")
    format: Literal["pdb", "mmcif"] = option("pdb", "of the structures")
    recycles: int = option(-1, "passes after the first one (-1: as it was trained)", at_least=-1)
    ensembles: int = option(1, "draws of the alignment that a pass averages over", at_least=1)
    film: bool = option(False, "film how recycling refines each structure")
    seed: int = option(0, "of what is drawn of the alignment", at_least=0)
    sizes: Literal["smoke", "cpu"] = option(
        "cpu", "preset of the run that is trained where neither params nor workdir is given"
    )

    def __post_init__(self):
        check_folders(self.workdir, self.out)
        if self.params and self.workdir:
            raise BadInput("--params and --workdir exclude each other: one net folds")
        for path in (self.fasta, *self.a3m, *self.params):
            if path and not Path(path).is_file():
                raise BadInput(f"{path}: there is no such file")


PRESETS = {"smoke": Config(sizes="smoke", film=True), "cpu": Config()}


def main(config: Config) -> list[dict[str, Any]]:
    """Folds all sequences, prints a table and writes the files; returns the scores.

    Raises:
      BadInput: a file cannot be read, an alignment is of another sequence, or there is no net.
    """
    from jaxdl.pages import print_table
    from jaxdl.science import alphafold

    queries = (
        alphafold.read_queries(config.fasta, config.a3m)
        if config.fasta
        else [alphafold.embedded_query()]
    )
    models = open_models(config.params, config.workdir, config.which, config.sizes)
    folder = make_folder(config.out)
    scores = []
    for query, name in zip(queries, file_names([query.name for query in queries]), strict=True):
        began = time.monotonic()
        told = [(model, predict(model, query, config)) for model in models]
        model, best = max(told, key=lambda pair: pair[1].plddt.mean())
        facts = {"model": model.name, "seconds": round(time.monotonic() - began, 1)}
        scores.append(write(folder, name, query, best, facts, config))
    rows = [[one[key] for key in ("name", "residues", "rows", "plddt", "seconds", "file")]
            for one in scores]  # fmt: skip
    print_table(HEAD, rows)
    return scores


def predict(model: StructureModel, query: Any, config: Config) -> Any:
    """Predicts a structure; sequences of about one length share a compiled program.

    Returns:
      `Prediction` of NumPy arrays, without padding.
    """
    import jax

    from jaxdl.science import alphafold

    recycles = model.recycles if config.recycles < 0 else config.recycles
    rows = model.sampling.clusters + model.sampling.extra
    example = alphafold.query_example(query, rows)
    program = compiled(model.net, model.sampling, recycles, config.ensembles)
    told = program(model.params, jax.random.key(config.seed), example)
    return alphafold.without_padding(jax.device_get(told), len(query.sequence))


@cache
def compiled(net: Any, sampling: Any, recycles: int, ensembles: int) -> Any:
    """Returns the program of a net; nets of equal sizes share one."""
    import jax

    from jaxdl.science import alphafold

    settings = {"sampling": sampling, "recycles": recycles, "ensembles": ensembles}
    return jax.jit(partial(alphafold.predict, net, **settings))


def file_names(names: list[str]) -> list[str]:
    """Makes different names of files of the sequences' first words."""
    found: list[str] = []
    for name in names:
        word = (name.split() or ["sequence"])[0]
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", word)[:40] or "sequence"
        taken = sum(other == plain or other.startswith(f"{plain}-") for other in found)
        found.append(f"{plain}-{taken + 1}" if taken else plain)
    return found


def write(
    folder: Path, name: str, query: Any, told: Any, facts: dict[str, Any], config: Config
) -> dict[str, Any]:
    """Writes structure, scores and pictures of a sequence; returns the scores.

    Raises:
      BadInput: they cannot be written.
    """
    from experiments._film import write_film
    from jaxdl.science import alphafold, proteins

    protein = alphafold.as_protein(query, told)
    is_pdb = config.format == "pdb"
    text = proteins.write_pdb(protein) if is_pdb else proteins.write_mmcif(protein, name=name)
    file = folder / f"{name}.{'pdb' if is_pdb else 'cif'}"
    scores = scores_of(query, told) | facts | {"file": str(file)}
    try:
        file.write_text(text, "utf-8")
        content = json.dumps(scores | {"sequence": query.sequence}, indent=1)
        (folder / f"{name}.json").write_text(content + "\n", "utf-8")
        for exhibit in alphafold.prediction_exhibits(told):
            save(exhibit.content, folder / f"{name}_{exhibit.name}.png")
    except OSError as error:
        raise BadInput(f"{folder} cannot be written to: {error.strerror or error}") from None
    if config.film:
        write_film(folder / f"{name}.gif", alphafold.prediction_film(told))
    return scores


def scores_of(query: Any, told: Any) -> dict[str, Any]:
    """Returns what the net thinks of its prediction, as numbers that JSON can hold."""
    import numpy as np

    known = {"ptm": round(float(told.ptm), 4)} if np.size(told.ptm) else {}
    return {
        "name": query.name[:60],
        "residues": len(query.sequence),
        "rows": len(query.msa),
        "plddt": round(float(told.plddt.mean()), 2),
        **known,
        "plddt_of_residues": [round(float(x), 2) for x in told.plddt],
        "plddt_of_cycles": [round(float(x), 2) for x in told.cycle_plddt.mean(-1)],
    }


def save(content: Any, path: Path) -> None:
    """Writes a matplotlib figure or a Pillow image."""
    if hasattr(content, "savefig"):
        content.savefig(path, dpi=150)
    else:
        content.save(path)


def make_folder(path: str) -> Path:
    """Makes the folder for the files, and returns it.

    Raises:
      BadInput: it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out={folder} cannot be made: {error.strerror or error}") from None
    return folder


if __name__ == "__main__":
    launch_tool(main, PRESETS)
