"""Scores of structures: against NumPy, cases worked by hand, and tmtools on real chains."""

import jax
import numpy as np
import pytest

from jaxdl.science import proteins
from jaxdl.science.proteins import scores

N = 24
SCORES = ("tm_score", "gdt_ts", "lddt", "drmsd", "rmsd")


@jax.jit
def all_scores(found, true, mask):
    return {name: getattr(proteins, name)(found, true, mask) for name in SCORES}


def measured(found, true, mask=None, size=128):
    """All scores of chains that are padded to one length, for one program."""
    mask = np.ones(len(true)) if mask is None else mask
    rest = size - len(true)
    wide = [np.pad(np.float32(x), ((0, rest), (0, 0)), constant_values=3) for x in (found, true)]
    return all_scores(*wide, np.pad(np.float32(mask), (0, rest)))


def helix(count, rise=1.5):
    turn = np.radians(100) * np.arange(count)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), rise * np.arange(count)], -1)


def rotation(seed):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.linalg.det(q)


def two(seed=0, noise=1.0):
    """A bent chain, and it again with noise, turned and moved; a mask with holes."""
    numbers = np.random.default_rng(seed)
    true = helix(N) + np.cumsum(numbers.normal(size=(N, 3)), 0)
    found = (true + noise * numbers.normal(size=(N, 3))) @ rotation(seed).T + 7
    mask = np.ones(N)
    mask[[3, 4, 17]] = 0
    return np.float32(found), np.float32(true), np.float32(mask)


def numpy_pairs(found, true, mask):
    keep = mask > 0
    d, t = (np.linalg.norm(x[keep][:, None] - x[keep], axis=-1) for x in (found, true))
    other = ~np.eye(len(d), dtype=bool)
    return d, t, other


def test_lddt_is_numpys():
    found, true, mask = two()
    d, t, other = numpy_pairs(found, true, mask)
    counts = other & (t < 15)
    kept = np.mean([np.abs(d - t) < x for x in (0.5, 1, 2, 4)], axis=0) * counts
    score = jax.jit(proteins.lddt)(found, true, mask)
    np.testing.assert_allclose(score, kept.sum() / counts.sum(), rtol=1e-5)
    each = proteins.lddt(found, true, mask, per_residue=True)
    np.testing.assert_allclose(each[mask > 0], kept.sum(1) / counts.sum(1), rtol=1e-5)
    assert (each[mask == 0] == 0).all()


def test_lddt_of_three_points_by_hand():
    """Distances 3, 4 and 20 become 3.7, 4 and 20: two pairs count, one of them keeps 3 of 4."""
    true = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0], [20, 0, 0]], np.float32)
    found = np.array([[0, 0, 0], [3.7, 0, 0], [0, 4, 0], [40, 0, 0]], np.float32)
    each = proteins.lddt(found[[0, 1]], true[[0, 1]], np.ones(2), per_residue=True)
    np.testing.assert_allclose(each, 0.75)
    np.testing.assert_allclose(proteins.lddt(found, true, np.array([1, 0, 1, 1])), 1.0)


def test_drmsd_and_its_gradient_are_numpys():
    found, true, mask = two()
    d, t, other = numpy_pairs(found, true, mask)
    expected = np.sqrt(np.mean((d - t)[other] ** 2))
    value, slope = jax.value_and_grad(proteins.drmsd)(found, true, mask)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    x = found[mask > 0]
    pull = ((d - t) / np.where(other, d, 1))[..., None] * (x[:, None] - x)
    np.testing.assert_allclose(
        slope[mask > 0], 2 * pull.sum(1) / other.sum() / expected, rtol=1e-3, atol=1e-6
    )
    assert (slope[mask == 0] == 0).all()


def test_rmsd_is_that_of_scipys_rotation():
    transform = pytest.importorskip("scipy.spatial.transform")
    found, true, mask = two()
    keep = mask > 0
    x, y = (z[keep] - z[keep].mean(0) for z in (found, true))
    expected = transform.Rotation.align_vectors(y, x)[1] / np.sqrt(keep.sum())
    np.testing.assert_allclose(measured(found, true, mask)["rmsd"], expected, rtol=1e-4)


def test_the_same_structure_elsewhere_has_full_scores():
    found, true, mask = two(noise=0)
    same = measured(found, true, mask)
    assert all(same[name] > 0.999 for name in ("tm_score", "gdt_ts", "lddt"))
    assert same["rmsd"] < 1e-2
    mirror = measured(true * np.float32([1, 1, -1]), true, mask)
    assert mirror["drmsd"] < 1e-3
    assert mirror["rmsd"] > 1


