"""What the net learns from: features and distances of chains, and crops of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.alphafold1.backbone import backbone_torsions
from jaxdl.science.geometry import norm
from jaxdl.science.proteins import Chains, constants, pseudo_beta

LETTERS = len(constants.LETTERS)  # of an alignment: residues, X and the gap
FEATURES = constants.UNKNOWN + 1 + LETTERS + 1  # sequence, profile, and how deep the alignment is
ANGLE_BINS = 36  # of 10 degrees for phi and as many for psi (Senior et al. 2020)


class Examples(NamedTuple):
    """Chains as the net sees them, and what it has to tell.

    Attributes:
      features: [B, N, 44] of `residue_features`.
      mask: [B, N] residues that there are.
      glycine: [B, N].
      ca: [B, N, 3] in Angstrom.
      cb: [B, N, 3] CB, or CA of glycine.
      known: [B, N] whose `cb` and `ca` are known.
      torsions: [B, N, 2] phi and psi.
      torsion_mask: [B, N] where both are known.
    """

    features: jax.Array
    mask: jax.Array
    glycine: jax.Array
    ca: jax.Array
    cb: jax.Array
    known: jax.Array
    torsions: jax.Array
    torsion_mask: jax.Array


class Crop(NamedTuple):
    """A square of a chain's pairs: C rows and C columns, each a stretch of residues.

    Attributes:
      rows: [C, 44] features of the residues that are rows.
      columns: [C, 44] of those that are columns.
      places: [2, C] int32, their numbers.
      masks: [2, C] whether they are there.
      distance: [C, C] between CB atoms, in Angstrom.
      pair_mask: [C, C] where it is known.
      torsion_bins: [2, C] int32.
      torsion_masks: [2, C].
    """

    rows: jax.Array
    columns: jax.Array
    places: jax.Array
    masks: jax.Array
    distance: jax.Array
    pair_mask: jax.Array
    torsion_bins: jax.Array
    torsion_masks: jax.Array


def make_examples(chains: Chains, msas: np.ndarray | None = None) -> Examples:
    """Computes features and torsions of chains.

    Args:
      chains: whose first four atoms are N, CA, C and CB.
      msas: [B, S, N] int32 letters of alignments, whose first row is the chain; the gap where there
        is no sequence. Without them the profile is the sequence itself.
    """
    aatype = jnp.asarray(chains.aatype)
    msas = aatype[:, None] if msas is None else jnp.asarray(msas)
    positions, mask = jnp.asarray(chains.positions), jnp.asarray(chains.mask)
    cb, has_cb = pseudo_beta(aatype, positions, mask)
    n, ca, c = (positions[:, :, atom] for atom in range(3))
    backbone = jnp.prod(mask[:, :, :3], -1)
    neighbors = jnp.pad(backbone[:, :-1], ((0, 0), (1, 0))) * jnp.pad(
        backbone[:, 1:], ((0, 0), (0, 1))
    )
    return Examples(
        features=jax.vmap(residue_features)(aatype, msas),
        mask=jnp.asarray(chains.residue_mask),
        glycine=(aatype == constants.RESIDUES.index("G")).astype(jnp.float32),
        ca=ca,
        cb=cb,
        known=has_cb * mask[:, :, 1],
        torsions=jax.vmap(backbone_torsions)(n, ca, c),
        torsion_mask=backbone * neighbors,
    )


def residue_features(aatype: jax.Array, msa: jax.Array) -> jax.Array:
    """Describes residues by their kinds and those of their relatives.

    Args:
      aatype: [N] int32.
      msa: [S, N] int32 letters 0 to 21, the gap being 21.

    Returns:
      [N, 44]: the residue as one-hot (21), the alignment's frequencies of letters (22), and the
      logarithm of the number of sequences without a gap there.
    """
    letters = jax.nn.one_hot(msa, LETTERS)
    depth = jnp.sum(letters[..., : constants.GAP], (0, -1))
    kind = jax.nn.one_hot(aatype, constants.UNKNOWN + 1)
    return jnp.concatenate([kind, jnp.mean(letters, 0), jnp.log1p(depth)[:, None]], -1)


def angle_bins(torsions: jax.Array) -> jax.Array:
    """Returns the square of 10 by 10 degrees in which torsions [..., 2] lie, in 0 to 1295."""
    turn = (torsions + jnp.pi) / (2 * jnp.pi)
    phi, psi = jnp.moveaxis((turn * ANGLE_BINS).astype(jnp.int32) % ANGLE_BINS, -1, 0)
    return phi * ANGLE_BINS + psi


def random_crop(key: jax.Array, example: Examples, size: int) -> Crop:
    """Cuts a square out of one chain, from a row and a column drawn at random.

    It may reach beyond the ends of the chain by up to half of its size, so that ends are seen as
    often as middles are (Senior et al. 2020, Methods).

    Args:
      key: of the place.
      example: leaves without the leading axis.
      size: C.
    """
    length = jnp.sum(example.mask).astype(jnp.int32)
    highest = jnp.maximum(length - size // 2, 1 - size // 2)
    return crop(example, jax.random.randint(key, (2,), -(size // 2), highest + 1), size)


def crop(example: Examples, first: jax.Array, size: int) -> Crop:
    """Cuts a square out of one chain.

    Args:
      example: leaves without the leading axis.
      first: [2] int32, the first row and column; may be negative.
      size: C.
    """
    places = first[:, None] + jnp.arange(size)
    last = len(example.mask) - 1
    inside = (places >= 0) & (places <= last)
    index = jnp.clip(places, 0, last)
    masks = example.mask[index] * inside
    known = example.known[index] * masks
    cb = example.cb[index]
    return Crop(
        rows=example.features[index[0]] * masks[0][:, None],
        columns=example.features[index[1]] * masks[1][:, None],
        places=places,
        masks=masks,
        distance=norm(cb[0][:, None] - cb[1]),
        pair_mask=known[0][:, None] * known[1] * (places[0][:, None] != places[1]),
        torsion_bins=angle_bins(example.torsions[index]),
        torsion_masks=example.torsion_mask[index] * masks,
    )
