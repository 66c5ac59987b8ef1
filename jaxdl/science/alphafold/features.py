"""What the net reads of a chain (Jumper et al. 2021, supplement, section 1.2 and table 1).

An `Example` is a chain with its alignment and, where it is known, its structure. `make_features`
draws from it what one pass of the net sees: rows of the alignment, masked letters, clusters. All of
it is a pure function of a key and arrays of fixed shapes, so that it runs on the device, inside
the training step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.science.proteins import constants

LETTERS = 23  # of the alignment's alphabet: 20 amino acids, then these three
UNKNOWN, GAP, MASK = constants.UNKNOWN, constants.GAP, constants.MASKED
GLYCINE = constants.RESIDUES.index("G")
CA, CB = (constants.ATOMS.index(name) for name in ("CA", "CB"))
MASKED = 0.15  # share of letters that are asked for (section 1.2.7)
UNIFORM, PROFILE, SAME = 0.1, 0.1, 0.1  # shares of what they become; the rest is hidden
MOST_DELETIONS = 2**15 - 1  # that are told apart


class Templates(NamedTuple):
    """Structures of other chains, aligned to a chain.

    Attributes:
      aatype: [T, N] int32; 20 unknown, 21 gap.
      positions: [T, N, 37, 3], in Angstrom.
      atom_mask: [T, N, 37] float32.
      mask: [T] float32, 0 where there is no template.
    """

    aatype: jax.Array
    positions: jax.Array
    atom_mask: jax.Array
    mask: jax.Array


class Example(NamedTuple):
    """A chain, padded to N residues and its alignment to R rows.

    Attributes:
      aatype: [N] int32, 0 to 19, 20 for unknown.
      residue_index: [N] int32.
      mask: [N] float32, 0 for padding.
      msa: [R, N] int8, letters 0 to 21; the first row is the chain itself.
      deletions: [R, N] int16, letters left out to the left of each.
      row_mask: [R] float32, 0 for padding.
      positions: [N, 37, 3], in Angstrom.
      atom_mask: [N, 37] float32, 0 for atoms that are not known.
      templates: `Templates`, or () without them.
    """

    aatype: jax.Array
    residue_index: jax.Array
    mask: jax.Array
    msa: jax.Array
    deletions: jax.Array
    row_mask: jax.Array
    positions: jax.Array
    atom_mask: jax.Array
    templates: Any = ()


class Sampling(NamedTuple):
    """How much of an example the net sees.

    Attributes:
      crop: residues of a crop (256 in the paper, then 384); None takes all.
      clusters: S, rows of the alignment that stand for a cluster each.
      extra: E, further rows, at least 1.
      delete_blocks: whether blocks of the alignment are left out first (algorithm 1).
      masked: share of letters of the clusters that are asked for.
    """

    crop: int | None = 256
    clusters: int = 128
    extra: int = 1024
    delete_blocks: bool = True
    masked: float = MASKED


class Features(NamedTuple):
    """What one pass of the net reads (supplement, table 1).

    Attributes:
      aatype: [N] int32.
      residue_index: [N] int32.
      mask: [N] float32, 0 for padding.
      target_feat: [N, 22].
      msa_feat: [S, N, 49].
      msa_mask: [S, N] float32.
      true_msa: [S, N] int32, what stood where letters were hidden.
      bert_mask: [S, N] float32, 1 where they are asked for.
      extra_msa_feat: [E, N, 25].
      extra_msa_mask: [E, N] float32.
      templates: `Templates`, or ().
    """

    aatype: jax.Array
    residue_index: jax.Array
    mask: jax.Array
    target_feat: jax.Array
    msa_feat: jax.Array
    msa_mask: jax.Array
    true_msa: jax.Array
    bert_mask: jax.Array
    extra_msa_feat: jax.Array
    extra_msa_mask: jax.Array
    templates: Any = ()


def chain_examples(chains: Any, *, rows: int = 1) -> Example:
    """Makes examples [B, ...] on the host of padded `Chains`, each aligned with itself alone.

    Args:
      chains: of `jaxdl.science.proteins`.
      rows: R; those after the first are empty.
    """
    raise NotImplementedError


def blank_example(length: int, *, templates: bool = False) -> Example:
    """Makes an example of unknown residues without any structure, to be filled in.

    Args:
      length: N.
      templates: with room for one.
    """
    atoms = (length, len(constants.ATOMS))
    chain = np.full(length, UNKNOWN, np.int32)
    blank = Templates(
        chain[None],
        np.zeros((1, *atoms, 3), np.float32),
        np.zeros((1, *atoms), np.float32),
        np.zeros(1, np.float32),
    )
    return Example(
        aatype=chain,
        residue_index=np.arange(length, dtype=np.int32),
        mask=np.ones(length, np.float32),
        msa=chain[None].astype(np.int8),
        deletions=np.zeros((1, length), np.int16),
        row_mask=np.ones(1, np.float32),
        positions=np.zeros((*atoms, 3), np.float32),
        atom_mask=np.zeros(atoms, np.float32),
        templates=blank if templates else (),
    )


def alignment_example(protein: Any, msa: np.ndarray, deletions: np.ndarray) -> Example:
    """Makes one example on the host of a chain and its alignment.

    Args:
      protein: `Protein` of N residues.
      msa: [R, N] letters 0 to 21, the first row being the protein's own.
      deletions: [R, N] letters left out to the left of each.

    Raises:
      BadInput: the alignment is one of another sequence.
    """
    if msa.shape[1:] != protein.aatype.shape:
        raise BadInput(f"the alignment has {msa.shape[1]} columns, chain {len(protein.aatype)}")
    known = (protein.aatype < UNKNOWN) & (msa[0] < UNKNOWN)
    different = int(np.sum((protein.aatype != msa[0]) & known))
    if different:
        raise BadInput(f"the alignment's first row differs from the chain in {different} letters")
    return blank_example(len(protein.aatype))._replace(
        aatype=np.asarray(protein.aatype, np.int32),
        residue_index=np.asarray(protein.residue_index, np.int32),
        msa=np.asarray(msa, np.int8),
        deletions=np.asarray(np.minimum(deletions, MOST_DELETIONS), np.int16),
        row_mask=np.ones(len(msa), np.float32),
        positions=np.asarray(protein.positions, np.float32),
        atom_mask=np.asarray(protein.mask, np.float32),
    )


def crop(key: jax.Array, example: Example, size: int | None, unclamped: jax.Array) -> Example:
    """Cuts out residues that follow each other.

    Args:
      key: of where it begins.
      example: whose padding stands at the end.
      size: residues that are left; None, or more than there are, leaves all.
      unclamped: bool scalar; without clamped errors crops are drawn nearer to the chain's start.

    Reference: supplement, section 1.2.8.
    """
    if size is None or size >= example.aatype.shape[0]:
        return example
    bound_key, start_key = jax.random.split(key)
    room = jnp.maximum(jnp.sum(example.mask).astype(jnp.int32) - size, 0)  # n
    bound = room - jnp.where(unclamped, jax.random.randint(bound_key, (), 0, room + 1), 0)
    start = jax.random.randint(start_key, (), 0, bound + 1)

    def cut(x, axis=0):
        return jax.lax.dynamic_slice_in_dim(x, start, size, axis)

    templates = example.templates
    if templates:
        along = [cut(x, 1) for x in templates[:3]]
        templates = Templates(*along, templates.mask)
    return Example(
        aatype=cut(example.aatype),
        residue_index=cut(example.residue_index),
        mask=cut(example.mask),
        msa=cut(example.msa, 1),
        deletions=cut(example.deletions, 1),
        row_mask=example.row_mask,
        positions=cut(example.positions),
        atom_mask=cut(example.atom_mask),
        templates=templates,
    )


def make_features(key: jax.Array, example: Example, sampling: Sampling) -> Features:
    """Draws what one pass of the net reads of an example.

    Args:
      key: of rows and hidden letters.
      example: which is not cropped here.
      sampling: S clusters and E extra rows.

    Reference: supplement, section 1.2.6, 1.2.7 and table 1.
    """
    delete_key, order_key, mask_key = jax.random.split(key, 3)
    clusters = sampling.clusters
    example = _pad_rows(example, clusters + sampling.extra)
    rows = example.row_mask
    if sampling.delete_blocks:
        rows = delete_blocks(delete_key, rows)
    order = _shuffle(order_key, rows)
    msa = example.msa[order].astype(jnp.int32)
    deletions = example.deletions[order].astype(jnp.float32)
    mask = rows[order, None] * example.mask  # [R, N]
    profile = _letter_shares(msa, mask)
    true, own_mask = msa[:clusters], mask[:clusters]
    hidden, asked = mask_letters(mask_key, true, profile, own_mask, share=sampling.masked)
    centers = Rows(hidden, deletions[:clusters], own_mask)
    others = Rows(msa[clusters:], deletions[clusters:], mask[clusters:])
    extra = Rows(*(x[: sampling.extra] for x in others))
    return Features(
        aatype=example.aatype,
        residue_index=example.residue_index,
        mask=example.mask,
        target_feat=target_features(example.aatype),
        msa_feat=jnp.concatenate(
            [row_features(centers), cluster_features(centers, others)], axis=-1
        ),
        msa_mask=centers.mask,
        true_msa=true,
        bert_mask=asked,
        extra_msa_feat=row_features(extra),
        extra_msa_mask=extra.mask,
        templates=example.templates,
    )


def draw_features(
    key: jax.Array, example: Example, sampling: Sampling, number: jax.Array, ensembles: int = 1
) -> Features:
    """Draws features [M, ...] of M ensembles for the pass of that number."""
    keys = jax.random.split(jax.random.fold_in(key, number), ensembles)
    return jax.vmap(lambda key: make_features(key, example, sampling))(keys)


def delete_blocks(
    key: jax.Array, rows: jax.Array, *, share: float = 0.3, blocks: int = 5
) -> jax.Array:
    """Algorithm 1: MSABlockDeletion. Leaves out blocks of rows, which may overlap.

    Args:
      key: of where they begin.
      rows: [R] float32, 1 for rows that there are; these come first.
      share: of the rows that a block holds.
      blocks: how many.

    Returns:
      [R] float32, 0 for rows that are left out too; never the first row.
    """
    count = jnp.sum(rows)
    size = jnp.floor(count * share)  # 1
    starts = 1 + jnp.floor(jax.random.uniform(key, (blocks, 1)) * (count - 1))  # 3
    place = jnp.arange(rows.shape[0])
    is_deleted = jnp.any((starts <= place) & (place < starts + size), axis=0)  # 4 to 7
    return rows * (1 - is_deleted)


def mask_letters(
    key: jax.Array, msa: jax.Array, profile: jax.Array, mask: jax.Array, *, share: float = MASKED
) -> tuple[jax.Array, jax.Array]:
    """Hides letters that the net shall tell, as BERT does.

    Of those asked for 70 % are hidden, 10 % become any amino acid, 10 % one of the column's, and
    10 % stay.

    Args:
      key: of all that is drawn.
      msa: [S, N] int32.
      profile: [N, 22], shares of letters in a column.
      mask: [S, N], 0 where nothing is asked.
      share: of letters that are asked for.

    Returns:
      [S, N] int32 with letters hidden, and [S, N] float32, 1 where they are asked for.

    Reference: supplement, section 1.2.7.
    """
    where_key, what_key = jax.random.split(key)
    asked = jax.random.bernoulli(where_key, share, msa.shape) * mask
    uniform = jnp.pad(jnp.full(UNKNOWN, 1 / UNKNOWN), (0, LETTERS - UNKNOWN))
    column = jnp.pad(profile, ((0, 0), (0, 1)))
    hidden = jax.nn.one_hot(MASK, LETTERS)
    chances = UNIFORM * uniform + PROFILE * column + (1 - UNIFORM - PROFILE - SAME) * hidden
    chances = chances + SAME * jax.nn.one_hot(msa, LETTERS)  # [S, N, 23]
    drawn = jax.random.categorical(what_key, jnp.log(chances + 1e-10))
    return jnp.where(asked > 0, drawn, msa), asked


class Rows(NamedTuple):
    """Rows of an alignment.

    Attributes:
      msa: [S, N] int32.
      deletions: [S, N] float32.
      mask: [S, N] float32.
    """

    msa: jax.Array
    deletions: jax.Array
    mask: jax.Array


def row_features(rows: Rows) -> jax.Array:
    """Returns [S, N, 25]: letters, whether some are left out before them, and how many."""
    letters = jax.nn.one_hot(rows.msa, LETTERS)
    numbers = [jnp.minimum(rows.deletions, 1), _squash(rows.deletions)]
    return jnp.concatenate([letters, jnp.stack(numbers, axis=-1)], axis=-1)


def cluster_features(centers: Rows, others: Rows) -> jax.Array:
    """Joins each row to the center it agrees with most, and describes the clusters.

    Rows agree in a column where both have the same letter; gaps and hidden letters do not count.

    Args:
      centers: S rows.
      others: Q rows.

    Returns:
      [S, N, 24]: shares of the letters in a cluster's column, the center's included, and the mean
      number of letters left out before it.

    Reference: supplement, section 1.2.7, steps 3 and 4.
    """
    counted = jnp.arange(LETTERS) < GAP
    center_letters = jax.nn.one_hot(centers.msa, LETTERS) * centers.mask[..., None]  # [S, N, 23]
    letters = jax.nn.one_hot(others.msa, LETTERS) * others.mask[..., None]  # [Q, N, 23]
    agreement = jnp.einsum("qnl,snl->qs", letters * counted, center_letters)
    is_center = jnp.max(centers.mask, axis=1)
    nearest = jnp.argmax(jnp.where(is_center > 0, agreement, -1), axis=1)  # [Q]
    member = jax.nn.one_hot(nearest, centers.msa.shape[0])  # [Q, S]
    count = centers.mask + member.T @ others.mask + 1e-6  # [S, N]
    profile = center_letters + jnp.einsum("qs,qnl->snl", member, letters)
    deletions = centers.deletions * centers.mask
    deletions = deletions + member.T @ (others.deletions * others.mask)
    mean = _squash(deletions / count)
    return jnp.concatenate([profile / count[..., None], mean[..., None]], axis=-1)


def target_features(aatype: jax.Array) -> jax.Array:
    """Returns [N, 22]: no break between chains (0), and the kind of residue."""
    return jnp.pad(jax.nn.one_hot(aatype, UNKNOWN + 1), ((0, 0), (1, 0)))


def pseudo_beta(aatype: jax.Array, atoms: jax.Array) -> jax.Array:
    """Returns C-beta [N, ...], for glycine C-alpha, of atoms [N, 37, ...]."""
    is_glycine = (aatype == GLYCINE).reshape(-1, *(1,) * (atoms.ndim - 2))
    return jnp.where(is_glycine, atoms[:, CA], atoms[:, CB])


def _pad_rows(example: Example, count: int) -> Example:
    """Adds empty rows to the alignment until there are `count` at least."""
    more = max(count - example.row_mask.shape[0], 0)
    return example._replace(
        msa=jnp.pad(example.msa, ((0, more), (0, 0)), constant_values=GAP),
        deletions=jnp.pad(example.deletions, ((0, more), (0, 0))),
        row_mask=jnp.pad(example.row_mask, (0, more)),
    )


def _shuffle(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Returns [R] int32, an order of rows: the first stays, those that are not there come last."""
    rank = jax.random.uniform(key, rows.shape) + 2 * (1 - rows)
    return jnp.argsort(rank.at[0].set(-1))


def _letter_shares(msa: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns the profile [N, 22]: shares of the letters of each column."""
    counts = jnp.einsum("rnl,rn->nl", jax.nn.one_hot(msa, LETTERS - 1), mask)
    return counts / jnp.maximum(jnp.sum(mask, axis=0), 1)[:, None]


def _squash(count: jax.Array) -> jax.Array:
    """Takes numbers of deleted letters to [0, 1) (table 1)."""
    return 2 / jnp.pi * jnp.arctan(count / 3)
