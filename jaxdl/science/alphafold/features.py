"""What the net reads of a chain (Jumper et al. 2021, supplement, section 1.2 and table 1).

`make_features` draws from an example what one pass of the net sees: rows of the alignment, hidden
letters, clusters. It is a pure function of a key and arrays of fixed shapes, so that it runs on the
device, inside the training step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.science.alphafold.examples import Example
from jaxdl.science.proteins import constants

LETTERS = 23  # of the alignment's alphabet: 20 amino acids, then these three
UNKNOWN, GAP, MASK = constants.UNKNOWN, constants.GAP, constants.MASKED
CA = constants.ATOMS.index("CA")
MASKED = 0.15  # share of letters that are asked for (section 1.2.7)
UNIFORM, PROFILE, SAME = 0.1, 0.1, 0.1  # shares of what they become; the rest is hidden
MOST_DELETIONS = 2**15 - 1  # that are told apart


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


def make_features(key: jax.Array, example: Example, sampling: Sampling) -> Features:
    """Draws what one pass of the net reads of an example.

    Where the clusters leave no row over, the chain itself is the only extra row: algorithm 10 would
    divide by no rows.

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
    extra = extra_rows(msa, deletions, mask, sampling)
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


def extra_rows(msa: jax.Array, deletions: jax.Array, mask: jax.Array, sampling: Sampling) -> Rows:
    """Returns E rows that are no clusters' centers, of all rows [R, N] in their drawn order."""
    first, last = sampling.clusters, sampling.clusters + sampling.extra
    rows = Rows(*(x[first:last] for x in (msa, deletions, mask)))
    chain = Rows(*(x[:1] for x in (msa, deletions, mask)))
    is_empty = jnp.max(rows.mask) == 0
    return jax.tree.map(lambda x, own: x.at[0].set(jnp.where(is_empty, own[0], x[0])), rows, chain)


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
