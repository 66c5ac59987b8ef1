"""DeepMind's structure module, losses and tables, and what both sides are given."""

import importlib
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science.geometry import Rigid, rotation_from_quaternion
from jaxdl.science.proteins import constants, stereochemistry
from jaxdl.science.proteins import rigid_groups as ideal
from tests.science.alphafold.deepmind import compare, open_oracle, relative_error

N, C_S, C_Z = 23, 24, 20
LIMIT = 2e-5  # relative; float32 sums of some hundred terms
AATYPE = np.int32([*range(20), 3, 6, 13])
INDEX = np.int32([*range(9), *range(12, 26)])
MASK = np.float32(~np.isin(np.arange(N), [3, 11, 12]))
HEADS = {  # class there -> (its config, what it reads, shape, module here)
    "PredictedLDDTHead": ("predicted_lddt", "structure_module", (N,), "PredictPerResidueLDDT"),
    "PredictedAlignedErrorHead": ("predicted_aligned_error", "pair", (N, N), "PredictAlignedError"),
    "DistogramHead": ("distogram", "pair", (N, N), "DistogramHead"),
    "MaskedMsaHead": ("masked_msa", "msa", (5, N), "MaskedMSAHead"),
    "ExperimentallyResolvedHead": ("experimentally_resolved", "single", (N,), "PredictResolved"),
}


def open_peer(monkeypatch):
    """Modules of the checkout by name, with our ideal residues, and what else is needed of it."""
    oracle = open_oracle()
    names = "folding all_atom quat_affine r3 modules".split()
    found = {name: importlib.import_module(f"alphafold.model.{name}") for name in names}
    found["constants"] = importlib.import_module("alphafold.common.residue_constants")
    found["confidence"] = importlib.import_module("alphafold.common.confidence")
    tables = {
        "restype_atom14_to_rigid_group": ideal.GROUP_OF_ATOM14,
        "restype_atom14_rigid_group_positions": ideal.ATOM14_IN_GROUP,
        "restype_rigid_group_default_frame": ideal.GROUP_FRAMES,
        "make_atom14_dists_bounds": distance_bounds,
    }
    for name, table in tables.items():
        monkeypatch.setattr(found["constants"], name, table)
    heads = oracle.config.heads.copy_and_resolve_references()
    heads.unlock()
    heads.structure_module.num_channel = C_S
    config = oracle.config.global_config.copy_and_resolve_references()
    config.unlock()
    config.update(deterministic=True, zero_init=False)
    return SimpleNamespace(**found, haiku=oracle.haiku, heads=heads, config=config)


def distance_bounds(overlap_tolerance, bond_length_tolerance_factor):
    """Bounds of distances within residues of our tables, as their code expects them."""
    mean, deviation = stereochemistry.RESTRAINED_DISTANCE, stereochemistry.RESTRAINT_DEVIATION
    radii, mask = constants.RADII, constants.ATOM14_MASK
    exists = mask[:, :, None] * mask[:, None] * (1 - np.eye(14))
    slack, free = bond_length_tolerance_factor * deviation, mean == 0
    lower = np.where(free, radii[:, :, None] + radii[:, None] - overlap_tolerance, mean - slack)
    upper = np.where(free, 1e10, mean + slack)
    return {"lower_bound": np.float32(exists * lower), "upper_bound": np.float32(exists * upper)}


def draw(rng, *shape):
    return np.float32(rng.normal(size=shape))


def draw_frames(rng, *shape):
    turns = rotation_from_quaternion(jnp.asarray(draw(rng, *shape, 4)))
    return Rigid(turns, jnp.asarray(8 * draw(rng, *shape, 3) + np.float32([20, 3, -5])))


def to_r3(peer, frames):
    rows = [frames.rotation[..., i, j] for i in range(3) for j in range(3)]
    return peer.r3.Rigids(peer.r3.Rots(*rows), peer.r3.vecs_from_tensor(frames.translation))


def flat12(frames):
    rows = frames.rotation.reshape(*frames.translation.shape[:-1], 9)
    return jnp.concatenate([rows, frames.translation], -1)


def assert_same(name, theirs, ours, *args):
    """Compares scalars and their gradients."""
    numbers = tuple(range(len(args)))
    with jax.default_matmul_precision("highest"):
        runs = [jax.jit(jax.value_and_grad(fn, argnums=numbers)) for fn in (theirs, ours)]
        (value, gradient), (our_value, our_gradient) = (run(*args) for run in runs)
    errors = relative_error(our_value, value), relative_error(our_gradient, gradient)
    print(name, f"value {errors[0]:.1e}, gradient {errors[1]:.1e}")
    assert max(errors) < LIMIT


def assert_same_module(peer, name, theirs, ours, inputs, masks=()):
    errors = compare(peer, theirs, ours, name, inputs, masks)
    print(name, {key: f"{error:.1e}" for key, error in errors.items()})
    assert max(errors.values()) < LIMIT