def test_scores_of_a_halved_chain_by_hand():
    """Half of a chain lies where it should and half 1 km away: no superposition does better."""
    true = np.float32(helix(40))
    found = true.copy()
    found[20:] += 1000
    halved = measured(found, true)
    np.testing.assert_allclose(halved["tm_score"], 0.5, atol=2e-3)
    np.testing.assert_allclose(halved["gdt_ts"], 0.5, atol=1e-6)


def test_missing_residues_count_in_the_length():
    found, true, mask = two()
    score = jax.jit(proteins.tm_score)(found, found, mask, length=48)
    np.testing.assert_allclose(score, mask.sum() / 48, rtol=1e-4)


def test_no_superposition_that_is_drawn_has_a_higher_tm_score():
    """And the gradient is that of the formula at the best one."""
    found, true, mask = two(noise=1.5)
    value_and_slope = jax.value_and_grad(proteins.tm_score)
    both = jax.jit(lambda *x: (value_and_slope(*x), scores.best_superposition(*x)))
    (score, slope), best = both(found, true, mask)
    numbers = np.random.default_rng(1)
    d0 = 0.5 if mask.sum() <= 21 else 1.24 * np.cbrt(mask.sum() - 15) - 1.8

    def formula(found, turn=0.0, shift=0.0):
        moved = found @ np.asarray(best.motion.rotation).T + np.asarray(best.motion.translation)
        axis = numbers.normal(size=3)
        moved = moved + turn * np.cross(axis, moved - moved.mean(0)) + shift * axis
        square = ((moved - true) ** 2).sum(-1)
        return (mask / (1 + square / d0**2)).sum() / mask.sum()

    np.testing.assert_allclose(score, formula(found), rtol=1e-4)
    assert all(formula(found, 3e-3 * (i % 2), 1e-2) < score + 1e-6 for i in range(50))
    step = 1e-2 * numbers.normal(size=(N, 3))
    change = (formula(found + step) - formula(found - step)) / 2
    np.testing.assert_allclose(np.sum(slope * step), change, rtol=1e-2)


def test_precision_counts_contacts_by_range():
    """Of 30 residues the 6 likeliest pairs are looked at, of which 2 are in contact."""
    true = np.zeros((30, 3), np.float32)
    true[:, 0] = 100.0 * np.arange(30)
    true[27] = true[1] + np.float32([0, 7.9, 0])
    true[29] = true[2] + np.float32([0, 7.9, 0])
    true[20] = true[13] + np.float32([0, 7.9, 0])
    mask = np.ones(30, np.float32)
    likely = np.random.default_rng(0).uniform(size=(30, 30)) * 0.1
    likely[1, 27] = likely[29, 2] = likely[13, 20] = 1.0
    precision = jax.jit(proteins.distogram_precision, static_argnames="separation")
    np.testing.assert_allclose(precision(likely, true, mask), 2 / 6)
    short = precision(likely, true, mask, separation=scores.RANGES["short"])
    np.testing.assert_allclose(short, 1 / 6)
    mask[1] = 0  # 29 residues: 5 pairs, and that contact is not one of them
    np.testing.assert_allclose(precision(likely, true, mask), 1 / 5)


def test_padding_and_maps_change_nothing():
    found, true, mask = two()
    both = jax.jit(jax.vmap(all_scores))(*(np.stack([x, x]) for x in (found, true, mask)))
    for name, padded in measured(found, true, mask).items():
        np.testing.assert_allclose(both[name], padded, rtol=2e-4, err_msg=name)


def test_tm_score_is_tmtools_on_real_chains(real_data):
    """Both search: this one finds a little more, mostly less than 0.001, and never less."""
    tmtools = pytest.importorskip("tmtools")
    with np.load(real_data / "science/bm5_unbound_chains.npz") as file:
        offsets, atoms = file["offsets"], file["xyz_N_CA_C_O_CB"][:, 1]
    numbers, more = np.random.default_rng(0), []
    for chain in numbers.permutation(318)[:60]:
        true = atoms[offsets[chain] : offsets[chain + 1]]
        true = np.float64(true[np.isfinite(true).all(-1)])
        if len(true) > 128:
            continue
        drift = np.cumsum(numbers.normal(size=true.shape), 0)
        found = true + numbers.choice([0.1, 0.3, 0.6]) * (drift + numbers.normal(size=true.shape))
        found = found @ rotation(chain).T
        same = "A" * len(true)
        peer = tmtools.tm_align(found, true, same, same, (same, same)).tm_norm_chain2
        more.append(float(measured(found, true)["tm_score"] - peer))
    assert len(more) > 15
    assert min(more) > -2e-4
    assert np.median(more) < 1e-3
    assert max(more) < 1e-2
