"""How good predictions of known chains are, and what is shown of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.examples import Example
from jaxdl.science.alphafold.features import Sampling
from jaxdl.science.alphafold.heads import distance_breaks, distance_middles, distogram_loss
from jaxdl.science.alphafold.network import AlphaFold
from jaxdl.science.alphafold.recycling import Prediction, predict
from jaxdl.science.geometry import apply, superpose
from jaxdl.science.proteins import constants, lddt, pseudo_beta, tm_score

CA = constants.ATOMS.index("CA")

CONTACT = 8.0  # Angstrom


class Judged(NamedTuple):
    """A chain, what was told of it, and how right that is.

    Attributes:
      lddt: scalar, 0 to 1, of C-alpha.
      tm: scalar.
      rmsd: scalar, in Angstrom.
      distogram: scalar, cross entropy of distances in nats.
      aatype: [N].
      mask: [N], 1 where C-alpha is known.
      true: [N, 3] C-alpha.
      told: [N, 3] C-alpha, superposed.
      trajectory: [C, L, N, 3] C-alpha, superposed as a whole.
      plddt: [N], 0 to 100.
      residue_lddt: [N], 0 to 1.
      distance: [N, N] expected by the distogram, in Angstrom.
      contact: [N, N], probability of less than 8 Angstrom.
    """

    lddt: jax.Array
    tm: jax.Array
    rmsd: jax.Array
    distogram: jax.Array
    aatype: jax.Array
    mask: jax.Array
    true: jax.Array
    told: jax.Array
    trajectory: jax.Array
    plddt: jax.Array
    residue_lddt: jax.Array
    distance: jax.Array
    contact: jax.Array


def score_chains(
    net: AlphaFold,
    params,
    key: jax.Array,
    examples: Example,
    *,
    sampling: Sampling,
    recycles: int,
    shown: int,
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Predicts chains whose structure is known, one after the other.

    Args:
      net: the net.
      params: of it.
      key: of what is drawn of alignments.
      examples: leaves [H, ...].
      sampling: rows that are seen.
      recycles: passes after the first one.
      shown: K, chains that are kept for the report.

    Returns:
      Scores: `lddt`, `tm`, `rmsd` and `distogram`, means over chains, and `plddt_correlation`,
      Pearson's of pLDDT and lDDT over all residues. Arrays: `lddts` and `tms` [H], and of K chains
      all arrays of `Judged` [K, ...].
    """

    def judge_one(keyed):
        key, example = keyed
        told = predict(net, params, key, example, sampling=sampling, recycles=recycles)
        return judge(example, told)

    keys = jax.random.split(key, examples.aatype.shape[0])
    found = jax.lax.map(judge_one, (keys, examples))
    scores = {name: jnp.mean(getattr(found, name)) for name in ("lddt", "tm", "rmsd", "distogram")}
    agreement = correlation(found.plddt, found.residue_lddt, found.mask)
    arrays = {name: x[:shown] for name, x in found._asdict().items() if x.ndim > 1}
    arrays |= {"lddts": found.lddt, "tms": found.tm}
    return scores | {"plddt_correlation": agreement}, arrays


def judge(example: Example, told: Prediction) -> Judged:
    """Compares a prediction with the truth."""
    true, mask = example.positions[:, CA], example.atom_mask[:, CA]
    positions = told.positions[:, CA]
    motion, rmsd = superpose(positions, true, mask)
    chances = jax.nn.softmax(told.distogram)
    is_near = jnp.append(distance_breaks() <= CONTACT, False)
    beta = pseudo_beta(example.aatype, example.positions, example.atom_mask)
    return Judged(
        lddt=lddt(positions, true, mask),
        tm=tm_score(positions, true, mask),
        rmsd=rmsd,
        distogram=distogram_loss(told.distogram, *beta),
        aatype=example.aatype,
        mask=mask,
        true=true,
        told=apply(motion, positions),
        trajectory=apply(motion, told.trajectory),
        plddt=told.plddt,
        residue_lddt=lddt(positions, true, mask, per_residue=True),
        distance=chances @ distance_middles(),
        contact=chances @ is_near.astype(jnp.float32),
    )


def correlation(x: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes Pearson's correlation of x and y where the mask is 1, all of one shape."""
    count = jnp.maximum(jnp.sum(mask), 1)
    x, y = (mask * (z - jnp.sum(mask * z) / count) for z in (x, y))
    return jnp.sum(x * y) / jnp.sqrt(jnp.maximum(jnp.sum(x**2) * jnp.sum(y**2), 1e-12))
