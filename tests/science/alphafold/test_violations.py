"""Section 1.9.11 beside NumPy, on worked cases, and on real structures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science import proteins
from jaxdl.science.alphafold.violations import structural_violations, violation_loss
from jaxdl.science.proteins import atom14_from_atom37, constants, stereochemistry
from tests.science.alphafold.slopes import assert_slopes

AATYPE = np.array([constants.RESIDUES.index(letter) for letter in "ACPCW"], np.int32)
INDEX = np.array([4, 5, 6, 9, 10], np.int32)
MASK = constants.ATOM14_MASK[AATYPE] * (np.random.default_rng(1).random((5, 14)) < 0.9)


def clash_reference(positions):
    """Eq. 46 and distances within residues, one pair of atoms after the other."""
    total, atoms = 0.0, [(i, a) for i in range(5) for a in range(14) if MASK[i, a]]
    for i, a in atoms:
        for j, b in atoms:
            names = constants.ATOMS14[AATYPE[i]][a], constants.ATOMS14[AATYPE[j]][b]
            distance = np.linalg.norm(positions[i, a] - positions[j, b])
            lower, upper = sum(constants.VAN_DER_WAALS[name[0]] for name in names) - 1.5, np.inf
            if i == j and (mean := stereochemistry.RESTRAINED_DISTANCE[AATYPE[i], a, b]):
                slack = 12 * np.float64(stereochemistry.RESTRAINT_DEVIATION[AATYPE[i], a, b])
                lower, upper = mean - slack, mean + slack
            peptide = names == ("C", "N") and INDEX[j] == INDEX[i] + 1
            if i == j and a != b:
                total += 2 * (max(lower - distance, 0) + max(distance - upper, 0))
            if i < j and not peptide and names != ("SG", "SG"):
                total += 2 * max(lower - distance, 0)
    return total / (MASK.sum() + 1e-6)


def bond_reference(positions):
    """Eq. 44 and 45 for the peptide bonds of residues that follow each other."""
    parts = [[], [], []]
    for i in (0, 1, 3):
        (ca, c), (n, next_ca) = positions[i, 1:3], positions[i + 1, :2]
        known = MASK[i, 2] and MASK[i + 1, 0], MASK[i, 1], MASK[i + 1, 1]
        length = np.sqrt(np.sum((n - c) ** 2) + 1e-6)
        to_ca, onward = (x / np.sqrt(x @ x + 1e-6) for x in (ca - c, next_ca - n))
        mean, deviation = (1.341, 0.016) if AATYPE[i + 1] == 14 else (1.329, 0.014)
        errors = (
            (length, mean, deviation, known[0]),
            (to_ca @ (n - c) / length, -0.4473, 0.0311, known[0] and known[1]),
            (onward @ (c - n) / length, -0.5203, 0.0353, known[0] and known[2]),
        )
        for part, (x, mean, deviation, there) in zip(parts, errors, strict=True):
            if there:
                part.append(max(np.sqrt((x - mean) ** 2 + 1e-6) - 12 * deviation, 0))
    return [np.mean(part) for part in parts]


@pytest.fixture(scope="module")
def compiled():
    def judge(positions, mask):
        violations = structural_violations(AATYPE, INDEX, positions, mask)
        return violation_loss(violations), violations

    return jax.jit(jax.value_and_grad(judge, has_aux=True))


def test_values_and_gradient(compiled):
    positions = 2.5 * np.random.default_rng(0).normal(size=(5, 14, 3))

    def reference(positions):
        return sum(bond_reference(positions)) + clash_reference(positions)

    with jax.enable_x64(True):
        (_, found), gradient = compiled(positions, MASK)
        same, _ = compiled(np.where(MASK[..., None] > 0, positions, 50.0), MASK)
    np.testing.assert_allclose(found.clash, clash_reference(positions), rtol=1e-6)
    np.testing.assert_allclose(found[:3], bond_reference(positions), rtol=1e-9)
    np.testing.assert_allclose(same[1].clash, found.clash, rtol=1e-12)
    assert_slopes((gradient,), reference, (positions,), rtol=1e-5)
    np.testing.assert_array_equal(found.residues, 1)


def test_no_nan_where_all_atoms_coincide_or_none_is_there(compiled):
    for mask in (MASK, 0 * MASK):
        found = compiled(np.zeros((5, 14, 3), np.float32), np.float32(mask))
        assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(found))
    assert not np.any(found[0][1].residues)


# What DeepMind's own test of this file expects (relax/amber_minimize_test.py): residues of
# atoms that clash, and of a peptide bond.
DISULFIDES = [8, 13, 14, 26, 31, 39, 42, 47, 64, 85, 102, 109, 111, 118, 124, 131, 135, 136, 139]
DISULFIDES += [147, 152]


def test_residues_of_real_files(real_data):
    judge, found = jax.jit(structural_violations), {}
    for name in ("2rbg", "multiple_disulfides_target", "with_violations"):
        protein = proteins.read(real_data / f"science/af_testdata/{name}.pdb")
        packed = [
            np.asarray(atom14_from_atom37(jnp.asarray(x), protein.aatype)) for x in protein[1:3]
        ]
        arrays = protein.aatype, protein.residue_index, *packed
        room = 256 - len(protein.aatype)
        padded = [np.pad(x, ((0, room), *((0, 0),) * (x.ndim - 1))) for x in arrays]
        violations = judge(*padded)
        found[name] = (
            float(violation_loss(violations)),
            np.flatnonzero(violations.residues).tolist(),
        )
    assert found["2rbg"] == (0.0, [])  # a crystal structure
    assert found["multiple_disulfides_target"][1] == DISULFIDES
    assert found["with_violations"][1] == [17, 18, 19, 51, 52, 53, 76, 120]
    assert min(found[name][0] for name in list(found)[1:]) > 0.005
