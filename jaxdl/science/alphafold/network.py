"""AlphaFold: from the features of a chain to its structure (Jumper et al. 2021, algorithm 2)."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.features import Example, Features, Sampling


class Sizes(NamedTuple):
    """Sizes of the net; those of the paper unless given (supplement, section 1.6 to 1.8).

    Attributes:
      c_m: channels of the alignment.
      c_z: of pairs of residues.
      c_s: of residues.
      c_e: of the extra rows of the alignment.
      c_t: of pairs in templates.
      blocks: of the Evoformer.
      extra_blocks: of the stack of extra rows; 0 leaves them out.
      template_blocks: of the template's stack of pairs.
      msa_heads: of attention along and across the alignment.
      pair_heads: of triangle attention.
      c_attention: channels of a head of the alignment's and the triangles' attention.
      c_outer: of the outer product mean.
      c_triangle: of triangle multiplication.
      structure_layers: of the structure module, which share their weights.
      ipa_heads: of invariant point attention.
      ipa_channels: of a head.
      query_points, value_points: of a head.
      c_torsion: of the torsions' net.
      c_plddt: of the confidence's net.
      templates: whether there is a net for templates.
      pae: whether aligned errors are told (the "ptm" models).
    """

    c_m: int = 256
    c_z: int = 128
    c_s: int = 384
    c_e: int = 64
    c_t: int = 64
    blocks: int = 48
    extra_blocks: int = 4
    template_blocks: int = 2
    msa_heads: int = 8
    pair_heads: int = 4
    c_attention: int = 32
    c_outer: int = 32
    c_triangle: int = 128
    structure_layers: int = 8
    ipa_heads: int = 12
    ipa_channels: int = 16
    query_points: int = 4
    value_points: int = 8
    c_torsion: int = 128
    c_plddt: int = 128
    templates: bool = False
    pae: bool = False


PAPER = Sizes()


class Without(NamedTuple):
    """What is left out, to see what it was good for (Jumper et al. 2021, figure 4a).

    Attributes:
      recycling: the net runs once.
      ipa: attention in the structure module knows the distances of residues alone.
      triangles: no triangle multiplication and no triangle attention.
      pair_bias: pairs do not steer attention along the alignment.
    """

    recycling: bool = False
    ipa: bool = False
    triangles: bool = False
    pair_bias: bool = False


class Recycled(NamedTuple):
    """What a pass hands to the next one (algorithm 32).

    Attributes:
      first_row: [N, c_m], m_1.
      pair: [N, N, c_z].
      beta: [N, 3], C-beta (C-alpha of glycine), in Angstrom.
    """

    first_row: jax.Array
    pair: jax.Array
    beta: jax.Array


class Prediction(NamedTuple):
    """What the net says of a chain.

    Attributes:
      positions: [N, 37, 3], in Angstrom.
      atom_mask: [N, 37] float32, atoms that the residue has.
      plddt: [N], 0 to 100.
      distogram: [N, N, 64] logits.
      pae: [N, N], expected aligned error in Angstrom; () without that head.
      ptm: scalar, predicted TM-score; () without that head.
      trajectory: [C, L, N, 3], C-alpha after each of the L layers of each of the C cycles.
      cycle_plddt: [C, N], after each cycle.
    """

    positions: jax.Array
    atom_mask: jax.Array
    plddt: jax.Array
    distogram: jax.Array
    pae: Any
    ptm: Any
    trajectory: jax.Array
    cycle_plddt: jax.Array


class AlphaFold(nn.Module):
    """Algorithm 2: Inference. One pass, between two recyclings.

    Attributes:
      sizes: of the net.
      without: what is left out.
      dtype: of activations; bfloat16 in the paper.
      dropout: whether training drops what section 1.11.6 says, or a factor of these rates.
      remat: whether a block's activations are computed again for the gradient.
      chunk: rows of attention that are computed at a time; None takes all.
    """

    sizes: Sizes = PAPER
    without: Without = Without()
    dtype: Any = jnp.float32
    dropout: float = 1.0
    remat: bool = False
    chunk: int | None = None

    @nn.compact
    def __call__(self, features: Features, recycled: Recycled, deterministic: bool = True) -> Any:
        """Reads features [M, ...] of M ensembles, and what the last pass has said."""
        raise NotImplementedError


def predict(
    net: AlphaFold,
    params: Any,
    key: jax.Array,
    example: Example,
    *,
    sampling: Sampling,
    recycles: int = 3,
    ensembles: int = 1,
) -> Prediction:
    """Predicts the structure of an example from its sequence and alignment (algorithms 2, 30).

    Args:
      net: the net.
      params: of it, ours or `convert`'s.
      key: of the rows of the alignment and the letters that are hidden.
      example: whose positions are not looked at. Not cropped; `sampling.crop` is not used.
      sampling: rows that are seen.
      recycles: passes after the first one.
      ensembles: draws of the alignment that a pass averages over.
    """
    raise NotImplementedError
