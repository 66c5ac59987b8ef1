"""How SimCLR's claims decide, with accuracies that are made up in the place of training."""

import jax
import numpy as np
import pytest

from experiments.vision import _simclr_views, simclr, simclr_claims
from experiments.vision._transformed import TRANSFORMATIONS
from experiments.vision._verdicts import Trained, train_runs
from jaxdl.core.run import BadInput
from jaxdl.launch import configure

KEY = jax.random.key(0)
SEEDS = np.array([0.0, 0.1, -0.1, 0.05, -0.05])


def made_up(score):
    """A probe whose accuracies are a function of the settings, with small differences by seed."""
    return lambda tier, **changes: score(**changes) + SEEDS


@pytest.fixture
def with_color(monkeypatch):
    monkeypatch.setattr(_simclr_views, "cifar_folder", lambda: "somewhere")


@pytest.mark.parametrize("name", ["color", "color_strength", "composition"])
def test_what_is_said_of_colors_is_undecided_without_any(monkeypatch, name):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    (claim,) = [claim for claim in simclr_claims.CLAIMS if claim.name == name]
    verdict = claim.measure("cpu")
    assert verdict.answer == "undecided"
    assert "CIFAR-10" in verdict.summary


@pytest.mark.parametrize(
    ("best", "answer"), [(0.1, "holds"), (0.5, "holds"), (0.05, "fails"), (1.0, "fails")]
)
def test_an_intermediate_temperature_has_to_beat_both_ends(monkeypatch, best, answer):
    score = made_up(lambda temperature: 60.0 - 5 * abs(np.log2(temperature / best)))
    monkeypatch.setattr(_simclr_views, "probe_simclr", score)
    assert simclr_claims.compare_temperatures("cpu").answer == answer


def test_the_temperature_of_a_seed_is_chosen_by_the_others(monkeypatch):
    """Each inner one has luck in one seed, which the others do not see: so nothing is gained."""
    rows = {0.05: np.zeros(5), 0.1: np.eye(5)[0] * 5, 0.5: np.eye(5)[1] * 4, 1.0: np.zeros(5)}
    monkeypatch.setattr(_simclr_views, "probe_simclr", lambda tier, temperature: rows[temperature])
    verdict = simclr_claims.compare_temperatures("cpu")
    # Seed 0, by the others, takes 0.5; all others take 0.1.
    assert verdict.numbers["over 1"]["values"] == [0.0] * 5


@pytest.mark.parametrize(
    ("simclr_slope", "supervised_slope", "answer"),
    [(1.0, -0.5, "holds"), (-1.0, -0.5, "fails"), (1.0, 0.5, "fails"), (0.0, -0.5, "undecided")],
)
def test_both_slopes_over_the_strength_count(
    monkeypatch, with_color, simclr_slope, supervised_slope, answer
):
    steps = np.array([0.0, 0.1, -0.1, 0.05, -0.05])

    def sloped(slope):
        return lambda tier, color, gray: (slope + steps) * np.log2(color) + 50.0

    monkeypatch.setattr(_simclr_views, "probe_simclr", sloped(simclr_slope))
    monkeypatch.setattr(_simclr_views, "score_supervised", sloped(supervised_slope))
    verdict = _simclr_views.compare_strengths("cpu")
    assert verdict.answer == answer
    np.testing.assert_allclose(verdict.numbers["SimCLR rises by"]["mean"], simclr_slope, atol=1e-9)


@pytest.mark.parametrize(
    ("alone", "answer"), [({}, "holds"), ({"blur": 70.0}, "fails"), ({"crop": 60.0}, "undecided")]
)
def test_no_single_transformation_may_be_as_good_as_the_pair(
    monkeypatch, with_color, capsys, alone, answer
):
    def score(one_branch):
        return alone.get(one_branch[0], 40.0) if len(one_branch) == 1 else 60.0

    noise = iter(np.random.default_rng(0).normal(0, 0.1, (99, 5)))
    monkeypatch.setattr(
        _simclr_views,
        "probe_simclr",
        lambda tier, one_branch, **shorter: score(one_branch) + next(noise),
    )
    verdict = _simclr_views.compare_compositions("cpu")
    assert verdict.answer == answer
    assert verdict.numbers.keys() >= {"crop, then color", "color, then crop", *TRANSFORMATIONS}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-7:]] == list(TRANSFORMATIONS)
    assert lines[-8].split() == list(TRANSFORMATIONS)


