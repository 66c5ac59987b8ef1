"""What the net learns from: eq. 7 of Jumper et al. 2021, supplement, and what stands in it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.atoms import atom14_exists, atom37_exists
from jaxdl.science.alphafold.chi import (
    KnownGroups,
    KnownTorsions,
    rigid_groups,
    torsion_angles,
)
from jaxdl.science.alphafold.confidence import aligned_error_loss, plddt_loss, resolved_loss
from jaxdl.science.alphafold.examples import Example
from jaxdl.science.alphafold.fape import (
    backbone_fape,
    rename_symmetric_ground_truth_atoms,
    side_chain_fape,
    torsion_angle_loss,
)
from jaxdl.science.alphafold.features import Features
from jaxdl.science.alphafold.heads import distogram_loss, masked_msa_loss
from jaxdl.science.alphafold.network import Outputs
from jaxdl.science.alphafold.structure import Structure
from jaxdl.science.alphafold.violations import structural_violations, violation_loss
from jaxdl.science.proteins import atom14_from_atom37, constants, pseudo_beta

CA = constants.ATOMS.index("CA")

ANGLE_LENGTH = 0.02  # weight of algorithm 27, line 5


class Weights(NamedTuple):
    """Weights of the parts of the loss (eq. 7); those of training unless given.

    Attributes:
      fape: of all atoms' frame-aligned error at the end.
      aux: of the backbone's and the torsions' error after each layer.
      distogram: of distances.
      masked_msa: of hidden letters.
      confidence: of predicted lDDT.
      resolved: of atoms that an experiment sees, in fine-tuning.
      violation: of bonds and clashes, in fine-tuning.
      pae: of predicted aligned errors, in fine-tuning (section 1.9.7).
    """

    fape: float = 0.5
    aux: float = 0.5
    distogram: float = 0.3
    masked_msa: float = 2.0
    confidence: float = 0.01
    resolved: float = 0.0
    violation: float = 0.0
    pae: float = 0.0


TRAINING = Weights()
FINE_TUNING = Weights(resolved=0.01, violation=1.0, pae=0.1)


class Truth(NamedTuple):
    """A known structure as losses see it.

    Attributes:
      positions14: [N, 14, 3], in Angstrom.
      mask14: [N, 14], 1 where an atom is known.
      groups: frames of rigid groups.
      torsions: with their mask.
    """

    positions14: jax.Array
    mask14: jax.Array
    groups: KnownGroups
    torsions: KnownTorsions


def alphafold_loss(
    outputs: Outputs,
    features: Features,
    example: Example,
    weights: Weights = TRAINING,
    *,
    clamp: jax.Array | float = 10.0,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Computes the loss of one chain.

    Args:
      outputs: of the last pass.
      features: that it has read.
      example: whose structure is known.
      weights: of the parts; what has none is not computed.
      clamp: most that the backbone's error counts, in Angstrom.

    Returns:
      The loss, times the square root of the chain's length (section 1.9), and its parts.
    """
    structure, truth = outputs.structure, find_truth(example)
    beta = pseudo_beta(example.aatype, example.positions, example.atom_mask)
    backbone = backbone_loss(structure, truth, clamp)
    torsion = torsion_loss(structure, truth, example.mask)
    parts = {
        "fape": final_fape(structure, truth, example.aatype),
        "aux": jnp.mean(backbone) + torsion,
        "distogram": distogram_loss(outputs.distogram, *beta),
        "masked_msa": masked_msa_loss(outputs.masked_msa, features.true_msa, features.bert_mask),
        "confidence": plddt_loss(
            outputs.plddt,
            structure.frames.translation[-1],
            example.positions[:, CA],
            example.atom_mask[:, CA],
        ),
    } | fine_tuning_losses(outputs, example, truth, weights)
    total = sum(getattr(weights, name) * part for name, part in parts.items())  # eq. 7
    scale = jnp.sqrt(jnp.sum(example.mask))
    return scale * total, parts | {"backbone": backbone[-1], "torsion": torsion}


def find_truth(example: Example) -> Truth:
    """Finds frames and torsions of a known structure."""
    known = (example.aatype, example.positions, example.atom_mask)
    return Truth(
        atom14_from_atom37(example.positions, example.aatype),
        atom14_from_atom37(example.atom_mask, example.aatype),
        rigid_groups(*known),
        torsion_angles(*known),
    )


def backbone_loss(structure: Structure, truth: Truth, clamp: jax.Array | float) -> jax.Array:
    """Computes the backbone's error [L] after each layer (algorithm 20, line 17)."""
    true = jax.tree.map(lambda x: x[:, 0], truth.groups.frames)
    return backbone_fape(structure.frames, true, truth.groups.mask[:, 0], clamp=clamp)


def torsion_loss(structure: Structure, truth: Truth, mask: jax.Array) -> jax.Array:
    """Computes the torsions' error (algorithms 20, line 18, and 27), mean over layers."""
    torsion, length = torsion_angle_loss(structure.raw_angles, truth.torsions, mask)
    return torsion + ANGLE_LENGTH * length


def final_fape(structure: Structure, truth: Truth, aatype: jax.Array) -> jax.Array:
    """Computes the error of all atoms after the last layer (algorithm 20, lines 26 and 27)."""
    positions, mask, frames = rename_symmetric_ground_truth_atoms(
        aatype, structure.positions14, truth.positions14, truth.mask14, truth.groups
    )
    return side_chain_fape(
        structure.groups, structure.positions14, frames, truth.groups.mask, positions, mask
    )


def fine_tuning_losses(
    outputs: Outputs, example: Example, truth: Truth, weights: Weights
) -> dict[str, jax.Array]:
    """Computes those parts that have a weight in fine-tuning alone."""
    structure, parts = outputs.structure, {}
    if weights.resolved:
        exists = atom37_exists(example.aatype)
        parts["resolved"] = resolved_loss(outputs.resolved, example.atom_mask, exists, example.mask)
    if weights.violation:
        mask = atom14_exists(example.aatype) * example.mask[:, None]
        parts["violation"] = violation_loss(
            structural_violations(
                example.aatype, example.residue_index, structure.positions14, mask
            )
        )
    if weights.pae:
        last, true = (
            jax.tree.map(lambda x: x[-1], structure.frames),
            jax.tree.map(lambda x: x[:, 0], truth.groups.frames),
        )
        parts["pae"] = aligned_error_loss(outputs.pae, last, true, truth.groups.mask[:, 0])
    return parts
