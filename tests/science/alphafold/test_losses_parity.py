"""Algorithms 26 to 28 and the losses of section 1.9 beside DeepMind's own: value and gradient."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import alphafold
from jaxdl.science.alphafold import violations as violations_file
from jaxdl.science.proteins import atom37_from_atom14, constants
from tests.science.alphafold.deepmind import relative_error
from tests.science.alphafold.published import (
    AATYPE,
    HEADS,
    INDEX,
    LIMIT,
    MASK,
    N,
    assert_same,
    draw,
    draw_frames,
    flat12,
    open_peer,
    to_r3,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def peer(monkeypatch):
    return open_peer(monkeypatch)


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
    spread = [atom37_from_atom14(jnp.asarray(x), AATYPE) for x in (positions, mask)]
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
