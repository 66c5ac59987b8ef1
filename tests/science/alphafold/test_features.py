"""Features against NumPy: blocks, hidden letters, clusters, crops, shapes of table 1."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jaxdl.core.run import BadInput
from jaxdl.science.alphafold import examples, features
from jaxdl.science.alphafold.examples import Example
from jaxdl.science.alphafold.features import Rows, Sampling
from jaxdl.science.proteins import Protein

LENGTH, ROWS = 7, 9
SAMPLING = Sampling(crop=5, clusters=4, extra=3, delete_blocks=False)


def example(length=LENGTH, rows=ROWS, seed=0):
    """A chain of random letters, whose last residue and last row are padding."""
    rng = np.random.default_rng(seed)
    msa = rng.integers(0, 22, (rows, length)).astype(np.int8)
    mask = np.float32(np.arange(length) < length - 1)
    return Example(
        aatype=np.where(msa[0] > 20, 20, msa[0]).astype(np.int32),
        residue_index=np.arange(length, dtype=np.int32),
        mask=mask,
        msa=msa,
        deletions=rng.integers(0, 4, (rows, length)).astype(np.int16),
        row_mask=np.float32(np.arange(rows) < rows - 1),
        positions=np.float32(rng.normal(size=(length, 37, 3))),
        atom_mask=np.ones((length, 37), np.float32) * mask[:, None],
    )


jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
draw = jit(features.make_features, static_argnums=2)


@pytest.fixture(scope="module")
def drawn():
    return draw(jax.random.key(0), example(), SAMPLING)


def test_shapes_of_table_1(drawn):
    assert drawn.target_feat.shape == (LENGTH, 22)
    assert drawn.msa_feat.shape == (4, LENGTH, 49)
    assert drawn.extra_msa_feat.shape == (3, LENGTH, 25)
    assert drawn.true_msa.shape == drawn.bert_mask.shape == drawn.msa_mask.shape == (4, LENGTH)
    assert_allclose(jnp.sum(drawn.target_feat, 1), 1)
    assert_array_equal(jnp.argmax(drawn.target_feat, 1), example().aatype + 1)


def test_every_row_is_drawn_once_and_the_chain_comes_first(drawn):
    extra = jnp.argmax(drawn.extra_msa_feat[..., :23], -1)
    rows = jnp.concatenate([drawn.true_msa, extra])
    assert_array_equal(rows[0], example().msa[0])
    of_rows = {tuple(np.asarray(row)) for row in rows}
    assert len(of_rows) == 7
    assert of_rows < {tuple(row) for row in example().msa[:8].astype(int)}  # never the padding


def test_a_single_sequence_leaves_the_other_rows_empty():
    alone = example()
    alone = alone._replace(row_mask=np.float32(np.arange(ROWS) < 1))
    found = draw(jax.random.key(1), alone, SAMPLING)
    assert_array_equal(found.msa_mask[0], alone.mask)
    assert_allclose(found.msa_mask[1:], 0)
    assert_array_equal(found.extra_msa_mask[0], alone.mask)  # the chain itself
    assert_array_equal(jnp.argmax(found.extra_msa_feat[0, :, :23], -1), alone.msa[0])
    assert_allclose(found.extra_msa_mask[1:], 0)
    letters, profile = found.msa_feat[0, :-1, :23], found.msa_feat[0, :-1, 25:48]
    assert_allclose(letters, profile, atol=1e-5)  # a cluster of one
    assert np.all(np.isfinite(found.msa_feat))


def test_clusters_against_a_loop():
    rng = np.random.default_rng(3)
    centers = Rows(
        rng.integers(0, 23, (3, 6)), rng.integers(0, 4, (3, 6)), np.ones((3, 6), np.float32)
    )
    centers.mask[2] = 0  # a center that is not there
    others = Rows(rng.integers(0, 22, (8, 6)), rng.integers(0, 4, (8, 6)), np.ones((8, 6)))
    others.mask[:, 5] = 0

    profile, deletions, count = np.zeros((3, 6, 23)), np.zeros((3, 6)), np.zeros((3, 6))
    for s in range(2):
        for n in range(6):
            profile[s, n, centers.msa[s, n]] += 1
            deletions[s, n] += centers.deletions[s, n]
            count[s, n] += 1
    for q in range(8):
        same = (others.msa[q, :5] == centers.msa[:2, :5]) & (others.msa[q, :5] < 21)
        s = int(np.argmax(same.sum(1)))
        for n in range(5):
            profile[s, n, others.msa[q, n]] += 1
            deletions[s, n] += others.deletions[q, n]
            count[s, n] += 1
    found = features.cluster_features(centers, others)
    assert_allclose(found[:2, :, :23], (profile / count.clip(1)[..., None])[:2], rtol=1e-5)
    squashed = 2 / np.pi * np.arctan(deletions / count.clip(1) / 3)
    assert_allclose(found[:2, :, 23], squashed[:2], rtol=1e-5)


def test_letters_are_hidden_by_the_shares_of_the_paper():
    msa = jnp.tile(jnp.arange(20), (1000, 1))  # of column n the letter n
    profile = jax.nn.one_hot(jnp.full(20, 21), 22)  # which says gap
    mask = jnp.ones(msa.shape).at[:, 0].set(0)
    hidden, asked = features.mask_letters(jax.random.key(0), msa, profile, mask)
    assert_array_equal(asked[:, 0], 0)
    assert_array_equal(jnp.where(asked > 0, msa, hidden), msa)
    assert abs(jnp.mean(asked[:, 1:]) - 0.15) < 0.01
    became = hidden[asked > 0]
    shares = [jnp.mean(became == 22), jnp.mean(became == 21), jnp.mean(became == msa[asked > 0])]
    assert_allclose(shares, [0.7, 0.1, 0.1 + 0.1 / 20], atol=0.02)


def test_blocks_are_deleted_and_the_first_row_stays():
    rows = jnp.float32(jnp.arange(30) < 20)
    kept = jax.vmap(lambda key: features.delete_blocks(key, rows))(
        jax.random.split(jax.random.key(0), 200)
    )
    assert jnp.all(kept[:, 0] == 1)
    assert jnp.all(kept[:, 20:] == 0)
    deleted = 20 - jnp.sum(kept, 1)
    assert deleted.max() <= 19  # of five blocks of 6, which overlap
    assert deleted.min() >= 1
    one = features.delete_blocks(jax.random.key(0), rows, blocks=1)
    gone = np.flatnonzero(np.asarray(rows - one))
    assert_array_equal(np.diff(gone), 1)
    assert len(gone) <= 6


@pytest.mark.parametrize("unclamped", [False, True])
def test_crops_lie_within_the_chain(unclamped):
    whole = example(length=12)  # of 11 residues
    cuts = jax.vmap(lambda key: examples.crop(key, whole, 5, jnp.bool(unclamped)))(
        jax.random.split(jax.random.key(0), 300)
    )
    starts = cuts.residue_index[:, 0]
    assert_array_equal(cuts.residue_index - starts[:, None], np.tile(np.arange(5), (300, 1)))
    assert set(np.asarray(starts)) == set(range(7))
    assert jnp.all(cuts.mask == 1)
    assert_array_equal(cuts.positions[7], whole.positions[starts[7] : starts[7] + 5])
    assert_array_equal(cuts.msa[7], whole.msa[:, starts[7] : starts[7] + 5])
    # x ~ U(0, n), start ~ U(0, n - x): the mean is n / 4 where it is n / 2 otherwise.
    assert abs(jnp.mean(starts) - (1.5 if unclamped else 3)) < 0.4


def test_short_chains_are_not_cut():
    whole = example()
    assert examples.crop(jax.random.key(0), whole, 12, jnp.bool(False)) is whole
    cut = examples.crop(jax.random.key(0), whole, 6, jnp.bool(False))
    assert_array_equal(cut.residue_index, np.arange(6))


def test_an_alignment_of_another_chain_is_refused():
    whole = example()
    protein = Protein(
        whole.aatype, whole.positions, whole.atom_mask, whole.residue_index,
        np.zeros(LENGTH, np.int32), np.zeros((LENGTH, 37), np.float32),
    )  # fmt: skip
    made = examples.alignment_example(protein, whole.msa, whole.deletions)
    assert_array_equal(made.msa, whole.msa)
    other = whole.msa.copy()
    other[0] = (other[0] + 1) % 20
    with pytest.raises(BadInput, match="first row differs"):
        examples.alignment_example(protein, other, whole.deletions)
    with pytest.raises(BadInput, match="columns"):
        examples.alignment_example(protein, whole.msa[:, 1:], whole.deletions)
