"""Algorithms 26 to 28 beside NumPy, in float64: values, gradients, motions, masks, names."""

import jax
import numpy as np
import pytest

from jaxdl.science.alphafold.chi import KnownGroups, KnownTorsions
from jaxdl.science.alphafold.fape import (
    backbone_fape,
    fape,
    rename_symmetric_ground_truth_atoms,
    side_chain_fape,
    torsion_angle_loss,
)
from jaxdl.science.geometry import Rigid
from jaxdl.science.proteins import constants
from tests.science.alphafold.slopes import assert_slopes, draw_rotations

RNG = np.random.default_rng(0)
F, P = 4, 6
FRAMES, TRUE = (Rigid(draw_rotations(RNG, F), 8 * RNG.normal(size=(F, 3))) for _ in range(2))
POINTS, TRUE_POINTS = 8 * RNG.normal(size=(2, P, 3))
FRAME_MASK, POINT_MASK = np.array([1.0, 1, 0, 1]), np.array([1.0, 0, 1, 1, 1, 1])


def point_error(frames, points):
    """Algorithm 28, one frame and one point after the other."""
    total = 0.0
    for i in range(F):
        for j in range(P):
            here = frames.rotation[i].T @ (points[j] - frames.translation[i])
            there = TRUE.rotation[i].T @ (TRUE_POINTS[j] - TRUE.translation[i])
            error = min(np.sqrt(np.sum((here - there) ** 2) + 1e-4), 10.0)
            total += FRAME_MASK[i] * POINT_MASK[j] * error / 10
    return total / (FRAME_MASK.sum() * POINT_MASK.sum() + 1e-4)


@pytest.fixture(scope="module")
def compiled():
    def error(frames, points, true_frames, true_points, frame_mask, point_mask):
        return fape(frames, true_frames, frame_mask, points, true_points, point_mask)

    return jax.jit(jax.value_and_grad(error, argnums=(0, 1)))


def test_fape_and_its_gradient(compiled):
    with jax.enable_x64(True):
        value, gradient = compiled(FRAMES, POINTS, TRUE, TRUE_POINTS, FRAME_MASK, POINT_MASK)
    assert 0.5 < float(value) < 1
    np.testing.assert_allclose(value, point_error(FRAMES, POINTS), rtol=1e-12)
    assert_slopes(gradient, point_error, (FRAMES, POINTS))


def test_motions_of_either_structure_change_nothing(compiled):
    def move(frames, points):
        turn, shift = draw_rotations(RNG), 30 * RNG.normal(size=3)
        moved = Rigid(turn @ frames.rotation, frames.translation @ turn.T + shift)
        return moved, points @ turn.T + shift

    moved, true = move(FRAMES, POINTS), move(TRUE, TRUE_POINTS)
    with jax.enable_x64(True):
        value, _ = compiled(FRAMES, POINTS, TRUE, TRUE_POINTS, FRAME_MASK, POINT_MASK)
        same, _ = compiled(*moved, *true, FRAME_MASK, POINT_MASK)
        mirrored, _ = compiled(*move(FRAMES, -POINTS), *true, FRAME_MASK, POINT_MASK)
    np.testing.assert_allclose(same, value, rtol=1e-12)
    assert abs(float(mirrored) - float(value)) > 1e-3


def test_no_nan_at_coincident_points_and_without_any(compiled):
    one = np.ones_like(FRAME_MASK), np.ones_like(POINT_MASK)
    with jax.enable_x64(True):
        value, gradient = compiled(TRUE, TRUE_POINTS, TRUE, TRUE_POINTS, *one)
        nothing = compiled(FRAMES, POINTS, TRUE, TRUE_POINTS, 0 * FRAME_MASK, 0 * POINT_MASK)
    np.testing.assert_allclose(value, 1e-3, rtol=1e-4)  # the square root of epsilon, over Z
    assert all(np.all(np.abs(x) < 1e-6) for x in jax.tree.leaves((gradient, nothing)))


