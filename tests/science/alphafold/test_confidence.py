"""What the net thinks of itself, and what it learns distances and letters by, beside NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.science import alphafold
from jaxdl.science.geometry import Rigid
from tests.science.alphafold.slopes import assert_slopes, draw_rotations

N = 6
RNG = np.random.default_rng(0)
MASK = np.array([1.0, 1, 0, 1, 1, 1])
PAIRS = MASK[:, None] * MASK
TRUE = 6 * RNG.normal(size=(N, 3))
FOUND = TRUE + RNG.normal(size=(N, 3))
FRAMES = [Rigid(draw_rotations(RNG, N), x) for x in (FOUND, TRUE)]
RESIDUES, DISTANCES = RNG.normal(size=(N, 50)), RNG.normal(size=(2, N, N, 64))
LETTERS, ATOMS = RNG.normal(size=(3, N, 23)), RNG.normal(size=(N, 37))
HIDDEN, ASKED = RNG.integers(0, 22, (3, N)), (RNG.random((3, N)) < 0.5).astype(float)
RESOLVED, EXISTS = (RNG.random((2, N, 37)) < 0.6).astype(float)


def cross_entropy(logits, bins, mask):
    """The mean of -log softmax at the bins, where the mask is 1."""
    logp = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
    taken = np.take_along_axis(logp, bins[..., None], -1)[..., 0]
    return -np.sum(mask * taken) / mask.sum()


def lddt_bins():
    bins = np.zeros(N, int)
    for i in range(N):
        near = [j for j in range(N) if j != i and PAIRS[i, j]]
        near = [j for j in near if np.linalg.norm(TRUE[i] - TRUE[j]) < 15]
        off = [
            np.linalg.norm(FOUND[i] - FOUND[j]) - np.linalg.norm(TRUE[i] - TRUE[j]) for j in near
        ]
        kept = np.mean([np.mean(np.abs(off) < limit) for limit in (0.5, 1, 2, 4)]) if near else 0
        bins[i] = min(int(kept * 50), 49)
    return bins


def error_bins():
    def see(frames):
        offset = frames.translation[None] - frames.translation[:, None]
        return np.einsum("iba,ijb->ija", frames.rotation, offset)

    error = np.linalg.norm(see(FRAMES[0]) - see(FRAMES[1]), axis=-1)
    return np.searchsorted(np.arange(63) * 0.5, error)


def losses(residues, distances, letters, atoms):
    apart = np.linalg.norm(TRUE[:, None] - TRUE, axis=-1)
    chance = 1 / (1 + np.exp(-atoms))
    seen = np.log(np.where(RESOLVED > 0, chance, 1 - chance)) * EXISTS * MASK[:, None]
    return np.array([
        cross_entropy(residues, lddt_bins(), MASK),
        cross_entropy(distances[0], error_bins(), PAIRS),
        cross_entropy(distances[1], np.searchsorted(2.3125 + 0.3125 * np.arange(63), apart), PAIRS),
        cross_entropy(letters, HIDDEN, ASKED),
        -seen.sum() / np.sum(EXISTS * MASK[:, None]),
    ])  # fmt: skip


def our_losses(residues, distances, letters, atoms):
    found = (
        alphafold.plddt_loss(residues, FOUND, TRUE, MASK),
        alphafold.aligned_error_loss(distances[0], *FRAMES, MASK),
        alphafold.distogram_loss(distances[1], TRUE, MASK),
        alphafold.masked_msa_loss(letters, HIDDEN, ASKED),
        alphafold.resolved_loss(atoms, RESOLVED, EXISTS, MASK),
    )
    return sum(found), jnp.stack(found)


def test_losses_and_gradients():
    args = RESIDUES, DISTANCES, LETTERS, ATOMS
    with jax.enable_x64(True):
        run = jax.jit(jax.value_and_grad(our_losses, argnums=(0, 1, 2, 3), has_aux=True))
        (_, found), gradient = run(*args)
    np.testing.assert_allclose(found, losses(*args), rtol=1e-10)
    assert_slopes(gradient, lambda *args: np.sum(losses(*args)), args)


def test_expected_scores_of_sure_answers():
    sure = 100 * np.eye(50, dtype=np.float32)[[0, 24, 49]]
    np.testing.assert_allclose(jax.jit(alphafold.plddt)(sure), [1.0, 49.0, 99.0], rtol=1e-5)
    sure = 100 * np.eye(64, dtype=np.float32)[np.array([[0, 9, 63]] * 3)]
    error = jax.jit(alphafold.predicted_aligned_error)(sure)
    np.testing.assert_allclose(error, [[0.25, 4.75, 31.75]] * 3, rtol=1e-5)
    d_0 = 1.24 * 4 ** (1 / 3) - 1.8  # of 19 residues and all shorter chains
    terms = [1 / (1 + (x / d_0) ** 2) for x in (0.25, 4.75, 31.75)]
    score = jax.jit(alphafold.predicted_tm_score)(sure, np.array([1.0, 0, 1]))
    np.testing.assert_allclose(score, (terms[0] + terms[2]) / 2, rtol=1e-5)


def test_a_structure_does_not_learn_to_please_its_judge():
    def judged(positions):
        frames = FRAMES[0]._replace(translation=positions)
        errors = alphafold.aligned_error_loss(DISTANCES[0], frames, FRAMES[1], MASK)
        return errors + alphafold.plddt_loss(RESIDUES, positions, TRUE, MASK)

    assert not np.any(jax.jit(jax.grad(judged))(FOUND))


def test_distograms_are_the_same_both_ways():
    z = np.float32(RNG.normal(size=(3, 3, 5)))
    head = alphafold.DistogramHead()
    params = {
        "params": {
            "half_logits": {"kernel": np.ones((5, 64), np.float32), "bias": np.ones(64, np.float32)}
        }
    }
    logits = jax.jit(head.apply)(params, z)
    np.testing.assert_allclose(logits[..., 0], z.sum(-1) + z.sum(-1).T + 2, rtol=1e-5)
