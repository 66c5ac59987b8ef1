"""Algorithms 20 to 29 beside DeepMind's own code: value and gradient, everything drawn anew."""

import importlib
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import alphafold
from jaxdl.science.alphafold import violations as violations_file
from jaxdl.science.geometry import Rigid, rotation_from_quaternion
from jaxdl.science.proteins import constants, stereochemistry
from jaxdl.science.proteins import rigid_groups as ideal
from tests.science.alphafold.deepmind import compare, open_oracle, relative_error

N, C_S, C_Z = 23, 24, 20
LIMIT = 2e-5  # relative; float32 sums of some hundred terms
AATYPE = np.int32([*range(20), 3, 6, 13])
INDEX = np.int32([*range(9), *range(12, 26)])
MASK = np.float32(~np.isin(np.arange(N), [3, 11, 12]))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def oracle():
    return open_oracle()


@pytest.fixture
def peer(oracle, monkeypatch):
    """Modules of the checkout by name, with our ideal residues, and what else is needed of it."""
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


def test_invariant_point_attention(peer):
    net = alphafold.InvariantPointAttention()
    seen = MASK[:, None]

    def theirs(inputs, masks):
        s, z, turns, origins = inputs
        module = peer.folding.InvariantPointAttention(peer.heads.structure_module, peer.config)
        affine = peer.quat_affine.QuatAffine(None, origins, turns, unstack_inputs=True)
        return seen * module(s, z, seen, affine)

    def apply(params, s, z, turns, origins):
        return seen * net.apply(params, s, z, Rigid(turns, origins), MASK)

    def init(key, s, z, turns, origins):
        return net.init(key, s, z, Rigid(turns, origins), MASK)

    rng = np.random.default_rng(0)
    turns, origins = draw_frames(rng, N)
    inputs = draw(rng, N, C_S), draw(rng, N, N, C_Z), turns, origins / 10
    ours = SimpleNamespace(init=init, apply=apply)
    assert_same_module(peer, "invariant_point_attention", theirs, ours, inputs)


def test_structure_module(peer):
    net = alphafold.StructureModule()

    def keep(tree):
        def hide(x):  # residues stand along the first axis, or the second one after the layers
            shape = [1] * x.ndim
            shape[x.shape.index(N)] = N
            return x * MASK.reshape(shape)

        return jax.tree.map(hide, tree)

    def theirs(inputs, masks):
        batch = {
            "seq_mask": MASK,
            "aatype": AATYPE,
            "atom14_atom_exists": constants.ATOM14_MASK[AATYPE],
            "atom37_atom_exists": constants.ATOM37_MASK[AATYPE],
            "residx_atom37_to_atom14": constants.ATOM14_OF_ATOM37[AATYPE],
        }
        module = peer.folding.StructureModule(peer.heads.structure_module, peer.config)
        out = module({"single": inputs[0], "pair": inputs[1]}, batch, is_training=False)
        turns = peer.quat_affine.QuatAffine.from_tensor(out["traj"]).rotation
        side = out["sidechains"]
        return keep((
            out["representations"]["structure_module"],
            jnp.stack([jnp.stack(row, -1) for row in turns], -2),
            out["traj"][..., 4:],
            side["angles_sin_cos"],
            side["unnormalized_angles_sin_cos"],
            peer.r3.rigids_to_tensor_flat12(side["frames"])[-1],
            out["final_atom14_positions"],
            out["final_atom_positions"],
        ))  # fmt: skip

    def apply(params, s, z):
        found = net.apply(params, s, z, AATYPE, MASK)
        positions37 = alphafold.atom14_to_atom37(found.positions14, AATYPE)
        frames = found.frames.rotation, found.frames.translation
        angles = found.angles, found.raw_angles
        places = flat12(found.groups), found.positions14, positions37
        return keep((found.single, *frames, *angles, *places))

    def init(key, s, z):
        return net.init(key, s, z, AATYPE, MASK)

    rng = np.random.default_rng(1)
    inputs = draw(rng, N, C_S), draw(rng, N, N, C_Z)
    ours = SimpleNamespace(init=init, apply=apply)
    assert_same_module(peer, "structure_module", theirs, ours, inputs)


