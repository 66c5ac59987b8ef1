"""The whole net: beside DeepMind's, padded, in bfloat16; names of the published parameters."""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from numpy.testing import assert_allclose

from jaxdl.science.alphafold import (
    AlphaFold,
    Features,
    Sizes,
    Without,
    find_templates,
    init_params,
    to_params,
)
from jaxdl.science.alphafold.network import TrunkOutputs, average
from jaxdl.science.alphafold.recycling import nothing_yet, recycle, recycle_in_training
from jaxdl.science.proteins import atom37_from_atom14
from tests.science.alphafold.golden import drawn

CA = 1  # of atom37
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
GOLDEN = Path(__file__).parent / "golden"
SMALL = {name: size for name, size in drawn.SMALL.items() if name != "template_heads"}
NET = AlphaFold(Sizes(**SMALL, templates=True, pae=True), remat=False)


def features_of(batch):
    """Lays out DeepMind's features [passes, ...] as ours [passes, 1, ...]."""
    letters = np.eye(23, dtype=np.float32)[batch["extra_msa"]]
    numbers = np.stack([batch["extra_has_deletion"], batch["extra_deletion_value"]], -1)
    templates = [
        find_templates(
            batch["template_aatype"][i],
            batch["template_all_atom_positions"][i],
            batch["template_all_atom_masks"][i],
            batch["template_mask"][i],
        )
        for i in range(drawn.PASSES)
    ]
    features = Features(
        aatype=batch["aatype"],
        residue_index=batch["residue_index"],
        mask=batch["seq_mask"],
        target_feat=batch["target_feat"],
        msa_feat=batch["msa_feat"],
        msa_mask=batch["msa_mask"],
        true_msa=np.zeros_like(batch["msa_mask"], np.int32),
        bert_mask=np.zeros_like(batch["msa_mask"]),
        extra_msa_feat=np.concatenate([letters, numbers], -1),
        extra_msa_mask=batch["extra_msa_mask"],
        templates=jax.tree.map(lambda *x: jnp.stack(x), *templates),
    )
    return jax.tree.map(lambda x: jnp.asarray(x)[:, None], features)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "network.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def params(golden):
    shapes = json.loads(str(golden["shapes"]))
    expected = jax.eval_shape(partial(init_params, NET), jax.random.key(0))
    return to_params(drawn.draw_parameters(shapes), expected)


@pytest.fixture(scope="module")
def run():
    """Parameters and features [passes, 1, ...] -> the last pass's outputs."""

    @jit
    def run(params, features):
        length = features.mask.shape[-1]
        draw = lambda i: jax.tree.map(lambda x: x[i], features)  # noqa: E731
        with jax.default_matmul_precision("highest"):
            return recycle(NET, params, draw, drawn.PASSES - 1, length)[0]

    return run


def test_the_whole_net_says_what_deepminds_says(golden, params, run):
    batch = drawn.make_batch()
    found = run(params, features_of(batch))
    there = batch["seq_mask"][0] > 0
    pairs = there[:, None] & there
    for name, mine, where in [
        ("pair", found.recycled.pair, pairs),
        ("distogram", found.distogram, pairs),
        ("masked_msa", found.masked_msa, np.broadcast_to(there, (drawn.SEQUENCES, drawn.LENGTH))),
        ("plddt", found.plddt, there),
        ("pae", found.pae, pairs),
        ("resolved", found.resolved, there),
    ]:
        scale = np.abs(golden[name][where]).max()
        assert_allclose(mine[where] / scale, golden[name][where] / scale, atol=1e-5, err_msg=name)
    positions = atom37_from_atom14(found.structure.positions14, jnp.array(batch["aatype"][0]))
    assert_allclose(positions[there, CA], golden["positions"][there, CA], atol=1e-3)
    # Ideal residues are built of other tables of bonds and angles than DeepMind's.
    assert_allclose(positions[there], golden["positions"][there], atol=0.1)


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3"])
def test_all_published_names_are_known(name):
    shapes = json.loads((GOLDEN / "parameter_names.json").read_text())
    whole = name == "model_1_ptm"  # model_1 lacks its head of aligned errors, model_3 templates too
    if not whole:
        lacks = "predicted_aligned_error", "/template"
        shapes = {n: x for n, x in shapes.items() if not any(part in n for part in lacks)}
    net = AlphaFold(Sizes(templates=whole, pae=whole))
    expected = jax.eval_shape(partial(init_params, net), jax.random.key(0))
    arrays = {n: np.broadcast_to(np.float32(0), x) for n, x in shapes.items()}
    found = to_params(arrays, expected)
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, expected)


def unpadded_templates():
    """Returns the drawn batch without what its templates have at the padding."""
    batch = drawn.make_batch()
    there = batch["seq_mask"][:, None, :, None]
    return batch | {"template_all_atom_masks": batch["template_all_atom_masks"] * there}


