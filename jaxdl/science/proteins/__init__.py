"""Proteins as arrays: what they consist of, readers and writers, alignments, batches, splits."""

from jaxdl.science.proteins import constants, rigid_groups, stereochemistry
from jaxdl.science.proteins.alignments import (
    Alignment,
    encode_sequence,
    read_a3m,
    read_fasta,
    read_stockholm,
)
from jaxdl.science.proteins.chains import Chains, has_bm5, open_chains, pad_chains
from jaxdl.science.proteins.clusters import Split, cluster_sequences, split_by_cluster
from jaxdl.science.proteins.conversions import (
    atom14_from_atom37,
    atom37_from_atom14,
    pseudo_beta,
)
from jaxdl.science.proteins.mmcif import write_mmcif
from jaxdl.science.proteins.pdb import write_pdb
from jaxdl.science.proteins.protein import Protein, sequence_of
from jaxdl.science.proteins.read import read
from jaxdl.science.proteins.scores import (
    distogram_precision,
    drmsd,
    gdt_ts,
    lddt,
    rmsd,
    tm_score,
)

__all__ = [
    "Alignment",
    "Chains",
    "Protein",
    "Split",
    "atom14_from_atom37",
    "atom37_from_atom14",
    "cluster_sequences",
    "constants",
    "distogram_precision",
    "drmsd",
    "encode_sequence",
    "gdt_ts",
    "has_bm5",
    "lddt",
    "open_chains",
    "pad_chains",
    "pseudo_beta",
    "read",
    "read_a3m",
    "read_fasta",
    "read_stockholm",
    "rigid_groups",
    "rmsd",
    "sequence_of",
    "split_by_cluster",
    "stereochemistry",
    "tm_score",
    "write_mmcif",
    "write_pdb",
]