def test_the_grid_has_49_cells_at_last_and_each_is_a_flag():
    cells = _simclr_views.CELLS["gpu"]
    assert len(set(cells)) == len(cells) == 49
    for names in cells:
        config = configure("simclr", simclr.PRESETS, "smoke", {"one_branch": names})
        assert config.transformed.one_branch == names


def test_batches_are_compared_at_equal_epochs_and_by_rates_of_their_root(monkeypatch):
    seen = []

    def accuracies(tier, changes):
        changes = dict(changes)
        seen.append(changes)
        slope = 1.0 if changes["steps"] * changes["batch_size"] == 20 * 1024 else 0.2
        score = slope * np.log2(changes["batch_size"]) + SEEDS
        return {"probe_accuracy_few": score * (1 + SEEDS)}

    monkeypatch.setattr(simclr_claims, "accuracies", accuracies)
    verdict = simclr_claims.compare_batches("cpu")
    assert verdict.answer == "holds"
    assert {run["steps"] * run["batch_size"] for run in seen} == {20 * 1024, 80 * 1024}
    rates = {run["batch_size"]: run["learning_rate"] for run in seen}
    np.testing.assert_allclose(rates[256], 2e-3)
    np.testing.assert_allclose(rates[512] / rates[32], 4.0)
    for run in seen:
        configure("simclr", simclr.PRESETS, "cpu", run)


def test_every_batch_divides_the_images():
    for tier, batches in simclr_claims.BATCHES.items():
        images = simclr_claims.OF_BATCHES[tier]["train_images"]
        assert not [batch for batch in batches if images % batch]


def test_h_and_its_projections_are_asked_for_every_seed(monkeypatch):
    """Two seeds of a short run on the digits: each answers by its own parameters."""
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    settings = _simclr_views.settings_of_simclr("smoke") | {"steps": 2, "batch_size": 16}
    settings |= {"steps_per_call": 2, "features": 8, "added": ("rotation",)}
    (run,) = train_runs(simclr, "smoke", 2, settings)
    h, z = _simclr_views.ask(run, "rotation")
    assert h.shape == z.shape == (2,)
    assert (h > 0.5).all()  # of four answers
    assert (h > z).all()  # z has 8 numbers
    first = jax.tree.map(lambda x: x[:1], run.state)
    config = configure("simclr", simclr.PRESETS, "smoke", settings)
    one = Trained(config, jax.tree.map(lambda x: x[0], first), {})
    alone, _ = _simclr_views.ask(one, "rotation")
    np.testing.assert_allclose(alone, h[:1], atol=0.1)  # other draws of the turns


@pytest.mark.parametrize(
    "values",
    [
        {"one_branch": ("crup",)},
        {"added": ("crop",)},
        {"added": ("noise",), "one_branch": ("blur",)},
    ],
)
def test_transformations_that_are_not_known_are_refused(values):
    with pytest.raises(BadInput, match=f"--{next(iter(values))}"):
        configure("simclr", simclr.PRESETS, "smoke", values)


@pytest.mark.parametrize("values", [{"one_branch": ("rotation", "noise")}, {"added": ("sobel",)}])
def test_flags_change_the_views(values):
    plain, changed = (
        simclr.build(configure("simclr", simclr.PRESETS, "smoke", settings))
        for settings in ({}, values)
    )
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    state = jax.jit(plain.learner.init)(KEY)
    losses = [jax.jit(s.learner.step)(KEY, state, images)[1]["loss"] for s in (plain, changed)]
    assert losses[0] != losses[1]
