import numpy as np
import pytest

from jaxdl.pages.exhibit import Outcome
from jaxdl.science import alphafold, films
from jaxdl.science.alphafold import exhibits

LENGTHS, N = (6, 9), 10


def side():
    """Arrays of the evaluation of two chains, padded to 10 residues, told almost rightly."""
    rng = np.random.default_rng(0)
    known = np.arange(N) < np.array(LENGTHS)[:, None]
    true = rng.normal(size=(2, N, 3)).cumsum(1) * 2.2 * known[..., None]
    told = true + 0.1 * rng.normal(size=true.shape)
    distance = np.linalg.norm(true[:, :, None] - true[:, None], axis=-1)
    arrays = {
        "aatype": np.zeros((2, N), int), "mask": known.astype(float), "true": true, "told": told,
        "trajectory": np.broadcast_to(told[:, None, None], (2, 2, 3, N, 3)),
        "plddt": np.full((2, N), 80.0), "residue_lddt": np.full((2, N), 0.75),
        "distance": distance, "contact": np.full((2, N, N), 0.5), "lddts": np.ones(2),
    }  # fmt: skip
    arrays["mask"][1, 3] = 0  # an atom that is not known
    return arrays


@pytest.fixture(scope="module")
def outcome():
    arrays = {f"{name}/{key}": x for name in ("learned", "held_out") for key, x in side().items()}
    metrics = {"eval/tm": {"mean": 0.25}, "eval/learned/tm": {"mean": 0.9}}
    return Outcome(metrics, arrays, (), 1)


def test_chains_are_read_without_their_padding(outcome):
    short, long = exhibits.told_chains(outcome.arrays, "learned")
    assert len(short.told) == 6 and long.distance.shape == (9, 9)
    assert np.isnan(long.lddt[3]) and long.lddt[4] == 75.0 and not long.is_true[3]
    assert long.trajectory.shape == (6, 9, 3) and long.layers == 3
    several = {name: np.stack([x, x + 1]) for name, x in outcome.arrays.items()}
    first = exhibits.told_chains(several, "learned", several=True)[0]
    np.testing.assert_array_equal(first.told, short.told)


def test_the_report_shows_both_sides(outcome):
    shown = {one.name: one for one in alphafold.alphafold_exhibits(outcome)}
    sides = [
        f"{n}_{s}" for s in ("learned", "held_out") for n in ("distances", "contacts", "confidence")
    ]
    assert list(shown) == ["structures", *sides, "plddt"]
    caption = shown["structures"].caption
    assert (
        "Learned chains: TM-score 0.90" in caption and "Held-out chains: TM-score 0.25" in caption
    )
    picture = np.asarray(shown["structures"].content)
    assert picture.shape[1] == 2 * exhibits.SIZE + 4
    assert "of 9 residues" in shown["distances_learned"].caption
    assert alphafold.alphafold_exhibits(Outcome({}, {}, (), 1)) == []


def test_a_film_shows_the_longest_chain_of_each_side(outcome, monkeypatch):
    monkeypatch.setattr(films, "FRAMES", 5)
    shots, caption = alphafold.alphafold_film(outcome)
    assert len(shots) == 6 and shots[0][0].shape[1] == 2 * 320 + 4
    assert "layer" in caption
    assert exhibits.stage_texts(4, 2)[2] == "cycle 2, layer 1"
    assert alphafold.alphafold_film(Outcome({}, {}, (), 1)) == ([], "")
