"""AlphaFold: from the features of a chain to its structure (Jumper et al. 2021, algorithm 2)."""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.chi import torsion_angles
from jaxdl.science.alphafold.confidence import (
    PredictAlignedError,
    PredictPerResidueLDDT,
    PredictResolved,
)
from jaxdl.science.alphafold.distance_attention import DistanceAttention
from jaxdl.science.alphafold.embedding import InputEmbedder, RecyclingEmbedder
from jaxdl.science.alphafold.evoformer import BlockSizes, EvoformerStack, ExtraMSAStack
from jaxdl.science.alphafold.features import Features
from jaxdl.science.alphafold.heads import DistogramHead, MaskedMSAHead
from jaxdl.science.alphafold.ipa import InvariantPointAttention
from jaxdl.science.alphafold.structure import Structure, StructureModule
from jaxdl.science.alphafold.templates import (
    TemplateAngleEmbedding,
    TemplateEmbedding,
    TemplateSizes,
    template_angle_features,
)
from jaxdl.science.proteins import atom37_from_atom14, constants, pseudo_beta

TEMPLATE_HEADS = 4  # of all attentions of algorithms 16 and 17
PSI = 2  # of torsions, which the backbone of a residue settles alone


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
      c_outer: of the outer product mean.
      c_triangle: of triangle multiplication.
      structure_layers: of the structure module, which share their weights.
      ipa_heads: of invariant point attention.
      ipa_channels: of a head.
      query_points, value_points: of a head.
      c_torsion: of the torsions' net.
      c_plddt: of the confidence's net.
      templates: whether there is a net for templates; chains may have none.
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


NOTHING = Without()


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


class TrunkOutputs(NamedTuple):
    """What the trunk knows of a chain.

    Attributes:
      msa: m [S, N, c_m], without the templates' rows.
      first_row: m_1 [N, c_m].
      pair: z [N, N, c_z].
      single: s [N, c_s].
    """

    msa: jax.Array
    first_row: jax.Array
    pair: jax.Array
    single: jax.Array


class Outputs(NamedTuple):
    """What one pass says.

    Attributes:
      structure: of the structure module.
      recycled: for the next pass.
      distogram: [N, N, 64] logits.
      masked_msa: [S, N, 23] logits.
      plddt: [N, 50] logits.
      resolved: [N, 37] logits.
      pae: [N, N, 64] logits; () without that head.
    """

    structure: Structure
    recycled: Recycled
    distogram: jax.Array
    masked_msa: jax.Array
    plddt: jax.Array
    resolved: jax.Array
    pae: Any


class Trunk(nn.Module):
    """Algorithm 2, lines 5 to 18: embeds what is given, and lets it exchange what it knows.

    Its attributes are those of `AlphaFold`.
    """

    sizes: Sizes
    without: Without
    dtype: Any
    remat: bool
    chunk: int | None

    @nn.compact
    def __call__(self, features: Features, recycled: Recycled, deterministic: bool) -> TrunkOutputs:
        """Reads the features of one ensemble."""
        sizes, dtype = self.sizes, self.dtype
        mask = features.mask
        pair_mask = mask[:, None] * mask
        m, z = InputEmbedder(sizes.c_m, sizes.c_z, dtype, name="input")(features)  # 5
        first_row, pair = RecyclingEmbedder(dtype, name="recycling")(*recycled)  # 6
        m, z = m.at[0].add(first_row), z + pair
        msa_mask, rows = features.msa_mask, len(m)
        if sizes.templates and features.templates:
            m, msa_mask, z = self.add_templates(features, m, z, pair_mask, deterministic)  # 7-13
        shared = (self.remat, self.chunk, dtype)
        kept = (not self.without.pair_bias, not self.without.triangles)
        if sizes.extra_blocks:
            e = nn.Dense(sizes.c_e, dtype=dtype, name="extra")(features.extra_msa_feat)  # 14, 15
            stack = ExtraMSAStack(
                sizes.extra_blocks, extra_block(sizes), *kept, *shared, name="extra_msa_stack"
            )
            z = stack(e, z, features.extra_msa_mask, pair_mask, deterministic)  # 16
        stack = EvoformerStack(
            sizes.blocks, sizes.c_s, block(sizes), *kept, *shared, name="evoformer_stack"
        )
        m, z, s = stack(m, z, msa_mask, pair_mask, deterministic)  # 17
        return TrunkOutputs(m[:rows], m[0], z, s)

    def add_templates(self, features, m, z, pair_mask, deterministic):
        """Computes lines 7 to 13: templates as rows of the alignment, and as pairs.

        Torsions that are not defined are 0. In the published code those of a template's first
        residue follow from where the template lies.
        """
        sizes, templates, dtype = self.sizes, features.templates, self.dtype
        kinds = jnp.minimum(templates.aatype, constants.UNKNOWN)  # gaps have no torsions either
        known = jax.vmap(torsion_angles)(kinds, templates.positions, templates.mask)
        pairs = [x * known.mask[..., None] for x in (known.angles, known.alternative)]
        angles = template_angle_features(templates.aatype, *pairs, known.mask)
        rows = TemplateAngleEmbedding(sizes.c_m, dtype, name="template_angle_embedding")
        m = jnp.concatenate([m, rows(angles)])  # 7, 8
        msa_mask = jnp.concatenate([features.msa_mask, known.mask[..., PSI]])
        embed = TemplateEmbedding(
            template_sizes(sizes), False, self.remat, self.chunk, dtype, name="template_embedding"
        )
        return m, msa_mask, z + embed(z, templates, pair_mask, deterministic)  # 9-13


