"""Atoms from torsions and back (algorithms 24 and 25): NumPy, all residues, both names of atoms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science.alphafold.atoms import compute_all_atom_coordinates
from jaxdl.science.alphafold.chi import rigid_groups, torsion_angles
from jaxdl.science.geometry import Rigid, dihedral
from jaxdl.science.proteins import atom37_from_atom14, constants
from jaxdl.science.proteins import rigid_groups as ideal
from tests.science.alphafold.slopes import assert_slopes, draw_rotations

AATYPE = np.arange(21)  # the last one unknown, of which no atom is placed
RNG = np.random.default_rng(0)
ROTATION, TRANSLATION = draw_rotations(RNG, 21), 5 * RNG.normal(size=(21, 3))
ANGLES = RNG.uniform(-np.pi, np.pi, size=(21, 7))
WEIGHTS = RNG.normal(size=(21, 14, 3))
MASK = jnp.asarray(constants.ATOM37_MASK[AATYPE])


@jax.jit
def find(positions, mask):
    return torsion_angles(AATYPE, positions, mask), rigid_groups(AATYPE, positions, mask)


def place_atoms(rotation, translation, angles):
    """Algorithm 24 by products of 4 x 4 matrices, one atom after the other."""
    found = np.zeros((21, 14, 3))
    for i, residue in enumerate(AATYPE):
        backbone = np.eye(4)
        backbone[:3, :3], backbone[:3, 3] = rotation[i], translation[i]
        groups = [backbone]
        for group in range(1, 8):
            turn = np.eye(4)
            s, c = np.sin(angles[i, group - 1]), np.cos(angles[i, group - 1])
            turn[1:3, 1:3] = [[c, -s], [s, c]]
            parent = groups[group - 1] if group > 4 else backbone
            groups.append(parent @ np.float64(ideal.GROUP_FRAMES[residue, group]) @ turn)
        for atom in range(len(constants.ATOMS14[residue])):
            local = np.append(ideal.ATOM14_IN_GROUP[residue, atom], 1.0)
            found[i, atom] = (groups[ideal.GROUP_OF_ATOM14[residue, atom]] @ local)[:3]
    return found


@pytest.fixture(scope="module")
def built():
    """Positions, groups and gradients of all residues, in float64."""

    def score(rotation, translation, angles):
        pairs = jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1)
        frames = Rigid(rotation, translation)
        groups, positions = compute_all_atom_coordinates(frames, pairs, AATYPE)
        return jnp.sum(WEIGHTS * positions), (groups, positions)

    with jax.enable_x64(True):
        run = jax.jit(jax.value_and_grad(score, argnums=(0, 1, 2), has_aux=True))
        (_, (groups, positions)), gradient = run(ROTATION, TRANSLATION, ANGLES)
    return groups, positions, gradient


def test_atoms_and_gradient(built):
    _, positions, gradient = built
    args = ROTATION, TRANSLATION, ANGLES
    np.testing.assert_allclose(positions, place_atoms(*args), atol=1e-6)
    assert_slopes(gradient, lambda *args: np.sum(WEIGHTS * place_atoms(*args)), args)


def test_torsions_and_groups_are_found_again(built):
    groups, positions, _ = (jax.tree.map(np.float32, x) for x in built)
    exists = constants.ATOM14_MASK[AATYPE]
    known = [atom37_from_atom14(jnp.asarray(x), AATYPE) for x in (positions, exists)]
    torsions, again = find(*known)
    own = np.array(torsions.mask)
    np.testing.assert_array_equal(own[:, 3:], constants.CHI_MASK)
    np.testing.assert_array_equal(own[:, :3], [[0, 0, 1]] + 19 * [[1, 1, 1]] + [[0, 0, 0]])
    own[:, :2] = 0  # omega and phi come of the residue before
    true = np.stack([np.sin(ANGLES), np.cos(ANGLES)], -1)
    np.testing.assert_allclose(own[..., None] * (torsions.angles - true), 0, atol=2e-5)
    for ours, theirs in zip(again.frames, groups, strict=True):
        kept = again.mask.reshape(21, 8, *(1,) * (theirs.ndim - 2))
        np.testing.assert_allclose(kept * ours, kept * theirs, atol=1e-4)


def test_backbone_torsions_are_those_of_iupac(built):
    known = atom37_from_atom14(jnp.float32(built[1]), AATYPE)
    torsions, _ = find(known, MASK)
    n, ca, c = (known[:20, i] for i in range(3))
    omega = dihedral(ca[:-1], c[:-1], n[1:], ca[1:])
    phi = dihedral(c[:-1], n[1:], ca[1:], c[1:])
    for column, angle in enumerate((omega, phi)):
        found = jnp.arctan2(*jnp.moveaxis(torsions.angles[1:20, column], -1, 0))
        np.testing.assert_allclose(np.sin(found - angle), 0, atol=1e-4)
        assert np.all(np.cos(found - angle) > 0)


def test_other_names_are_half_a_turn(built):
    """Atoms under their other names have the other torsions and frames."""
    positions = np.float32(built[1])
    renamed = np.take_along_axis(positions, constants.SWAPPED_ATOM14[AATYPE][..., None], 1)
    given, other = (atom37_from_atom14(jnp.asarray(x), AATYPE) for x in (positions, renamed))
    (torsions, groups), (swapped, others) = find(given, MASK), find(other, MASK)
    kept = torsions.mask[..., None]
    np.testing.assert_allclose(
        kept * torsions.alternative, kept * swapped.angles, atol=0.03
    )  # planar groups are drawn with angles that differ by a degree
    assert np.max(np.abs(kept * (torsions.angles - swapped.angles))) > 0.5
    turned = groups.mask[..., None, None] * (groups.alternative.rotation - others.frames.rotation)
    np.testing.assert_allclose(turned, 0, atol=0.05)