HEADS = {  # class there -> (its config, what it reads, shape, module here)
    "PredictedLDDTHead": ("predicted_lddt", "structure_module", (N,), "PredictPerResidueLDDT"),
    "PredictedAlignedErrorHead": ("predicted_aligned_error", "pair", (N, N), "PredictAlignedError"),
    "DistogramHead": ("distogram", "pair", (N, N), "DistogramHead"),
    "MaskedMsaHead": ("masked_msa", "msa", (5, N), "MaskedMSAHead"),
    "ExperimentallyResolvedHead": ("experimentally_resolved", "single", (N,), "PredictResolved"),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(peer, name):
    config, of, shape, ours = HEADS[name]

    def theirs(inputs, masks):
        module = getattr(peer.modules, name)(peer.heads[config], peer.config)
        return module({of: inputs[0]}, {}, False)["logits"]

    inputs = (draw(np.random.default_rng(2), *shape, C_S),)
    assert_same_module(peer, f"{config}_head", theirs, getattr(alphafold, ours)(), inputs)


@pytest.mark.parametrize("clamp", [10.0, 30.0, None])
def test_fape(peer, clamp):
    rng = np.random.default_rng(3)
    frames, true = draw_frames(rng, 17), draw_frames(rng, 17)
    points, true_points = 8 * draw(rng, 2, 31, 3) + np.float32([20, 3, -5])
    masks = np.float32(rng.random(17) < 0.8), np.float32(rng.random(31) < 0.8)

    def theirs(frames, points):
        return peer.all_atom.frame_aligned_point_error(
            to_r3(peer, frames), to_r3(peer, true), masks[0], peer.r3.vecs_from_tensor(points),
            peer.r3.vecs_from_tensor(true_points), masks[1], 10.0, clamp,
        )  # fmt: skip

    def ours(frames, points):
        return alphafold.fape(frames, true, masks[0], points, true_points, masks[1], clamp=clamp)

    assert_same(f"fape {clamp}", theirs, ours, frames, points)


@pytest.fixture
def known(peer):
    """A structure whose atoms are known in part, as both sides see it."""
    rng = np.random.default_rng(4)
    angles = draw(rng, N, 7, 2)
    angles = angles / np.linalg.norm(angles, axis=-1, keepdims=True)
    _, positions = alphafold.compute_all_atom_coordinates(draw_frames(rng, N), angles, AATYPE)
    positions = np.asarray(positions) + 0.1 * draw(rng, N, 14, 3)
    mask = np.float32(constants.ATOM14_MASK[AATYPE] * (rng.random((N, 14)) < 0.9))
    spread = [alphafold.atom14_to_atom37(jnp.asarray(x), AATYPE) for x in (positions, mask)]
    torsions = alphafold.torsion_angles(AATYPE, *spread)
    groups = alphafold.rigid_groups(AATYPE, *spread)
    theirs = peer.all_atom.atom37_to_frames(AATYPE, *spread)
    other = np.asarray(peer.all_atom.RENAMING_MATRICES)[AATYPE]
    batch = {
        "aatype": AATYPE,
        "seq_mask": MASK,
        "residue_index": INDEX,
        "atom14_gt_positions": positions,
        "atom14_gt_exists": mask,
        "atom14_alt_gt_positions": np.einsum("nai,naj->nji", positions, other),
        "atom14_alt_gt_exists": np.einsum("na,naj->nj", mask, other),
        "atom14_atom_is_ambiguous": constants.AMBIGUOUS_ATOM14[AATYPE],
        "atom14_atom_exists": constants.ATOM14_MASK[AATYPE] * MASK[:, None],
        "residx_atom14_to_atom37": constants.ATOM37_OF_ATOM14[AATYPE],
        **theirs,
    }
    return SimpleNamespace(
        rng=rng, positions=positions, mask=mask, spread=spread, torsions=torsions, groups=groups,
        batch=batch,
    )  # fmt: skip


def test_torsions_and_groups_of_known_structures(peer, known):
    theirs = peer.all_atom.atom37_to_torsion_angles(AATYPE[None], *(x[None] for x in known.spread))
    kept = known.torsions.mask[..., None]
    pairs = {
        "torsion_angles_mask": known.torsions.mask,
        "torsion_angles_sin_cos": known.torsions.angles,
        "alt_torsion_angles_sin_cos": known.torsions.alternative,
    }
    for name, found in pairs.items():
        weight = kept if found.ndim == 3 else 1
        assert relative_error(weight * found, weight * theirs[name][0]) < LIMIT
    there, batch = known.groups.mask[..., None], known.batch
    np.testing.assert_array_equal(known.groups.mask, batch["rigidgroups_gt_exists"])
    for name, found in {"gt": known.groups.frames, "alt_gt": known.groups.alternative}.items():
        expected = there * batch[f"rigidgroups_{name}_frames"]
        assert relative_error(there * flat12(found), expected) < LIMIT


def test_renaming_and_the_error_of_all_atoms(peer, known):
    rng, batch = known.rng, known.batch
    is_other = rng.random((N, 1, 1)) < 0.5
    predicted = np.where(is_other, batch["atom14_alt_gt_positions"], known.positions)
    predicted = predicted + draw(rng, N, 14, 3)
    truth = peer.folding.compute_renamed_ground_truth(batch, predicted)
    positions, mask, frames = alphafold.rename_symmetric_ground_truth_atoms(
        AATYPE, predicted, known.positions, known.mask, known.groups
    )
    assert np.sum(truth["alt_naming_is_better"]) > 0
    np.testing.assert_array_equal(mask, truth["renamed_atom14_gt_exists"])
    expected = truth["renamed_atom14_gt_positions"] * mask[..., None]
    assert relative_error(positions * mask[..., None], expected) < 1e-6

    def theirs(groups, points):
        add_layer = lambda tree: jax.tree.map(lambda x: x[None], tree)  # noqa: E731
        side = {
            "frames": add_layer(to_r3(peer, groups)),
            "atom_pos": add_layer(peer.r3.vecs_from_tensor(points)),
        }
        value = truth | {"sidechains": side}
        return peer.folding.sidechain_loss(batch, value, peer.heads.structure_module)["loss"]

    def ours(groups, points):
        args = groups, points, frames, known.groups.mask, positions, mask
        return alphafold.side_chain_fape(*args)

    groups = draw_frames(rng, N, 8)
    points = groups.translation[:, :1] + draw(rng, N, 14, 3)
    assert_same("side chain fape", theirs, ours, groups, points)


def test_torsion_loss(peer, known):
    angles = known.torsions.angles[:, 3:]
    batch = {
        "seq_mask": MASK,
        "aatype": AATYPE,
        "chi_mask": known.torsions.mask[:, 3:],
        "chi_angles": jnp.arctan2(angles[..., 0], angles[..., 1]),
    }
    chi_alone = known.torsions._replace(mask=known.torsions.mask.at[:, :3].set(0))

    def theirs(raw):
        side = {
            "angles_sin_cos": peer.folding.l2_normalize(raw),
            "unnormalized_angles_sin_cos": raw,
        }
        result = {"loss": 0.0}
        config = peer.heads.structure_module
        peer.folding.supervised_chi_loss(result, batch, {"sidechains": side}, config)
        return result["loss"]

    def ours(raw):
        torsion, length = alphafold.torsion_angle_loss(raw, chi_alone, MASK)
        return 0.5 * (torsion + 0.02 * length)

    assert_same("torsions", theirs, ours, draw(known.rng, 4, N, 7, 2))


def test_losses_of_heads(peer, known):
    rng, spread = known.rng, known.spread
    found = np.asarray(spread[0]) + 0.7 * draw(rng, N, 37, 3)
    frames, true = draw_frames(rng, N), known.groups.frames
    true = jax.tree.map(lambda x: x[:, 0], true)
    mask = known.groups.mask[:, 0]
    breaks = jnp.linspace(0.0, 31.0, 63)
    affines = [
        peer.quat_affine.QuatAffine(
            peer.quat_affine.rot_to_quat(x.rotation, True), x.translation, unstack_inputs=True
        )
        for x in (frames, true)
    ]
    beta = peer.modules.pseudo_beta_fn(AATYPE, *spread)
    letters, asked = rng.integers(0, 22, (5, N)), np.float32(rng.random((5, N)) < 0.3)
    batch = {
        "all_atom_positions": spread[0],
        "all_atom_mask": spread[1],
        "resolution": jnp.float32(2),
        "backbone_affine_mask": mask,
        "backbone_affine_tensor": affines[1].to_tensor(),
        "true_msa": letters,
        "bert_mask": asked,
        "atom37_atom_exists": constants.ATOM37_MASK[AATYPE],
        "pseudo_beta": beta[0],
        "pseudo_beta_mask": beta[1],
    }
    structure = {"final_atom_positions": found, "final_affines": affines[0].to_tensor()}

    def theirs(name, config):
        def loss(logits):
            value = {
                "structure_module": structure,
                "logits": logits,
                "bin_edges": jnp.linspace(2.3125, 21.6875, 63),
                "predicted_lddt": {"logits": logits},
                "predicted_aligned_error": {"logits": logits, "breaks": breaks},
            }
            head = lambda: getattr(peer.modules, name)(peer.heads[config], peer.config)  # noqa: E731
            run = peer.haiku.transform(lambda: head().loss(value, batch)["loss"])
            return run.apply({}, None)

        return loss

    everywhere = np.ones(N, np.float32)
    ours = {
        "PredictedLDDTHead": lambda x: alphafold.plddt_loss(
            x, found[:, 1], spread[0][:, 1], spread[1][:, 1]
        ),
        "PredictedAlignedErrorHead": lambda x: alphafold.aligned_error_loss(x, frames, true, mask),
        "DistogramHead": lambda x: alphafold.distogram_loss(x, *beta),
        "MaskedMsaHead": lambda x: alphafold.masked_msa_loss(x, letters, asked),
        "ExperimentallyResolvedHead": lambda x: alphafold.resolved_loss(
            x, spread[1], constants.ATOM37_MASK[AATYPE], everywhere
        ),
    }
    bins = {"predicted_lddt": 50, "masked_msa": 23, "experimentally_resolved": 37}
    for name, (config, _, shape, _) in HEADS.items():
        logits = draw(rng, *shape, bins.get(config, 64))
        assert_same(name, theirs(name, config), ours[name], logits)


def test_expected_scores(peer):
    rng = np.random.default_rng(5)
    residues, errors = draw(rng, N, 50), 2 * draw(rng, N, N, 64)
    breaks, whole = np.linspace(0.0, 31.0, 63), np.ones(N, np.float32)
    their = peer.confidence
    pae = their.compute_predicted_aligned_error(errors, breaks)["predicted_aligned_error"]
    pairs = (
        (alphafold.plddt(residues), their.compute_plddt(residues)),
        (alphafold.predicted_aligned_error(errors), pae),
        (alphafold.predicted_tm_score(errors, whole), their.predicted_tm_score(errors, breaks)),
    )
    for ours, theirs in pairs:
        assert relative_error(ours, theirs) < LIMIT


@pytest.mark.parametrize("spread", [0.6, 1.0, 4.0])
def test_violations(peer, known, monkeypatch, spread):
    """Their code takes the sixth atoms of any two residues for a disulfide; so does ours here."""
    monkeypatch.setattr(violations_file, "DISULFIDE", np.tile(np.arange(14) == 5, (21, 1)))
    batch, config = known.batch, peer.heads.structure_module
    exists = jnp.asarray(batch["atom14_atom_exists"])

    def theirs(positions):
        found = peer.folding.find_structural_violations(batch, positions, config)
        result = {"loss": 0.0}
        peer.folding.structural_violation_loss(result, batch, {"violations": found}, config)
        return result["loss"], found["total_per_residue_violations_mask"]

    def ours(positions):
        found = alphafold.structural_violations(AATYPE, INDEX, positions, exists)
        return alphafold.violation_loss(found), found.residues

    positions = spread * known.positions + 0.1 * draw(known.rng, N, 14, 3)
    first = [lambda x, fn=fn: fn(x)[0] for fn in (theirs, ours)]
    assert_same(f"violations {spread}", *first, positions)
    np.testing.assert_array_equal(ours(positions)[1], theirs(positions)[1])