def test_what_stands_in_the_padding_changes_nothing(params, run):
    batch = unpadded_templates()
    other = dict(batch)
    rng = np.random.default_rng(1)
    for name, axis in [("aatype", 1), ("target_feat", 1), ("msa_feat", 2), ("extra_msa", 2)]:
        other[name] = batch[name].copy()
        last = (slice(None),) * axis + (-1,)
        other[name][last] = rng.integers(0, 20, other[name][last].shape)
    compare_without_padding(run(params, features_of(batch)), run(params, features_of(other)))


@pytest.mark.slow
def test_a_chain_alone_is_what_it_is_padded(params, run):
    batch, cut = unpadded_templates(), {}
    for name, x in batch.items():
        axes = [i for i, size in enumerate(x.shape) if size == drawn.LENGTH]
        cut[name] = np.take(x, np.arange(drawn.LENGTH - 1), axis=axes[0]) if axes else x
    compare_without_padding(run(params, features_of(batch)), run(params, features_of(cut)))


def compare_without_padding(mine, other):
    """Compares what is said of all residues but the last one, which the other may lack."""
    keep = slice(drawn.LENGTH - 1)
    pairs = [x.distogram[keep, keep] for x in (mine, other)]
    places = [x.structure.positions14[keep] for x in (mine, other)]
    assert_allclose(*pairs, rtol=1e-5, atol=1e-3)  # of logits up to 270
    assert_allclose(*places, atol=1e-3)


@pytest.mark.slow
def test_bfloat16_and_chunks_are_close(params):
    features = jax.tree.map(lambda x: x[0], features_of(drawn.make_batch()))

    def first_pass(**rest):
        net = NET.clone(**rest)
        return jit(net.apply)({"params": params}, features, nothing_yet(net, drawn.LENGTH))

    whole, chunks, half = first_pass(), first_pass(chunk=4), first_pass(dtype=jnp.bfloat16)
    scale = jnp.std(whole.distogram)
    assert_allclose(chunks.distogram / scale, whole.distogram / scale, atol=1e-5)
    error = jnp.sqrt(jnp.mean((half.distogram - whole.distogram) ** 2)) / scale
    assert 1e-4 < error < 0.05
    moved = half.structure.frames.translation - whole.structure.frames.translation
    assert jnp.sqrt(jnp.mean(moved[..., :-1, :] ** 2)) < 0.5  # Angstrom


def test_parts_are_left_out(params):
    net = AlphaFold(Sizes(**SMALL), Without(ipa=True, triangles=True, pair_bias=True))
    shapes = jax.eval_shape(partial(init_params, net), jax.random.key(0))
    whole, rest = ("\n".join(flatten_dict(tree, sep="/")) for tree in (params, shapes))
    assert "triangle" in whole and "point_weights" in whole
    assert "triangle" not in rest and "point" not in rest and "distance_weights" in rest


class Toy:
    """A net of one number w, which makes w x + 1 of each recycled x."""

    sizes, dtype, dropout, without = Sizes(c_m=1, c_z=1), jnp.float32, False, Without()

    def apply(self, variables, features, recycled, deterministic=True, rngs=None):
        return Said(jax.tree.map(lambda x: variables["params"] * x + features.mask, recycled))


class Said(NamedTuple):
    """Stands for `Outputs`."""

    recycled: Any


@pytest.mark.parametrize(("passes", "value", "slope"), [(1, 1, 0), (2, 3, 1), (4, 15, 7)])
def test_gradients_see_the_last_pass_alone(passes, value, slope):
    one = NamedTuple("Mask", [("mask", jax.Array)])(jnp.ones(1))

    def last(w):
        key = jax.random.key(0)
        outputs, _ = recycle_in_training(Toy(), w, lambda i: one, passes, 1, key)
        return outputs.recycled.first_row[0, 0]

    # r = w r + 1 from 0 with w = 2: 1, 3, 7, 15; by w in the last pass: the r before it.
    assert_allclose(jax.value_and_grad(last)(2.0), (value, slope))


class ToyTrunk(nn.Module):
    """Says w x of a feature x, four times."""

    @nn.compact
    def __call__(self, features, recycled, deterministic):
        x = self.param("w", nn.initializers.constant(2.0), ()) * features.mask
        return TrunkOutputs(x, x, x, x)


class Averaged(nn.Module):
    """Averages the toy's words over draws."""

    @nn.compact
    def __call__(self, features):
        return average(ToyTrunk(name="toy"), features, (), True)


def test_representations_are_averaged_over_draws_but_for_the_alignments():
    drawn_thrice = NamedTuple("Mask", [("mask", jax.Array)])(jnp.float32([[1], [2], [6]]))
    found, variables = Averaged().init_with_output(jax.random.key(0), drawn_thrice)
    assert_allclose(variables["params"]["toy"]["w"], 2)
    assert_allclose([found.first_row, found.pair, found.single], 6)
    assert_allclose(found.msa, 2)
