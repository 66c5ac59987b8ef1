"""AlphaFold learns from known structures (Jumper et al. 2021, supplement, section 1.11)."""

from collections.abc import Callable
from typing import NamedTuple

import optax

from jaxdl.core.learner import DeviceData, Learner
from jaxdl.science.alphafold.features import Example, Sampling
from jaxdl.science.alphafold.network import AlphaFold


class Weights(NamedTuple):
    """Weights of the parts of the loss (eq. 7).

    Attributes:
      fape: of all atoms' frame-aligned error at the end.
      aux: of the backbone's and the torsions' error after each layer.
      distogram: of distances.
      masked_msa: of hidden letters.
      confidence: of predicted lDDT.
      resolved: of atoms that are known; 0.01 in fine-tuning.
      violation: of bonds and clashes; 1 in fine-tuning.
      pae: of predicted aligned errors; 0.1 in fine-tuning.
    """

    fape: float = 0.5
    aux: float = 0.5
    distogram: float = 0.3
    masked_msa: float = 2.0
    confidence: float = 0.01
    resolved: float = 0.0
    violation: float = 0.0
    pae: float = 0.0


FINE_TUNING = Weights(resolved=0.01, violation=1.0, pae=0.1)


def alphafold(
    net: AlphaFold,
    tx: optax.GradientTransformation,
    sampling: Sampling,
    *,
    held_out: Callable[[], Example],
    learned: Callable[[], Example] | None = None,
    weights: Weights = Weights(),
    recycles: int = 3,
    clamped: float = 0.9,
    ema: float = 0.999,
    max_norm: float | None = 0.1,
) -> Learner:
    """Learns to tell structures from sequences and alignments.

    Args:
      net: the net.
      tx: the optimizer; in the paper Adam with a rate of 1e-3, eps of 1e-6, after a warm-up.
      sampling: what a step sees of a chain.
      held_out: () -> examples [H, ...] that are evaluated, of clusters that are not trained on.
      learned: () -> examples [K, ...] that are trained on, and evaluated too.
      weights: of the loss.
      recycles: most passes before the one that is learned from; how many is drawn (algorithm 31).
      clamped: share of steps in which the backbone's error is clamped at 10 Angstrom.
      ema: of the average of parameters that is evaluated (`extra`); 0 evaluates the last ones.
      max_norm: the gradient of each chain is clipped to this norm; None does not.

    Returns:
      A learner of batches `Example` [B, ...]. Its metrics are the `loss`, its parts, and norms.
      Its evaluation, by the average of parameters and after all recycles: `lddt` (0 to 1, of
      C-alpha), `tm`, `rmsd`, `distogram` (nats), `plddt_correlation` (Pearson, of pLDDT and lDDT
      over residues) of the held-out chains, and with `learned/` before them those of the chains
      it has learned. Arrays, for the first 4 held-out and the first 8 learned chains (`held_out/`,
      `learned/`): aatype [K, N], mask [K, N], true [K, N, 3] and told [K, N, 3] C-alpha, the told
      ones superposed, trajectory [K, C, L, N, 3] superposed, plddt [K, N], residue_lddt [K, N],
      distance [K, N, N] expected, contact [K, N, N] probability below 8 Angstrom; and of all
      chains lddts [H], tms [H].
    """
    raise NotImplementedError


def chain_data(examples: Example, batch_size: int) -> DeviceData:
    """Makes the data for the driver: all chains on the device, read in epochs."""
    return DeviceData(examples, batch_size)
