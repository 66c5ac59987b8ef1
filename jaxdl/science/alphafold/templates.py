"""Templates: structures of relatives, told to pairs and to the MSA (algorithms 16, 17; 2, 7 to 13).

Reference: Jumper et al. 2021, supplement, sections 1.7.1 and 1.7.2. T templates, N residues.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.attention import UNSEEN, Attention, Projections, write_heads
from jaxdl.science.alphafold.layers import (
    Linear,
    Norm,
    layer_norm,
    linear,
    map_chunks,
    run_blocks,
)
from jaxdl.science.alphafold.pair import (
    PairTransition,
    make_triangle_updates,
)
from jaxdl.science.geometry import Rigid, invert_apply, rigid_from_points

BINS, FIRST, LAST = 39, 3.25, 50.75  # of distances between CB atoms, Angstrom (section 1.2.9)
TYPES = 22  # 20 residues, unknown, gap
N_ATOM, CA_ATOM, C_ATOM = 0, 1, 2  # of atom37
DROPOUT = 0.25  # algorithm 16, lines 3 to 6


class Templates(NamedTuple):
    """Templates, aligned to the residues.

    Attributes:
      aatype: [T, N] int32, residue types.
      positions: [T, N, 37, 3], of atoms, Angstrom.
      mask: [T, N, 37], 1 for atoms that are there.
      pseudo_beta: [T, N, 3], CB, or CA of glycine.
      pseudo_beta_mask: [T, N].
      exists: [T], 1 for templates that are there.
    """

    aatype: jax.Array
    positions: jax.Array
    mask: jax.Array
    pseudo_beta: jax.Array
    pseudo_beta_mask: jax.Array
    exists: jax.Array


class TemplateSizes(NamedTuple):
    """The sizes of what reads templates; the defaults are those of algorithms 16 and 17.

    Attributes:
      c_t: channels of a pair in a template.
      blocks: of the pair stack.
      triangle: channels of a triangle multiplication's factors.
      heads: of all attentions.
      size: channels of a head.
      factor: width of the transition's hidden layer.
    """

    c_t: int = 64
    blocks: int = 2
    triangle: int = 64
    heads: int = 4
    size: int = 16
    factor: int = 2


class TemplatePairBlock(nn.Module):
    """Algorithm 16, lines 2 to 7.

    Attributes:
      sizes: of its parts.
      chunk: rows or columns that every part takes at a time; None for all.
      dtype: of the computation.
    """

    sizes: TemplateSizes = TemplateSizes()
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, t: jax.Array, pair_mask: jax.Array, deterministic: bool = True) -> jax.Array:
        """Updates t [N, N, c_t], with a mask [N, N]; else with `dropout` rngs."""
        c, heads, size = self.sizes.triangle, self.sizes.heads, self.sizes.size
        rest = {"chunk": self.chunk, "dtype": self.dtype}
        outgoing, incoming, starting, ending = make_triangle_updates(c, heads, size, **rest)
        transition = PairTransition(self.sizes.factor, name="pair_transition", **rest)

        def drop(update, shared=0):
            layer = nn.Dropout(DROPOUT, broadcast_dims=(shared,), deterministic=deterministic)
            return layer(update).astype(t.dtype)

        t = t + drop(starting(t, pair_mask))  # 3
        t = t + drop(ending(t, pair_mask), shared=1)  # 4
        t = t + drop(outgoing(t, pair_mask))  # 5
        t = t + drop(incoming(t, pair_mask))  # 6
        return t + transition(t, pair_mask).astype(t.dtype)  # 7


class TemplatePairStack(nn.Module):
    """Algorithm 16: what an Evoformer block does with pairs, within one template.

    Attributes:
      sizes: of its blocks, whose parameters are stacked along a first axis.
      remat: what a block computes is computed again in the backward pass, and not kept.
      chunk: rows or columns that every part takes at a time; None for all.
      dtype: of the computation.
    """

    sizes: TemplateSizes = TemplateSizes()
    remat: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, t: jax.Array, pair_mask: jax.Array, deterministic: bool = True) -> jax.Array:
        """Returns [N, N, c_t] of t [N, N, c_t] and a mask [N, N]."""
        block = TemplatePairBlock(self.sizes, self.chunk, self.dtype, name="blocks")
        return run_blocks(block, self.sizes.blocks, self.remat, t, pair_mask, deterministic)  # 1-8


class TemplatePointwiseAttention(nn.Module):
    """Algorithm 17: every pair looks at what the templates say of it.

    Attributes:
      heads: N_head.
      size: c, channels of a head.
      chunk: rows at a time; None for all.
      dtype: of the computation.
    """

    heads: int = 4
    size: int = 16
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, t: jax.Array, z: jax.Array, exists: jax.Array) -> jax.Array:
        """Returns [N, N, c_z] of t [T, N, N, c_t], z [N, N, c_z] and which templates exist [T].

        Without any template nothing is added.
        """
        c_z = z.shape[-1]
        attention = Attention(
            self.heads, self.size, gated=False, dtype=self.dtype, name="attention"
        )
        layer = attention(c_z, t.shape[-1], c_z)

        def attend(z, t):
            return look_through(layer, z.astype(self.dtype), t.astype(self.dtype), exists)

        update = map_chunks(attend, (z, t), chunk=self.chunk, axis=(0, 1))
        return update * (jnp.sum(exists) > 0).astype(update.dtype)


class TemplateEmbedding(nn.Module):
    """Algorithm 2, lines 9 to 13: what all templates say of pairs.

    Attributes:
      sizes: of its parts.
      unit_vectors: use where residues lie in each other's frames. The published parameters were
        trained with zeros in their place.
      remat: as in `TemplatePairStack`.
      chunk: rows or columns that every part takes at a time; None for all.
      dtype: of the computation.
    """

    sizes: TemplateSizes = TemplateSizes()
    unit_vectors: bool = False
    remat: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        z: jax.Array,
        templates: Templates,
        pair_mask: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        """Returns what is added to z [N, N, c_z]; the mask is [N, N], and knows no templates."""
        embed = TemplateEmbedder(
            self.sizes, self.unit_vectors, self.remat, self.chunk, self.dtype, name="embedder"
        )

        def body(embed, carry, template):
            return carry, embed(template, pair_mask, deterministic)

        scan = nn.scan(
            body, variable_broadcast="params", split_rngs={"params": False, "dropout": True}
        )
        _, t = scan(embed, None, templates)  # 9-12: [T, N, N, c_t]
        attend = TemplatePointwiseAttention(
            self.sizes.heads, self.sizes.size, self.chunk, self.dtype, name="pointwise"
        )
        return attend(t, z, templates.exists)  # 13


class TemplateEmbedder(nn.Module):
    """Algorithm 2, lines 9 to 11: one template alone; the attributes are `TemplateEmbedding`'s."""

    sizes: TemplateSizes = TemplateSizes()
    unit_vectors: bool = False
    remat: bool = True
    chunk: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, template: Templates, pair_mask: jax.Array, deterministic: bool) -> jax.Array:
        """Returns [N, N, c_t] of a template without the axis T."""
        features = template_pair_features(template, unit_vectors=self.unit_vectors)
        features = features.astype(self.dtype)
        layer = Linear((self.sizes.c_t,), "relu", dtype=self.dtype, name="pair")
        t = linear(layer(features.shape[-1]), features)  # 9
        stack = TemplatePairStack(self.sizes, self.remat, self.chunk, self.dtype, name="stack")
        t = stack(t, pair_mask, deterministic)  # 11
        return layer_norm(Norm(self.dtype, name="norm")(self.sizes.c_t), t)  # algorithm 16, line 9


