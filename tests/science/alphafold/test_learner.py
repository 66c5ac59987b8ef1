"""Loss, gradients of chains, averages of parameters, embeddings and scores by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jaxdl.science.alphafold import TRAINING, Features, Weights, alphafold_loss, chain_examples
from jaxdl.science.alphafold.embedding import distance_bins, one_hot
from jaxdl.science.alphafold.judge import correlation, judge
from jaxdl.science.alphafold.learner import Average, average_gradients, distill, track
from jaxdl.science.alphafold.loss import find_truth
from jaxdl.science.alphafold.network import Outputs
from jaxdl.science.alphafold.recycling import Prediction
from jaxdl.science.alphafold.structure import Structure
from jaxdl.science.geometry import Rigid, apply
from jaxdl.science.proteins import open_chains, pad_chains

LENGTH = 32
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@pytest.fixture(scope="module")
def example():
    """Glucagon, with three residues of padding."""
    chain = next(iter(open_chains("embedded", max_length=29).values()))
    return jax.tree.map(lambda x: jnp.asarray(x[0]), chain_examples(pad_chains([chain], length=32)))


def perfect(example, motion):
    """What a net says that knows the structure, moved as a whole, and is sure of nothing else."""
    truth = find_truth(example)
    place = lambda x: Rigid(motion.rotation @ x.rotation, apply(motion, x.translation))  # noqa: E731
    groups = place(truth.groups.frames)
    layers = jax.tree.map(lambda x: jnp.stack([x[:, 0]] * 2), groups)
    angles = jnp.stack([truth.torsions.angles] * 2)
    structure = Structure(
        jnp.zeros((LENGTH, 4)), layers, angles, angles, groups, apply(motion, truth.positions14)
    )
    return Outputs(
        structure,
        recycled=(),
        distogram=jnp.zeros((LENGTH, LENGTH, 64)),
        masked_msa=jnp.zeros((1, LENGTH, 23)),
        plddt=jnp.zeros((LENGTH, 50)),
        resolved=jnp.zeros((LENGTH, 37)),
        pae=jnp.zeros((LENGTH, LENGTH, 64)),
    )


def blank_features():
    asked = jnp.zeros((1, LENGTH)).at[0, 3].set(1)
    return Features(*[None] * 6, true_msa=jnp.zeros((1, LENGTH), int), bert_mask=asked,
                    extra_msa_feat=None, extra_msa_mask=None)  # fmt: skip


def test_the_loss_of_a_perfect_structure_is_what_the_blind_heads_lose(example):
    turn = jnp.float32([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    outputs = perfect(example, Rigid(turn, jnp.float32([5, -3, 40])))
    weights = Weights(pae=0.1)
    loss, parts = jit(alphafold_loss, static_argnums=3)(outputs, blank_features(), example, weights)
    assert parts["fape"] < 0.002 and parts["backbone"] < 0.002  # sqrt(epsilon) of algorithm 28
    assert parts["torsion"] < 1e-2
    blind = {"distogram": 64, "masked_msa": 23, "confidence": 50, "pae": 64}
    for name, bins in blind.items():
        assert_allclose(parts[name], np.log(bins), rtol=1e-4)
    eq_7 = sum(getattr(weights, name) * parts[name] for name in [*blind, "fape", "aux"])
    assert_allclose(loss, np.sqrt(29) * eq_7, rtol=1e-5)
    assert "violation" not in parts and "resolved" not in parts
    assert TRAINING.violation == 0


def test_gradients_are_clipped_chain_by_chain():
    gradients = {"a": jnp.float32([[3, 0], [0.3, 0]]), "b": jnp.float32([4, 0.4])}  # norms 5, 0.5
    found = average_gradients(gradients, 1.0)
    assert_allclose(found["a"], [(3 / 5 + 0.3) / 2, 0])
    assert_allclose(found["b"], (4 / 5 + 0.4) / 2)
    assert_allclose(average_gradients(gradients, None)["b"], 2.2)


def test_averages_forget_the_first_parameters():
    average = Average(jnp.float32(100), jnp.int32(0))
    for params in (1.0, 2.0):
        average = track(average, jnp.float32(params), 0.999)
    first = 0.1 * 100 + 0.9 * 1
    assert_allclose(average.params, 2 / 11 * first + 9 / 11 * 2, rtol=1e-6)
    late = track(Average(jnp.float32(1), jnp.int32(10**6)), jnp.float32(2), 0.999)
    assert_allclose(late.params, 1.001, rtol=1e-6)


def test_bins_of_distances():
    x = np.float32([[0, 0, 0], [4, 0, 0], [100, 0, 0]])
    found = distance_bins(x, 3.25, 20.75, 15)
    assert_array_equal(jnp.sum(found, -1), 1 - np.eye(3))  # shorter than all bins: in none
    assert jnp.argmax(found[0, 1]) == 0  # 3.25 to 4.5
    assert jnp.argmax(found[0, 2]) == 14
    assert_array_equal(one_hot(jnp.array([-40, -3, 2]), jnp.arange(-3, 4)), np.eye(7)[[0, 0, 5]])


def test_predictions_are_judged(example):
    motion = Rigid(jnp.float32([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), jnp.float32([1, 2, 3]))
    moved = apply(motion, example.positions)
    told = Prediction(
        positions=moved,
        atom_mask=example.atom_mask,
        plddt=jnp.full(LENGTH, 90.0),
        distogram=jnp.zeros((LENGTH, LENGTH, 64)),
        pae=(),
        ptm=(),
        trajectory=moved[None, None, :, 1],
        cycle_plddt=jnp.full((1, LENGTH), 90.0),
    )
    judged = jit(judge)(example, told)
    there = example.atom_mask[:, 1] > 0
    assert_allclose([judged.lddt, judged.tm], 1, atol=1e-4)
    assert judged.rmsd < 1e-2
    assert_allclose(judged.told[there], example.positions[there, 1], atol=1e-3)
    assert_allclose(judged.trajectory[0, 0, there], example.positions[there, 1], atol=1e-3)
    assert_allclose(judged.contact, 19 / 64, rtol=1e-5)  # 19 of 64 bins end below 8 Angstrom

    pseudo = distill(example, told._replace(plddt=told.plddt.at[4].set(20)))
    assert_allclose(pseudo.positions, moved)
    assert jnp.sum(pseudo.atom_mask[4]) == 0 and jnp.sum(pseudo.atom_mask[5]) > 0


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 5))
    mask = rng.random((3, 5)) < 0.7
    expected = np.corrcoef(x[mask], y[mask])[0, 1]
    assert_allclose(correlation(x, y, mask.astype(np.float32)), expected, rtol=1e-5)


def test_the_optimizer_takes_what_is_clipped():
    tree = average_gradients({"a": jnp.ones((2, 4))}, 0.1)
    assert_allclose(optax.tree.norm(tree), 0.1, rtol=1e-5)
