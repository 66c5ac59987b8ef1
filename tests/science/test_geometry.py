"""Geometry of atoms: against SciPy, gemmi and formulas in NumPy, value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import geometry
from jaxdl.science.geometry import Rigid


def points(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=(*shape, 3)) * 3


def quaternions(count, seed=0):
    """Unit quaternions, the first ones of turns by pi about axes and skew lines, and of none."""
    q = np.random.default_rng(seed).normal(size=(count, 4))
    q[:3, 0], q[:3, 1:] = 0, np.eye(3)
    q[3:6, 0] = 0
    q[6] = [1, 0, 0, 0]
    q[7] = [1e-7, 1, 1, 0]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def rigids(count, seed=0):
    """Random motions in float32 or float64, whichever is on."""
    rotation = geometry.rotation_from_quaternion(jnp.asarray(quaternions(count, seed)))
    return Rigid(rotation, jnp.asarray(points(count, seed=seed + 1)))


def test_rotations_are_scipys():
    transform = pytest.importorskip("scipy.spatial.transform")
    q = quaternions(40)
    expected = transform.Rotation.from_quat(q[:, [1, 2, 3, 0]]).as_matrix()
    found = jax.jit(geometry.rotation_from_quaternion)(np.float32(2.5 * q))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_quaternions_come_back_up_to_their_sign():
    q = quaternions(40)
    there = np.float32(geometry.rotation_from_quaternion(np.float32(q)))
    back, slope = jax.jit(
        lambda r: (geometry.quaternion_from_rotation(r), jax.jacrev(_total_quaternion)(r))
    )(there)
    assert (np.asarray(back[:, 0]) >= 0).all()
    # By a turn of pi both signs have a real part of 0.
    nearer = np.minimum(np.abs(back - q).max(-1), np.abs(back + q).max(-1))
    np.testing.assert_allclose(nearer, 0, atol=1e-6)
    assert np.isfinite(slope).all()


def _total_quaternion(rotation):
    return jnp.sum(geometry.quaternion_from_rotation(rotation) * jnp.array([1.0, 2, 3, 4]))


def test_gradients_of_rotations_are_those_of_differences():
    """At turns of pi and of 0 too, in float64."""
    with jax.enable_x64(True):
        q, weights = jnp.asarray(quaternions(10)), jnp.asarray(points(10, 3))

        def total(q):
            rotation = geometry.rotation_from_quaternion(q)
            tangled = geometry.rotation_from_quaternion(geometry.quaternion_from_rotation(rotation))
            return jnp.sum(rotation * weights) + jnp.sum(tangled * weights**2)

        step = 1e-5 * jnp.asarray(np.random.default_rng(3).normal(size=q.shape))
        value_and_slope = jax.jit(jax.value_and_grad(total))
        change = (value_and_slope(q + step)[0] - value_and_slope(q - step)[0]) / 2
        np.testing.assert_allclose(jnp.sum(value_and_slope(q)[1] * step), change, rtol=1e-6)


def test_rigid_motions_are_a_group():
    with jax.enable_x64(True):
        a, b, c = (rigids(9, seed) for seed in (0, 1, 2))
        x = jnp.asarray(points(9, seed=5))
        left = geometry.compose(geometry.compose(a, b), c)
        right = geometry.compose(a, geometry.compose(b, c))
        for one, other in zip(left, right, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
        chained = geometry.apply(a, geometry.apply(b, x))
        np.testing.assert_allclose(geometry.apply(geometry.compose(a, b), x), chained, atol=1e-12)
        nothing = geometry.compose(a, geometry.invert(a))
        for one, other in zip(nothing, geometry.identity_rigid((9,)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
        np.testing.assert_allclose(geometry.invert_apply(a, geometry.apply(a, x)), x, atol=1e-12)
        back = geometry.apply(geometry.invert(a), x)
        np.testing.assert_allclose(geometry.invert_apply(a, x), back, atol=1e-12)
        homogeneous = np.einsum("nij,nj->ni", a.rotation, x) + a.translation
        np.testing.assert_allclose(geometry.apply(a, x), homogeneous, atol=1e-12)


def test_frames_stand_on_their_atoms():
    """Algorithm 21: CA is the origin, C on the first axis, N above it in the plane of two."""
    n, ca, c = np.float32(points(3, 20))
    frame = geometry.rigid_from_points(n, ca, c)
    local_n, local_c = (geometry.invert_apply(frame, x) for x in (n, c))
    length = np.linalg.norm(c - ca, axis=-1)
    zero = np.zeros(20)
    np.testing.assert_allclose(local_c, np.stack([length, zero, zero], -1), atol=1e-5)
    np.testing.assert_allclose(local_n[:, 2], 0, atol=1e-5)
    assert (np.asarray(local_n[:, 1]) > 0).all()
    np.testing.assert_allclose(np.linalg.det(frame.rotation), 1, atol=1e-5)


def test_updates_are_quaternions_of_real_part_one():
    """Algorithm 23: (1, 1, 0, 0) is a quarter turn about the first axis, in the frame itself."""
    frame = jax.tree.map(lambda x: np.float32(x)[8:], rigids(9))
    vector = np.tile(np.float32([1, 0, 0]), (len(frame.translation), 1))
    shift = np.float32(points(len(frame.translation), seed=4))
    moved = geometry.update_by_quaternion(frame, vector, shift)
    quarter = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(moved.rotation, frame.rotation @ quarter, atol=1e-6)
    np.testing.assert_allclose(moved.translation, geometry.apply(frame, shift), atol=1e-5)


def test_dihedrals_have_gemmis_sign():
    gemmi = pytest.importorskip("gemmi")
    atoms = points(4, 30)
    expected = [
        gemmi.calculate_dihedral(*(gemmi.Position(*x) for x in four))
        for four in atoms.swapaxes(0, 1)
    ]
    found = geometry.dihedral(*np.float32(atoms))
    np.testing.assert_allclose(np.cos(found - np.array(expected)), 1, atol=1e-6)


def test_the_gradient_of_dihedrals_is_that_of_differences():
    with jax.enable_x64(True):
        atoms = jnp.asarray(points(4, 5))

        def total(atoms):
            return jnp.sum(geometry.dihedral(*atoms) * jnp.arange(1.0, 6))

        step = 1e-6 * jnp.asarray(points(4, 5, seed=9))
        slope = jax.grad(total)(atoms)
        change = (total(atoms + step) - total(atoms - step)) / 2
        np.testing.assert_allclose(jnp.sum(slope * step), change, rtol=1e-7)


def test_a_placed_atom_has_its_length_angle_and_torsion():
    a, b, c = np.float32(points(3, 20))
    numbers = np.random.default_rng(1)
    length, angle, torsion = (
        np.float32(numbers.uniform(low, high, 20)) for low, high in ((1, 2), (0.5, 2.5), (-3, 3))
    )
    d = geometry.place_atom(a, b, c, length=length, angle=angle, torsion=torsion)
    np.testing.assert_allclose(np.linalg.norm(d - c, axis=-1), length, rtol=1e-5)
    cosine = np.sum((b - c) * (d - c), -1) / np.linalg.norm(b - c, axis=-1) / length
    np.testing.assert_allclose(cosine, np.cos(angle), atol=1e-5)
    np.testing.assert_allclose(geometry.dihedral(a, b, c, d), torsion, atol=2e-4)
    one = geometry.place_atom(a[0], b[0], c[0], length=1.5, angle=1.9, torsion=-1.0)
    np.testing.assert_allclose(geometry.dihedral(a[0], b[0], c[0], one), -1, atol=1e-4)


def test_superposition_is_scipys_and_its_gradient_that_of_differences():
    transform = pytest.importorskip("scipy.spatial.transform")
    with jax.enable_x64(True):
        numbers = np.random.default_rng(2)
        fixed, weights = points(12, seed=3), numbers.uniform(size=12)
        weights[4] = 0
        turn = transform.Rotation.from_rotvec([0.3, -2, 1])
        moving = turn.apply(fixed) + numbers.normal(size=(12, 3)) + 5
        value_and_slope = jax.jit(
            jax.value_and_grad(lambda *x: geometry.superpose(*x)[::-1], (0, 1), has_aux=True)
        )
        (distance, motion), slopes = value_and_slope(moving, fixed, weights)
        share = weights / weights.sum()
        x, y = (z - share @ z for z in (moving, fixed))
        best, off = transform.Rotation.align_vectors(y, x, weights)
        np.testing.assert_allclose(distance, off / np.sqrt(weights.sum()), rtol=1e-9)
        np.testing.assert_allclose(motion.rotation, best.as_matrix(), atol=1e-9)
        moved = geometry.apply(motion, jnp.asarray(share @ moving))
        np.testing.assert_allclose(moved, share @ fixed, atol=1e-9)
        for side, slope in enumerate(slopes):
            step = 1e-5 * numbers.normal(size=(12, 3))
            ends = [
                value_and_slope(*((moving + s * step, fixed), (moving, fixed + s * step))[side], w)
                for s, w in ((1, weights), (-1, weights))
            ]
            change = (ends[0][0][0] - ends[1][0][0]) / 2
            np.testing.assert_allclose(np.sum(slope * step), change, rtol=1e-6)


def test_a_mirror_image_is_turned_and_not_mirrored():
    fixed = np.float32(points(12))
    motion, distance = geometry.superpose(fixed * np.float32([1, 1, -1]), fixed, np.ones(12))
    np.testing.assert_allclose(np.linalg.det(motion.rotation), 1, atol=1e-5)
    assert distance > 0.5


@jax.jit
@jax.value_and_grad
def everything(atoms, fixed):
    a, b, c, d = atoms
    frame = geometry.rigid_from_points(a, b, c)
    placed = geometry.place_atom(a, b, c, length=1.5, angle=1.9, torsion=1.0)
    motion, distance = geometry.superpose(atoms, fixed, jnp.ones(4))
    quaternion = geometry.quaternion_from_rotation(frame.rotation)
    turns = jnp.sum(frame.rotation) + jnp.sum(quaternion) + geometry.dihedral(a, b, c, d)
    sizes = jnp.sum(geometry.norm(atoms - atoms[:, None]))
    return turns + sizes + jnp.sum(placed) + distance + jnp.sum(motion.rotation)


@pytest.mark.parametrize("kind", ["coincident", "collinear", "almost collinear"])
def test_values_and_gradients_are_finite_where_atoms_meet_or_lie_on_a_line(kind):
    places = np.zeros((4, 3)) if kind == "coincident" else np.arange(4)[:, None] * np.ones(3)
    atoms = np.float32(places + (1e-6 * points(4) if kind == "almost collinear" else 0))
    for fixed in (np.ones((4, 3), np.float32), atoms):
        value, slope = everything(atoms, fixed)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