class AlphaFold(nn.Module):
    """Algorithm 2: Inference, lines 4 to 22. One pass, between two recyclings.

    Attributes:
      sizes: of the net.
      without: what is left out.
      dtype: of activations; bfloat16 in the paper's training. The structure module and the heads
        are float32.
      dropout: whether training drops what section 1.11.6 says.
      remat: whether a block's activations are computed again for the gradient.
      chunk: rows that a part of a block takes at a time, for less memory; None takes all.
    """

    sizes: Sizes = PAPER
    without: Without = NOTHING
    dtype: Any = jnp.float32
    dropout: bool = True
    remat: bool = False
    chunk: int | None = None

    @nn.compact
    def __call__(
        self, features: Features, recycled: Recycled, deterministic: bool = True
    ) -> Outputs:
        """Runs one pass.

        Args:
          features: leaves [M, ...], M draws of the alignment, over which representations are
            averaged.
          recycled: what the pass before has said; `nothing_yet` in the first one.
          deterministic: without dropout, which takes the rng "dropout".
        """
        sizes = self.sizes
        trunk = Trunk(sizes, self.without, self.dtype, self.remat, self.chunk, name="trunk")
        found = average(trunk, features, recycled, deterministic)  # 4-18
        one = jax.tree.map(lambda x: x[0], features)
        s, z, m = (x.astype(jnp.float32) for x in (found.single, found.pair, found.msa))
        fold = structure_module(sizes, self.without)
        structure = fold(s, z, one.aatype, one.mask, deterministic)  # 20
        positions = atom37_from_atom14(structure.positions14, one.aatype)
        beta, _ = pseudo_beta(one.aatype, positions, jnp.ones(positions.shape[:2]))
        return Outputs(
            structure=structure,
            recycled=Recycled(found.first_row, found.pair, beta),  # 21
            distogram=DistogramHead(name="distogram")(z),
            masked_msa=MaskedMSAHead(name="masked_msa")(m),
            plddt=PredictPerResidueLDDT(sizes.c_plddt, name="plddt")(structure.single),
            resolved=PredictResolved(name="resolved")(s),
            pae=PredictAlignedError(name="pae")(z) if sizes.pae else (),
        )


def average(
    trunk: Trunk, features: Features, recycled: Recycled, deterministic: bool
) -> TrunkOutputs:
    """Averages what the trunk makes of M draws of the features (lines 4 and 18).

    The alignment's own representation is that of the first draw.
    """
    ensembles = features.mask.shape[0]
    found = trunk(jax.tree.map(lambda x: x[0], features), recycled, deterministic)
    if ensembles == 1:
        return found

    def add(trunk, total, drawn):
        more = trunk(drawn, recycled, deterministic)
        return jax.tree.map(jnp.add, total, more), None

    rest = jax.tree.map(lambda x: x[1:], features)
    scan = nn.scan(add, variable_broadcast="params", split_rngs={"params": False, "dropout": True})
    total, _ = scan(trunk, found, rest)
    return jax.tree.map(lambda x: x / ensembles, total)._replace(msa=found.msa)


def block(sizes: Sizes) -> BlockSizes:
    """Returns the sizes of an Evoformer block."""
    return BlockSizes(
        msa_heads=sizes.msa_heads,
        msa_size=sizes.c_m // sizes.msa_heads,
        column_size=sizes.c_m // sizes.msa_heads,
        outer=sizes.c_outer,
        triangle=sizes.c_triangle,
        pair_heads=sizes.pair_heads,
        pair_size=sizes.c_z // sizes.pair_heads,
    )


def template_sizes(sizes: Sizes) -> TemplateSizes:
    """Returns the sizes of what reads templates."""
    heads = TEMPLATE_HEADS
    return TemplateSizes(sizes.c_t, sizes.template_blocks, sizes.c_t, heads, sizes.c_t // heads)


def extra_block(sizes: Sizes) -> BlockSizes:
    """Returns the sizes of a block of the stack of extra rows."""
    size = sizes.c_e // sizes.msa_heads
    return block(sizes)._replace(msa_size=size, column_size=size)


def structure_module(sizes: Sizes, without: Without) -> StructureModule:
    """Makes the structure module, with the attention that is left to it."""
    heads, channels = sizes.ipa_heads, sizes.ipa_channels
    points = (sizes.query_points, sizes.value_points)
    if without.ipa:
        attention = partial(DistanceAttention, heads, channels)
    else:
        attention = partial(InvariantPointAttention, heads, channels, *points)
    return StructureModule(
        sizes.structure_layers, sizes.c_torsion, attention=attention, name="structure"
    )