class TemplateAngleEmbedding(nn.Module):
    """Algorithm 2, line 7: a template as one more row of the MSA.

    Attributes:
      c_m: channels of the MSA.
      dtype: of the computation.
    """

    c_m: int = 256
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Returns [T, N, c_m] of `template_angle_features` [T, N, 57]."""
        first = Linear((self.c_m,), "relu", dtype=self.dtype, name="expand")(features.shape[-1])
        second = Linear((self.c_m,), "relu", dtype=self.dtype, name="project")(self.c_m)
        return linear(second, jax.nn.relu(linear(first, features.astype(self.dtype))))


def template_angle_features(
    aatype: jax.Array, torsions: jax.Array, alternative: jax.Array, mask: jax.Array
) -> jax.Array:
    """Lays out what a template says of single residues (section 1.2.9, table 1).

    Args:
      aatype: [T, N] int.
      torsions: [T, N, 7, 2], sines and cosines of omega, phi, psi and four of the side chain.
      alternative: [T, N, 7, 2], those of the other naming of atoms that cannot be told apart.
      mask: [T, N, 7], 1 for torsions that are defined.

    Returns:
      [T, N, 57].
    """
    kinds = jax.nn.one_hot(aatype, TYPES)
    flat = [x.reshape(*aatype.shape, 14) for x in (torsions, alternative)]
    return jnp.concatenate([kinds, *flat, mask], -1)


def template_pair_features(template: Templates, *, unit_vectors: bool) -> jax.Array:
    """Lays out what one template says of pairs (sections 1.2.9 and 1.7.1).

    Args:
      template: without the axis T.
      unit_vectors: whether the directions to other residues are told; zeros stand there else.

    Returns:
      [N, N, 88], 0 where either backbone is not there.
    """
    residues = len(template.aatype)
    seen = template.pseudo_beta_mask[:, None] * template.pseudo_beta_mask
    kinds = jnp.broadcast_to(jax.nn.one_hot(template.aatype, TYPES), (residues, residues, TYPES))
    backbone = jnp.prod(template.mask[:, (N_ATOM, CA_ATOM, C_ATOM)], -1)  # [N]
    both = backbone[:, None] * backbone
    direction = unit_vectors_of(template.positions) * both[..., None]
    parts = [
        distogram_features(template.pseudo_beta),
        seen[..., None],
        kinds,
        jnp.swapaxes(kinds, 0, 1),
        direction if unit_vectors else jnp.zeros_like(direction),
        both[..., None],
    ]
    return jnp.concatenate(parts, -1) * both[..., None]


def unit_vectors_of(positions: jax.Array) -> jax.Array:
    """Returns the directions to all CA atoms in the frame of each residue.

    Args:
      positions: [N, 37, 3], Angstrom.

    Returns:
      [N, N, 3] of length 1, but for atoms that lie nearly together.
    """
    n, ca, c = (positions[:, atom] for atom in (N_ATOM, CA_ATOM, C_ATOM))
    frames = rigid_from_points(n, ca, c)
    frames = Rigid(frames.rotation[:, None], frames.translation[:, None])
    offset = invert_apply(frames, ca)  # [N, N, 3]
    return offset * jax.lax.rsqrt(1e-6 + jnp.sum(offset**2, -1, keepdims=True))


def distogram_features(positions: jax.Array) -> jax.Array:
    """Returns which of 39 bins each distance lies in, all zero below the first one's edge.

    Args:
      positions: [N, 3], Angstrom.

    Returns:
      [N, N, 39] float32; the last bin is open.
    """
    low = jnp.linspace(FIRST, LAST, BINS) ** 2
    high = jnp.append(low[1:], 1e8)
    square = jnp.sum((positions[:, None] - positions) ** 2, -1, keepdims=True)
    return ((square > low) & (square < high)).astype(jnp.float32)


def look_through(layer: Projections, z: jax.Array, t: jax.Array, exists: jax.Array) -> jax.Array:
    """Computes algorithm 17 for some rows of pairs.

    Args:
      layer: parameters.
      z: [R, N, c_z].
      t: [T, R, N, c_t].
      exists: [T].

    Returns:
      [R, N, c_z].
    """
    wide = jnp.promote_types(z.dtype, jnp.float32)
    q = linear(layer.query, z) * jnp.asarray(layer.query.kernel.shape[-1] ** -0.5, z.dtype)  # 1
    k, v = linear(layer.key, t), linear(layer.value, t)  # 2: [T, R, N, h, c]
    scores = jnp.sum((q * k).astype(wide), -1)  # [T, R, N, h]
    scores = jnp.where(exists[:, None, None, None] > 0, scores, UNSEEN)
    weights = jax.nn.softmax(scores, 0).astype(z.dtype)  # 3
    return write_heads(layer.output, jnp.sum(weights[..., None] * v, 0))  # 4-5
