"""How SimCLR's claims decide, with accuracies that are made up in the place of training."""

import jax
import numpy as np
import pytest

from experiments.vision import _setup, _simclr_views, simclr, simclr_claims
from experiments.vision._options import Views
from experiments.vision._transformed import TRANSFORMATIONS, Transformed, make_views
from experiments.vision._verdicts import Trained
from jaxdl.core import over_seeds
from jaxdl.core.run import BadInput
from jaxdl.data import open_images
from jaxdl.data.transformations import sobel
from jaxdl.launch import configure
from jaxdl.vision.contrastive import in_pairs

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


def test_h_and_its_projections_are_asked_for_every_seed():
    """Nets that have learned nothing: each seed answers by its own parameters, whoever is there."""
    settings = {"train_images": 400, "test_images": 200, "features": 1, "few": 0}
    two = configure("simclr", simclr.PRESETS, "smoke", settings | {"num_seeds": 2})
    learner = over_seeds(simclr.build(two).learner, 2)
    states = jax.jit(learner.init)(KEY)
    h, z = _simclr_views.ask(Trained(two, states, {}), "rotation")
    assert h.shape == z.shape == (2,)
    assert (h > 0.5).all()  # of four answers
    assert (h > z + 0.1).all()  # z is one number
    for seed in range(2):
        one = configure("simclr", simclr.PRESETS, "smoke", settings | {"first_seed": seed})
        state = jax.tree.map(lambda x, seed=seed: x[seed], states)
        alone, _ = _simclr_views.ask(Trained(one, state, {}), "rotation")
        np.testing.assert_allclose(alone, h[seed : seed + 1], atol=0.011)  # two of 200 images


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


def views_of(**flags):
    """Makes views of 40 digits in pairs, and the same without flags: [40, 2, 8, 8, 1] each."""
    source = open_images("digits")
    images = in_pairs(source.probe().read(range(40)))
    made = [jax.jit(make_views(Transformed(**chosen), Views(), source)) for chosen in (flags, {})]
    return [np.asarray(augment(KEY, images)).reshape(40, 2, 8, 8, 1) for augment in made]


def test_the_flag_of_one_branch_turns_the_second_view_of_the_same_crop():
    views, plain = views_of(one_branch=("rotation",))
    for first, second in views:
        assert min(np.abs(np.rot90(first, k) - second).max() for k in range(4)) < 1e-6
    assert np.abs(views - plain).max() > 0.1


def test_the_flag_of_what_is_added_changes_half_of_the_views():
    views, _ = views_of(added=("sobel",))
    source = open_images("digits")
    own_key, _ = jax.random.split(KEY)
    images = in_pairs(source.probe().read(range(40)))
    before = jax.jit(_setup.views(Views(), source))(own_key, images).reshape(views.shape)
    stays = np.abs(views - before).max(axis=(2, 3, 4)) < 1e-6
    np.testing.assert_allclose(stays.mean(), 0.5, atol=0.2)  # 80 views
    filtered = np.asarray(sobel(before.reshape(80, 8, 8, 1))).reshape(views.shape)
    np.testing.assert_allclose(views[~stays], filtered[~stays], atol=1e-5)
