"""AlphaFold: from the features of a chain to its structure (Jumper et al. 2021, algorithm 2)."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold import evoformer
from jaxdl.science.alphafold.atoms import atom14_to_atom37, atom37_exists
from jaxdl.science.alphafold.confidence import (
    PredictAlignedError,
    PredictPerResidueLDDT,
    PredictResolved,
    plddt,
    predicted_aligned_error,
    predicted_tm_score,
)
from jaxdl.science.alphafold.distance_attention import DistanceAttention
from jaxdl.science.alphafold.embedding import InputEmbedder, RecyclingEmbedder
from jaxdl.science.alphafold.evoformer import EvoformerStack, ExtraMSAStack
from jaxdl.science.alphafold.features import (
    Example,
    Features,
    Sampling,
    blank_example,
    draw_features,
    pseudo_beta,
)
from jaxdl.science.alphafold.heads import DistogramHead, MaskedMSAHead
from jaxdl.science.alphafold.ipa import InvariantPointAttention
from jaxdl.science.alphafold.structure import Structure, StructureModule

FEW = 4  # residues that parameters are drawn for
Draw = Callable[[jax.Array], Features]  # number of the pass -> features [M, ...] of M ensembles


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
        if sizes.templates:
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
        """Computes lines 7 to 13: templates as rows of the alignment, and as pairs."""
        raise NotImplementedError


class AlphaFold(nn.Module):
    """Algorithm 2: Inference, lines 4 to 22. One pass, between two recyclings.

    Attributes:
      sizes: of the net.
      without: what is left out.
      dtype: of activations; bfloat16 in the paper's training. The structure module and the heads
        are float32.
      remat: whether a block's activations are computed again for the gradient.
      chunk: rows that a part of a block takes at a time, for less memory; None takes all.
    """

    sizes: Sizes = PAPER
    without: Without = NOTHING
    dtype: Any = jnp.float32
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
        positions = atom14_to_atom37(structure.positions14, one.aatype)
        beta = pseudo_beta(one.aatype, positions)
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


def block(sizes: Sizes) -> evoformer.Sizes:
    """Returns the sizes of an Evoformer block."""
    return evoformer.Sizes(
        msa_heads=sizes.msa_heads,
        msa_size=sizes.c_m // sizes.msa_heads,
        column_size=sizes.c_m // sizes.msa_heads,
        outer=sizes.c_outer,
        triangle=sizes.c_triangle,
        pair_heads=sizes.pair_heads,
        pair_size=sizes.c_z // sizes.pair_heads,
    )


def extra_block(sizes: Sizes) -> evoformer.Sizes:
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


def nothing_yet(net: AlphaFold, length: int) -> Recycled:
    """Returns what the first pass is told, zeros, for N residues (algorithm 2, line 1)."""
    c_m, c_z = net.sizes.c_m, net.sizes.c_z
    return Recycled(
        jnp.zeros((length, c_m), net.dtype),
        jnp.zeros((length, length, c_z), net.dtype),
        jnp.zeros((length, 3)),
    )


def init_params(net: AlphaFold, key: jax.Array) -> Any:
    """Draws parameters of a net, which suit chains and alignments of any size."""
    draw_key, key = jax.random.split(key)
    blank = blank_example(FEW, templates=net.sizes.templates)
    features = draw_features(draw_key, blank, Sampling(clusters=1, extra=1), 0)
    return net.init(key, features, nothing_yet(net, FEW))["params"]


def recycle(
    net: AlphaFold, params: Any, draw: Draw, recycles: int, length: int
) -> tuple[Outputs, Any]:
    """Algorithm 30: GenericRecyclingInferenceProcedure.

    Args:
      net: the net.
      params: of it.
      draw: number of the pass -> features [M, ...].
      recycles: passes after the first one; without recycling there are none.
      length: N.

    Returns:
      What the last pass says, and of all C passes the C-alpha [C, L, N, 3] after each layer of the
      structure module, and the confidence [C, N].
    """

    def run(recycled, number):
        return net.apply({"params": params}, draw(number), recycled)

    def body(last, number):
        outputs = run(last.recycled, number)  # 4
        return outputs, (outputs.structure.frames.translation, plddt(outputs.plddt))

    start = nothing_yet(net, length)
    shapes = jax.eval_shape(run, start, jnp.int32(0))
    first = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)  # 2
    passes = 1 if net.without.recycling else recycles + 1
    return jax.lax.scan(body, first._replace(recycled=start), jnp.arange(passes))  # 3


def recycle_in_training(
    net: AlphaFold, params: Any, draw: Draw, passes: jax.Array, length: int, key: jax.Array
) -> tuple[Outputs, Features]:
    """Algorithm 31: GenericRecyclingTrainingProcedure. Gradients see the last pass alone.

    Args:
      net: the net.
      params: of it.
      draw: number of the pass -> features [1, ...].
      passes: int32 scalar, N', how many passes there are; the same for all chains of a batch.
      length: N.
      key: of dropout.

    Returns:
      What the last pass says, and the features that it has read.
    """
    frozen = jax.lax.stop_gradient(params)

    def run(params, features, number, recycled):
        rngs = {"dropout": jax.random.fold_in(key, number)}
        return net.apply({"params": params}, features, recycled, False, rngs=rngs)

    def body(number, recycled):
        return run(frozen, draw(number), number, recycled).recycled

    recycled, last = nothing_yet(net, length), 0
    if not net.without.recycling:
        last = passes - 1
        recycled = jax.lax.fori_loop(0, last, body, recycled)  # 3-5
    features = draw(last)
    outputs = run(params, features, last, jax.lax.stop_gradient(recycled))  # 6-8
    return outputs, jax.tree.map(lambda x: x[0], features)


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
      example: whose positions are not looked at. It is read whole, without deleted blocks.
      sampling: rows that are seen.
      recycles: passes after the first one.
      ensembles: draws of the alignment that a pass averages over.
    """
    sampling = sampling._replace(delete_blocks=False)
    length = example.aatype.shape[0]

    def draw(number):
        return draw_features(key, example, sampling, number, ensembles)

    outputs, (trajectory, confidence) = recycle(net, params, draw, recycles, length)
    has_pae = net.sizes.pae
    return Prediction(
        positions=atom14_to_atom37(outputs.structure.positions14, example.aatype),
        atom_mask=atom37_exists(example.aatype) * example.mask[:, None],
        plddt=confidence[-1],
        distogram=outputs.distogram,
        pae=predicted_aligned_error(outputs.pae) if has_pae else (),
        ptm=predicted_tm_score(outputs.pae, example.mask) if has_pae else (),
        trajectory=trajectory,
        cycle_plddt=confidence,
    )
