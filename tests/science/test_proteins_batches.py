"""Orders of atoms, batches of chains, and splits by cluster."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import proteins
from jaxdl.science.proteins import constants

AATYPE = np.arange(21, dtype=np.int32)  # one of each


def test_atoms_keep_their_names_in_both_orders():
    """Each atom carries its number in atom37 as its value."""
    values = jnp.arange(1.0, 38) * jnp.ones((21, 1))
    packed = proteins.atom14_from_atom37(values, AATYPE)
    for row, atoms in zip(np.asarray(packed), constants.ATOMS14, strict=True):
        wanted = [constants.ATOMS.index(atom) + 1 for atom in atoms]
        np.testing.assert_array_equal(row, wanted + [0] * (14 - len(atoms)))
    back = proteins.atom37_from_atom14(packed, AATYPE)
    np.testing.assert_array_equal(back, values * constants.ATOM37_MASK)


def test_orders_of_atoms_with_batches_positions_and_gradients():
    positions = jax.random.normal(jax.random.key(0), (2, 21, 37, 3))
    aatype = jnp.stack([AATYPE, AATYPE[::-1]])
    packed = proteins.atom14_from_atom37(positions, aatype)
    assert packed.shape == (2, 21, 14, 3)
    one = proteins.atom14_from_atom37(positions[1], aatype[1])
    np.testing.assert_array_equal(packed[1], one)
    gradient = jax.grad(lambda x: proteins.atom14_from_atom37(x, aatype).sum())(positions)
    np.testing.assert_array_equal(gradient[..., 0], constants.ATOM37_MASK[aatype])


def test_pseudo_beta_is_alpha_in_glycine_alone():
    positions = np.random.default_rng(0).normal(size=(21, 5, 3)).astype(np.float32)
    mask = np.random.default_rng(1).integers(0, 2, (21, 5)).astype(np.float32)
    places, known = proteins.pseudo_beta(AATYPE, positions, mask)
    atom = np.where(AATYPE == 7, 1, 3)  # the first atoms of atom37: N, CA, C, CB, O
    np.testing.assert_array_equal(places, positions[AATYPE, atom])
    np.testing.assert_array_equal(known, mask[AATYPE, atom])


def test_embedded_chains_are_whole_short_and_of_different_clusters():
    chains = proteins.open_chains()
    assert len(chains) == 12 and list(chains)[0] == "1GCN_A"
    lengths = [len(chain.aatype) for chain in chains.values()]
    assert lengths == sorted(lengths) and lengths[-1] <= 65
    for name, chain in chains.items():
        assert chain.mask[:, :3].all(), name  # N, CA, C
        assert not chain.positions[chain.mask == 0].any()
        peptide = np.linalg.norm(chain.positions[1:, 0] - chain.positions[:-1, 2], axis=-1)
        assert np.all(np.abs(peptide - 1.33) < 0.1), name
    letters = [proteins.sequence_of(chain) for chain in chains.values()]
    assert letters[0] == "HSQGTFTSDYSKYLDSRRAQDFVQWLMNT"  # glucagon
    assert proteins.cluster_sequences(letters).tolist() == list(range(12))
    full = {n for n, c in chains.items() if np.all(c.mask >= constants.ATOM37_MASK[c.aatype])}
    assert full == {"1GCN_A", "1PSM_A", "2Q2K_A"}


def test_embedded_chains_are_those_of_the_public_files(real_data):
    embedded = proteins.open_chains()
    public = proteins.open_chains("bm5", real_data / "science")
    assert len(public) == 318 and sum(len(c.aatype) for c in public.values()) == 64_692
    glucagon = proteins.read(real_data / "science/af_testdata/glucagon.pdb")
    for name, chain in {**public, "1GCN_A": glucagon}.items():
        if name in embedded:
            np.testing.assert_array_equal(embedded[name].positions, chain.positions)
            np.testing.assert_array_equal(embedded[name].residue_index, chain.residue_index)
            np.testing.assert_array_equal(embedded[name].aatype, chain.aatype)
    assert len(proteins.open_chains("bm5", real_data / "science", max_length=256)) == 228


def test_a_batch_holds_each_chain_and_zeros():
    chains = list(proteins.open_chains(max_length=40).values())
    batch = proteins.pad_chains(chains, length=64, atoms=("N", "CA", "C", "O"))
    assert batch.positions.shape == (len(chains), 64, 4, 3)
    for i, chain in enumerate(chains):
        end = len(chain.aatype)
        np.testing.assert_array_equal(batch.positions[i, :end], chain.positions[:, [0, 1, 2, 4]])
        np.testing.assert_array_equal(batch.residue_index[i, :end], chain.residue_index)
        assert batch.residue_mask[i].sum() == end and not batch.mask[i, end:].any()
        assert not batch.positions[i, end:].any() and np.all(batch.aatype[i, end:] == 20)
    assert proteins.pad_chains(chains).positions.shape == (len(chains), 39, 37, 3)


def test_chains_that_are_not_there_are_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/bm5_unbound_chains.npz").write_bytes(b"PK")
    for arguments, message in (
        (("casp",), "there are no chains 'casp'; there are embedded, bm5"),
        (("bm5",), "or in science/ below \\$JAXDL_DATA: neither is given"),
        (("bm5", tmp_path), "has no bm5_unbound_chains.npz"),
        (("bm5", tmp_path / "other"), "SHA-256 [0-9a-f]*..., should be 05e9f8cde645"),
    ):
        with pytest.raises(BadInput, match=message):
            proteins.open_chains(*arguments)
    assert not proteins.has_bm5() and not proteins.has_bm5(tmp_path)
    with pytest.raises(BadInput, match="no chain of embedded has at most 5 residues"):
        proteins.open_chains(max_length=5)
    chains = list(proteins.open_chains().values())
    with pytest.raises(BadInput, match="12 chains of at most 65 residues in length 64"):
        proteins.pad_chains(chains, length=64)
    with pytest.raises(BadInput, match="0 chains"):
        proteins.pad_chains([])


FAMILY = ["ACDEFGHIKL", "WWACDEFGHY", "RRRRWWACDE", "MNPQRSTVWY"]


def test_relatives_of_relatives_are_in_one_cluster():
    """Words of 4: the first two share 4 of 7, the next two 3 of 7, the first and third 1 of 7."""
    assert proteins.cluster_sequences(FAMILY, threshold=0.3).tolist() == [0, 0, 0, 1]
    assert proteins.cluster_sequences(FAMILY, threshold=0.5).tolist() == [0, 0, 1, 2]
    assert proteins.cluster_sequences(FAMILY, threshold=0.6).tolist() == [0, 1, 2, 3]
    assert proteins.cluster_sequences(["AC", "AC", "CA"]).tolist() == [0, 0, 1]


def mutate(sequence, rng):
    return "".join(rng.choice(list("ACDEFGHIKL")) if rng.uniform() < 0.1 else s for s in sequence)


def test_no_cluster_is_on_both_sides_of_a_split_whatever_the_order():
    rng = np.random.default_rng(0)
    founders = ["".join(rng.choice(list(constants.RESIDUES), 80)) for _ in range(12)]
    family = [mutate(founders[i % 12], rng) for i in range(30)]
    split = proteins.split_by_cluster(family)
    assert split.clusters.max() == 11
    assert not set(split.clusters[split.train]) & set(split.clusters[split.held_out])
    assert sorted([*split.train, *split.held_out]) == list(range(30))
    assert 0 < len(split.held_out) <= 6
    order = rng.permutation(30)
    shuffled = proteins.split_by_cluster([family[i] for i in order])
    assert {family[i] for i in split.held_out} == {family[order[i]] for i in shuffled.held_out}


def test_the_hash_of_the_first_sequence_says_which_cluster_is_held_out():
    apart = ["".join(letter * 8) for letter in "ACDEFGHIKL"]
    split = proteins.split_by_cluster(apart, held_out=0.3)
    first = sorted(range(10), key=lambda i: hashlib.sha256(apart[i].encode()).digest())[:3]
    assert split.held_out.tolist() == sorted(first)
    tiny = proteins.split_by_cluster(apart, held_out=0.01)
    assert len(tiny.held_out) == 1


def test_splits_that_leave_nothing_are_refused():
    with pytest.raises(BadInput, match="2 sequences in 1 cluster: none to hold out"):
        proteins.split_by_cluster(["ACDEFG", "ACDEFG"])
    with pytest.raises(BadInput, match="the share to hold out lies between 0 and 1, got 1"):
        proteins.split_by_cluster(FAMILY, held_out=1.0)
