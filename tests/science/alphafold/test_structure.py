"""Algorithm 20: DeepMind's values and gradients, masks, padding, dropout."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science.alphafold import (
    BackboneUpdate,
    InvariantPointAttention,
    StructureModule,
    to_params,
)
from jaxdl.science.geometry import identity_rigid
from tests.science.alphafold.golden.drawn import STRUCTURE, draw_parameters, draw_structure

ATTENTION = partial(
    InvariantPointAttention, num_heads=STRUCTURE["heads"], channels=STRUCTURE["channels"],
    query_points=STRUCTURE["points"], value_points=STRUCTURE["points"],
)  # fmt: skip
NET = StructureModule(STRUCTURE["layers"], STRUCTURE["c_torsion"], attention=ATTENTION)
(S, Z, AATYPE, MASK), WEIGHTS = draw_structure()
SEEN = MASK > 0


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "golden/structure.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def params(golden):
    return to_params(draw_parameters(json.loads(str(golden["shapes"]))), scope="structure_module")


@jax.jit
def run(params, s, z, mask):
    def score(params, s, z):
        told = NET.apply({"params": params}, s, z, AATYPE, mask)
        found = told.single, told.frames.translation, told.raw_angles, told.positions14
        found = dict(zip(WEIGHTS, found, strict=True))
        return sum(jnp.sum(WEIGHTS[name] * x) for name, x in found.items()), found

    return jax.grad(score, argnums=(0, 1, 2), has_aux=True)(params, s, z)


def assert_near(ours, theirs, scale=None):
    limit = 1e-5 * (np.max(np.abs(theirs)) if scale is None else scale)
    np.testing.assert_allclose(ours, theirs, atol=limit)


def test_values_and_gradient_are_deepminds(golden, params):
    (by_params, by_s, by_z), found = run(params, S, Z, MASK)
    for name, x in found.items():
        axis = 1 if name in ("origins", "raw_angles") else 0
        assert_near(*(np.compress(SEEN, y, axis) for y in (x, golden[name])))
    assert_near(by_s, golden["by_s"])
    assert_near(by_z, golden["by_z"])
    theirs = {name[3:]: x for name, x in golden.items() if name.startswith("by ")}
    theirs = to_params(theirs, by_params, scope="structure_module")
    largest = max(np.max(np.abs(x)) for x in jax.tree.leaves(theirs))
    jax.tree.map(
        lambda x, y: assert_near(x, y, max(np.max(np.abs(y)), 0.1 * largest)), by_params, theirs
    )


def test_masked_residues_are_seen_by_nobody(params):
    s, z = S.copy(), Z.copy()
    s[~SEEN], z[~SEEN], z[:, ~SEEN] = 9.0, 9.0, 9.0
    _, found = run(params, S, Z, MASK)
    _, same = run(params, s, z, MASK)
    np.testing.assert_array_equal(same["positions14"][SEEN], found["positions14"][SEEN])
    np.testing.assert_array_equal(same["origins"][:, SEEN], found["origins"][:, SEEN])


def test_no_nan_without_any_residue_and_at_the_origin(params):
    nothing = jax.tree.map(np.zeros_like, params)  # all frames stay where they are, as at first
    for found in (
        run(params, S, Z, 0 * MASK),
        run(nothing, S, Z, MASK),
        run(nothing, 0 * S, Z, MASK),
    ):
        assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(found))


@pytest.mark.slow
def test_dropout_draws_anew_for_each_layer(params):
    def told(key):
        args = S, Z, AATYPE, MASK, False
        return NET.apply({"params": params}, *args, rngs={"dropout": key}).positions14

    one, other = jax.jit(jax.vmap(told))(jax.random.split(jax.random.key(0), 2))
    _, still = run(params, S, Z, MASK)
    assert np.max(np.abs(one - other)) > 0.1 < np.max(np.abs(one - still["positions14"]))


def test_the_first_update_moves_nothing():
    frames, key = identity_rigid((7,)), jax.random.key(0)
    moved, _ = jax.jit(BackboneUpdate().init_with_output)(key, S, frames)
    jax.tree.map(np.testing.assert_array_equal, moved, frames)
    added, params = jax.jit(ATTENTION().init_with_output)(key, S, Z, frames, MASK)
    assert not np.any(added)
    np.testing.assert_allclose(jax.nn.softplus(params["params"]["point_weights"]), 1, rtol=1e-6)
