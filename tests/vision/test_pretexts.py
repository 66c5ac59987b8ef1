"""What the launch files and claims of all pretext tasks keep."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments._systems import systems
from experiments.vision import _pretexts, jigsaw_claims, rotation_claims
from jaxdl.core import fit
from jaxdl.core.learner import Fold, TrainState
from jaxdl.core.run import BadInput
from jaxdl.launch import Outcome, configure
from jaxdl.vision import puzzles_exhibit
from jaxdl.vision.pretext_exhibits import assemble
from jaxdl.vision.pretexts import probe_and_show

KEY = jax.random.key(0)
NAMES = ("rotation", "jigsaw", "context_encoder")


def built(name, preset="smoke", **settings):
    module = systems()[name].module
    config = configure(name, module.PRESETS, preset, settings)
    return module.build(config), config


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("preset", "image_shape", "features"),
    [("smoke", (8, 8, 1), 128), ("gpu", (32, 32, 3), 512), ("paper", (256, 256, 3), 2048)],
)
def test_every_preset_is_a_whole_configuration(name, preset, image_shape, features):
    system, config = built(name, preset)
    images = jax.ShapeDtypeStruct((config.batch_size, *image_shape), jnp.uint8)
    state = jax.eval_shape(system.learner.init, KEY)
    after, metrics = jax.eval_shape(system.learner.step, KEY, state, images)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {x.dtype for x in jax.tree.leaves(after.params)} == {jnp.dtype("float32")}
    assert metrics["loss"].shape == ()
    assert "trunk" in state.params  # where fine-tuning finds it
    kept = system.deployment
    rows = {"images": jax.ShapeDtypeStruct((2, *image_shape), jnp.uint8)}
    out = jax.eval_shape(kept.apply, jax.eval_shape(kept.weights, state), rows)
    assert (out["features"].shape, out["features"].dtype) == ((2, features), jnp.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(28, 20), (12, 13, 4), (5, 9, 2)])
def test_images_of_any_shape_fit_the_programs(name, shape, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (100, *shape), np.uint8)
    y = np.arange(100) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    settings = {"data": "mnist", "data_dir": str(tmp_path), "few": 0, "width": 0.25}
    system, _ = built(name, batch_size=1, **settings)
    learner = system.learner
    images = x.reshape(100, *(*shape, 1)[:3])
    state = jax.eval_shape(learner.init, KEY)
    jax.eval_shape(learner.step, KEY, state, images[:1])
    watched = jax.eval_shape(learner.evaluate.init, KEY, state)
    batch = next(iter(learner.evaluate.batches()))
    assert jax.eval_shape(learner.evaluate.update, watched, state, batch) == watched
    result = jax.eval_shape(learner.evaluate.result, watched)
    assert result["probe_accuracy"].shape == ()
    assert result["pictures"].shape == (10, *images.shape[1:])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_several_seeds_are_trained_on_one_image_a_step_and_shown(name, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (100, 9, 7, 3), np.uint8)
    y = np.arange(100) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    settings = {"data": "mnist", "data_dir": str(tmp_path), "few": 0, "width": 0.25}
    settings |= {"steps": 1, "steps_per_call": 1, "num_seeds": 2, "batch_size": 1, "devices": 1}
    system, config = built(name, workdir=str(tmp_path / "run"), **settings)
    fit(system.learner, system.data(), config.run, figures=system.figures)
    assert len(list((tmp_path / "run/figures").glob("*"))) >= 2


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rotation", {"margin": -1}),
        ("jigsaw", {"side": 4}),
        ("jigsaw", {"drop": 1.5}),
        ("jigsaw", {"gap": -1}),
        ("context_encoder", {"blocks": 0}),
        ("context_encoder", {"adversarial": 1.5}),
    ],
)
def test_values_that_make_no_sense_are_refused(name, settings):
    with pytest.raises(BadInput, match=next(iter(settings))):
        built(name, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("jigsaw", {"tile": 64}, r"64 pixels with gaps of 11 need images of at least 150"),
        ("jigsaw", {"permutations": 25}, "4 tiles have 1 to 24 permutations, 25 are asked for"),
        ("rotation", {"margin": 4}, "leaves nothing of images of 8 x 8"),
    ],
)
def test_what_does_not_fit_the_images_is_one_line(name, settings, message):
    with pytest.raises(BadInput, match=message) as error:
        built(name, **settings)
    assert "\n" not in str(error.value)


def test_puzzles_are_shown_solved_where_the_net_is_right():
    tiles = np.arange(4.0).reshape(1, 4, 1, 1, 1).repeat(2, 0).repeat(2, 2).repeat(2, 3) / 4
    order = np.array([[2, 0, 3, 1]] * 2)
    solution = np.array([[2, 0, 3, 1], [0, 2, 3, 1]])
    arrays = {"tiles": tiles, "order": order, "solution": solution}
    (exhibit,) = puzzles_exhibit(Outcome({}, arrays, [], num_seeds=1), side=2)
    shown = [np.asarray(axis.images[0].get_array()) for axis in exhibit.content.axes]
    puzzle, solved, truth = shown[0:2], shown[2:4], shown[4:6]
    assert puzzle[0][0, 0] == 0.5 and (puzzle[0] != truth[0]).any()
    np.testing.assert_array_equal(solved[0], truth[0])
    assert (solved[1] != truth[1]).any()
    titles = [axis.get_title() for axis in exhibit.content.axes[2:4]]
    assert titles == ["100% in place", "50% in place"]
    assert puzzles_exhibit(Outcome({}, {}, [], num_seeds=1), side=2) == []


def test_tiles_are_laid_out_in_reading_order():
    tiles = np.arange(9.0).reshape(1, 9, 1, 1, 1).repeat(2, 2).repeat(2, 3)
    picture = assemble(tiles, 3)[0, ..., 0]
    assert picture.shape == (8, 8)
    np.testing.assert_array_equal(picture[::3, ::3], np.arange(9.0).reshape(3, 3))
    assert (picture[2] == 1).all() and (picture[:, 5] == 1).all()  # white lines


class Probed(NamedTuple):
    key: jax.Array
    total: float
    pictures: jax.Array


def test_what_is_shown_comes_of_the_state_that_is_probed():
    fold = Fold(
        batches=lambda: iter([5.0]),
        init=lambda key, state: Probed(key, 0.0, jnp.ones(3)),
        update=lambda probed, state, batch: probed._replace(total=probed.total + batch),
        result=lambda probed: {"total": probed.total},
    )
    shown = probe_and_show(fold, lambda key, state, pictures: {"twice": state.params * pictures})
    state = TrainState(2.0, "the optimizer's")
    watched = shown.init(KEY, state)
    assert watched.state.opt_state == ()
    result = shown.result(shown.update(watched, state, 5.0))
    assert result["total"] == 5.0
    np.testing.assert_array_equal(result["twice"], [2.0, 2.0, 2.0])


def fake_rows(scores):
    values = {name: np.array(score) for name, score in scores.items()}
    return {name: rotation_claims.Row(10, 1e9, x, x) for name, x in values.items()}


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ((60.0, 55.0, 50.0, 50.5), "holds"),
        ((60.0, 55.0, 50.0, 45.0), "fails"),  # jigsaw and missing patch are not equal
        ((54.0, 55.0, 50.0, 50.0), "fails"),
        ((60.0, 55.0, 50.0, 48.05), "undecided"),
    ],
)
def test_the_order_is_decided_by_every_gap(monkeypatch, scores, answer):
    noise = np.array([-0.1, 0.0, 0.1, 0.05, -0.05])
    rows = {
        name: x + (noise if i % 2 else -noise)
        for i, (name, x) in enumerate(zip(rotation_claims.TASKS, scores, strict=True))
    }
    monkeypatch.setattr(rotation_claims, "measure_table", lambda *_: fake_rows(rows))
    verdict = rotation_claims.rank("cpu", "steps")
    assert verdict.answer == answer
    assert "contrastive 10 steps" in verdict.summary


def test_equal_flops_are_simclrs(monkeypatch):
    costs = {"simclr": 4.0, "rotation": 8.0, "jigsaw": 1.0, "context_encoder": 2.0}
    found = {"eval/probe_accuracy": np.ones(2), "eval/probe_accuracy_few": np.ones(2)}
    monkeypatch.setattr(rotation_claims, "count_flops", lambda name, tier: costs[name])
    monkeypatch.setattr(rotation_claims, "train_seeds", lambda *_: found)
    monkeypatch.setattr(rotation_claims, "print_table", lambda *_: None)
    table = rotation_claims.measure_table.__wrapped__("cpu", "FLOPs")
    budget = rotation_claims.build_steps("cpu")
    assert {name: row.steps * row.flops for name, row in table.items()} == dict.fromkeys(
        costs, 4.0 * budget
    )
    table = rotation_claims.measure_table.__wrapped__("cpu", "steps")
    assert {row.steps for row in table.values()} == {budget}


def test_claims_say_what_they_are_measured_on(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXDL_DATA", str(tmp_path))
    assert "since JAXDL_DATA has no CIFAR-10" in _pretexts.images_text()
    assert _pretexts.settings_of("cpu", {})["data"] == "digits"
    (tmp_path / "vision").mkdir()
    (tmp_path / "vision/cifar10_jpeg_train.npz").touch()
    assert "CIFAR-10" in _pretexts.images_text()
    settings = _pretexts.settings_of("cpu", {"steps": 7})
    assert settings["data"] == "cifar10" and settings["steps"] == 7


def test_without_guards_a_puzzle_has_no_gap():
    settings = jigsaw_claims.UNGUARDED | {"tile": jigsaw_claims.DIGITS_TILE}
    system, config = built("jigsaw", **settings)
    assert config.gap == 0 and not config.normalize
    jax.eval_shape(system.learner.init, KEY)


def test_every_task_is_compared_with_its_untrained_net_and_with_pixels(monkeypatch, capsys):
    rows = fake_rows({name: [60.0, 60.2, 59.9] for name in rotation_claims.TASKS})

    def probe_untrained(name, tier, seeds, baselines):
        names = ["probe_accuracy", "probe_accuracy_few"]
        names += ["raw_pixel_accuracy", "raw_pixel_accuracy_few"] if baselines else []
        worse = {"jigsaw": 59.0}.get(name, 50.0)
        return dict.fromkeys(names, np.array([worse, worse + 0.1, worse][: 1 if baselines else 3]))

    monkeypatch.setattr(rotation_claims, "measure_table", lambda *_: rows)
    monkeypatch.setattr(rotation_claims, "probe_untrained", probe_untrained)
    verdict = rotation_claims.compare_with_baselines("cpu")
    assert verdict.answer == "holds" and "raw pixels 50.0 %" in verdict.summary
    assert "jigsaw over random features 1" in verdict.summary
    rotation_claims.print_table(rows, "cpu", "steps")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("equal steps, on ") and len(lines) == 6
    assert lines[1].split() == ["raw", "pixels", "50.0", "50.0"]
    assert "10 steps of 1.00 GFLOP" in lines[2]
