"""The whole net: beside DeepMind's, padded, in bfloat16; names of the published parameters."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from jaxdl.science.alphafold import (
    AlphaFold,
    Features,
    Sizes,
    Without,
    blank_example,
    find_templates,
    init_params,
    to_params,
)
from jaxdl.science.alphafold.atoms import atom14_to_atom37
from jaxdl.science.alphafold.features import Sampling, draw_features
from jaxdl.science.alphafold.recycling import nothing_yet, recycle, recycle_in_training
from tests.science.alphafold.golden import drawn

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

    @jax.jit
    def run(params, features):
        length = features.mask.shape[-1]
        draw = lambda i: jax.tree.map(lambda x: x[i], features)  # noqa: E731
        return recycle(NET, params, draw, drawn.PASSES - 1, length)[0]

    return run


def test_the_whole_net_says_what_deepminds_says(golden, params, run):
    batch = drawn.make_batch()
    with jax.default_matmul_precision("highest"):
        found = run(params, features_of(batch))
    there = batch["seq_mask"][0] > 0
    pairs = there[:, None] & there
    positions = atom14_to_atom37(found.structure.positions14, batch["aatype"][0])
    for name, mine, where in [
        ("pair", found.recycled.pair, pairs),
        ("distogram", found.distogram, pairs),
        ("masked_msa", jnp.swapaxes(found.masked_msa, 0, 1), there),
        ("plddt", found.plddt, there),
        ("pae", found.pae, pairs),
        ("resolved", found.resolved, there),
        ("positions", positions, there),
    ]:
        theirs = golden[name]
        theirs = np.swapaxes(theirs, 0, 1) if name == "masked_msa" else theirs
        scale = np.abs(theirs[where]).max()
        assert_allclose(mine[where] / scale, theirs[where] / scale, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["model_1", "model_3", "model_1_ptm"])
def test_all_published_names_are_known(name):
    shapes = json.loads((GOLDEN / "parameter_names.json").read_text())
    sizes = Sizes(templates=name != "model_3", pae=name == "model_1_ptm")
    if name != "model_1_ptm":
        shapes = {n: x for n, x in shapes.items() if "predicted_aligned_error" not in n}
    if name == "model_3":
        shapes = {n: x for n, x in shapes.items() if "/template" not in n}
    expected = jax.eval_shape(partial(init_params, AlphaFold(sizes)), jax.random.key(0))
    arrays = {n: np.broadcast_to(np.float32(0), x) for n, x in shapes.items()}
    found = to_params(arrays, expected)
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, expected)