def test_backbone_without_a_clamp_and_all_atoms():
    layers = jax.tree.map(lambda x, y: np.float32([x, y]), FRAMES, TRUE)
    judge = jax.jit(lambda clamp: backbone_fape(layers, TRUE, FRAME_MASK, clamp=clamp))
    errors = judge(10.0), judge(np.inf)
    assert errors[0][0] < 1 < errors[1][0]
    np.testing.assert_allclose([e[1] for e in errors], 1e-3, rtol=1e-3)
    kinds = [0, 3, 4, 7]  # of the groups of one residue
    groups, true, mask = (
        jax.tree.map(lambda x: np.zeros((1, 8, *x.shape[1:]), np.float32), x)
        for x in (FRAMES, TRUE, FRAME_MASK)
    )
    for given, seen in zip((*groups, *true, mask), (*FRAMES, *TRUE, FRAME_MASK), strict=True):
        given[0, kinds] = seen
    args = groups, POINTS[None], true, mask, TRUE_POINTS[None], POINT_MASK[None]
    np.testing.assert_allclose(
        jax.jit(side_chain_fape)(*args), point_error(FRAMES, POINTS), rtol=1e-5
    )


AATYPE = np.array([constants.RESIDUES.index(letter) for letter in "DKFYE"])


def test_atoms_are_renamed_as_suits_the_structure():
    exists = constants.ATOM14_MASK[AATYPE]
    true = np.float32(6 * RNG.normal(size=(5, 14, 3)))
    swapped = np.take_along_axis(true, constants.SWAPPED_ATOM14[AATYPE][..., None], 1)
    wrong = np.array([True, True, False, True, False])
    predicted = np.where(wrong[:, None, None], swapped, true) + 0.1
    mask = exists.copy()
    mask[3, 6] = 0  # CD1 of tyrosine, which its other name takes along
    frames = Rigid(np.zeros((5, 8, 3, 3), np.float32), np.zeros((5, 8, 3), np.float32))
    groups = KnownGroups(frames, jax.tree.map(lambda x: x + 1, frames), np.ones((5, 8)))
    rename = jax.jit(rename_symmetric_ground_truth_atoms)
    positions, kept, chosen = rename(AATYPE, predicted, true, mask, groups)
    np.testing.assert_array_equal(positions, np.where(wrong[:, None, None], swapped, true))
    np.testing.assert_array_equal(chosen.translation[:, 0, 0], [1, 0, 0, 1, 0])
    kept = np.asarray(kept)
    np.testing.assert_array_equal(kept[[0, 1, 2, 4]], mask[[0, 1, 2, 4]])
    assert kept[3, 6] == 1 and kept[3, 7] == 0


def test_torsions_have_the_better_of_two_errors():
    rng = np.random.default_rng(3)
    raw = rng.normal(size=(2, 3, 7, 2))
    known, other = (
        x / np.linalg.norm(x, axis=-1, keepdims=True) for x in rng.normal(size=(2, 3, 7, 2))
    )
    mask, there = (rng.random((3, 7)) < 0.7).astype(float), np.array([1.0, 0, 1])

    def reference(raw):
        length = np.linalg.norm(raw, axis=-1)
        unit = raw / length[..., None]
        errors = [np.sum((unit - x) ** 2, -1) for x in (known, other)]
        off = np.abs(np.sqrt(length**2 + 1e-6) - 1) * there[:, None]
        return np.sum(np.minimum(*errors) * mask) / mask.sum() / 2 + 0.02 * off.sum() / 28

    def loss(raw):
        torsion, length = torsion_angle_loss(raw, KnownTorsions(known, other, mask), there)
        return torsion + 0.02 * length

    with jax.enable_x64(True):
        value, gradient = jax.jit(jax.value_and_grad(loss))(raw)
        finite = jax.jit(jax.grad(loss))(0 * raw)
    np.testing.assert_allclose(value, reference(raw), rtol=1e-12)
    assert_slopes((gradient,), reference, (raw,))
    assert np.all(np.isfinite(finite))
