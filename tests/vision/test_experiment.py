import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments.vision import _torch_peers, simclr, simclr_claims
from jaxdl.core import fit
from jaxdl.core.run import BadInput
from jaxdl.data import folder, images
from jaxdl.launch import Outcome, configure, train
from jaxdl.vision import exhibits, figures

KEY = jax.random.key(0)
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("preset", "image_shape", "features"),
    [("smoke", (8, 8, 1), 128), ("gpu", (32, 32, 3), 512), ("paper", (256, 256, 3), 2048)],
)
def test_every_preset_is_a_whole_configuration(preset, image_shape, features):
    config = configure("simclr", simclr.PRESETS, preset)
    system = simclr.build(config)
    images = jax.ShapeDtypeStruct((config.batch_size, *image_shape), jnp.uint8)
    state = jax.eval_shape(system.learner.init, KEY)
    after, metrics = jax.eval_shape(system.learner.step, KEY, state, images)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {x.dtype for x in jax.tree.leaves(after.params)} == {jnp.dtype("float32")}
    assert metrics["loss"].shape == ()
    kept = system.deployment
    assert kept.inputs["images"].shape == image_shape
    rows = {"images": jax.ShapeDtypeStruct((2, *image_shape), jnp.uint8)}
    out = jax.eval_shape(kept.apply, jax.eval_shape(kept.weights, state), rows)
    assert out["features"].shape == (2, features)
    assert out["features"].dtype == jnp.float32


def packed_like_mnist(folder, shape):
    """A system for 100 images of this shape, and the images [100, H, W, C]."""
    x = np.random.default_rng(0).integers(0, 256, (100, *shape), np.uint8)
    y = np.arange(100) % 10
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    settings = {"data": "mnist", "data_dir": str(folder), "steps": 1, "steps_per_call": 1}
    settings |= {"batch_size": 8, "width": 0.25, "few": 0, "baselines": False}
    config = configure("simclr", simclr.PRESETS, "smoke", settings)
    return simclr.build(config), config, x.reshape(100, *(*shape, 1)[:3])


@pytest.mark.parametrize("shape", [(28, 20), (12, 12, 4), (5, 9, 2), (27, 27, 3), (4, 4)])
def test_images_of_any_shape_fit_the_programs(tmp_path, shape):
    system, config, x = packed_like_mnist(tmp_path, shape)
    learner = system.learner
    state = jax.eval_shape(learner.init, KEY)
    jax.eval_shape(learner.step, KEY, state, x[: config.batch_size])
    probed = jax.eval_shape(learner.evaluate.init, KEY, state)
    batch = next(iter(learner.evaluate.batches()))
    assert jax.eval_shape(learner.evaluate.update, probed, state, batch) == probed
    result = jax.eval_shape(learner.evaluate.result, probed)
    assert result["probe_accuracy"].shape == ()
    kept = system.deployment
    rows = {"images": x[:2]}
    assert kept.inputs["images"].shape == x.shape[1:]
    assert jax.eval_shape(kept.apply, kept.weights(state), rows)["features"].shape[0] == 2


def test_images_of_odd_shape_and_channels_train_and_are_exported(tmp_path):
    system, config, x = packed_like_mnist(tmp_path, (12, 9, 4))
    state, result = fit(system.learner, system.data(), config.run, figures=system.figures)
    assert 0 <= result["metrics"]["eval/probe_accuracy"]["mean"] <= 1
    kept = system.deployment
    rows = {"images": x[:2]}
    assert np.isfinite(kept.apply(kept.weights(state), rows)["features"]).all()


def test_what_the_probe_lacks_is_missed_before_the_first_step():
    settings = {"train_images": 60, "batch_size": 32, "steps": 10**9}
    config = configure("simclr", simclr.PRESETS, "smoke", settings)
    with pytest.raises(BadInput, match="fewer than 10 training images"):
        train(simclr.build, config, simclr.ABOUT)


def test_building_reads_nothing(monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise AssertionError("an image was read")

    monkeypatch.setattr(images, "load", fail)
    monkeypatch.setattr(folder, "list_images", fail)
    for preset in simclr.PRESETS:
        config = configure("simclr", simclr.PRESETS, preset, {"data_dir": str(tmp_path / "none")})
        system = simclr.build(config)
        jax.eval_shape(system.learner.init, KEY)
    with pytest.raises(BadInput, match="bfloat16"):
        system.data()


def test_pictures_without_labels_are_learned_from(tmp_path):
    for i in range(4):
        Image.new("RGB", (20, 20), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
    settings = {"data": "imagenet", "data_dir": str(tmp_path), "steps": 1, "steps_per_call": 1}
    settings |= {"batch_size": 2, "width": 0.25, "color": 0.0, "gray": 0.0, "devices": 1}
    config = configure("simclr", simclr.PRESETS, "smoke", settings)
    system = simclr.build(config)
    _, result = fit(system.learner, system.data(), config.run, figures=system.figures)
    assert np.isfinite(result["metrics"]["loss"]["mean"])
    assert not [name for name in result["metrics"] if "accuracy" in name]


def test_launch_files_load_no_jax():
    code = "import sys; import experiments.vision.simclr; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "values",
    [{"batch_size": 0}, {"temperature": 0.0}, {"crop_min": 1.5}, {"width": -1.0}, {"chunk": -1}],
)
def test_values_that_make_no_sense_are_refused(values):
    with pytest.raises(BadInput, match=next(iter(values))):
        configure("simclr", simclr.PRESETS, "cpu", values)


@pytest.mark.parametrize(
    ("gaps", "answer"),
    [
        ({"a": [1.0, 1.1, 0.9], "b": [2.0, 2.2, 1.9]}, "holds"),
        ({"a": [1.0, 1.1, 0.9], "b": [0.5, -0.6, 0.4]}, "undecided"),
        ({"a": [1.0, 1.1, 0.9], "b": [-2.0, -2.2, -1.9]}, "fails"),
    ],
)
def test_the_weakest_interval_decides_a_claim(gaps, answer):
    gaps = {name: np.array(values) for name, values in gaps.items()}
    got = simclr_claims.make_verdict(gaps, {"accuracy": np.array([90.0, 91.0])}, "points")
    assert got.answer == answer
    assert "a 1 ± 0.25 points" in got.summary
    assert got.numbers["accuracy"]["values"] == [90.0, 91.0]


def test_pairs_are_shown_of_the_first_seed():
    pictures = np.full((2, 3, 8, 8, 4), 255, np.uint8)
    arrays = {"pictures": pictures, "views": np.zeros((2, 6, 8, 8, 4), np.float32)}
    (exhibit,) = exhibits.pairs_exhibit(Outcome({}, arrays, [], num_seeds=2))
    shown = [axis.images[0].get_array() for axis in exhibit.content.axes]
    assert len(shown) == 9
    assert [picture.max() for picture in shown] == [1.0] * 3 + [0.0] * 6
    assert exhibits.pairs_exhibit(Outcome({}, {}, [], num_seeds=1)) == []


def test_the_probe_is_shown_where_there_was_one():
    bar = {"mean": 0.9, "ci95": 0.01, "values": [0.9]}
    metrics = {"eval/probe_accuracy": bar, "eval/raw_pixel_accuracy_few": bar}
    outcome = Outcome(metrics, {}, [], num_seeds=1)
    (exhibit,) = exhibits.probe_exhibit(outcome, learned="SimCLR", per_class=10)
    titles = [axis.get_title() for axis in exhibit.content.axes]
    assert titles == ["all labels", "10 labels a class"]
    nothing = Outcome({"loss": bar}, {}, [], num_seeds=1)
    assert exhibits.probe_exhibit(nothing, learned="SimCLR", per_class=10) == []


def test_figures_show_what_they_are_given():
    images = np.full((3, 8, 8, 1), 255, np.uint8)
    figure = figures.pairs_figure(images, np.zeros((6, 8, 8, 1)))
    shown = [axis.images[0].get_array() for axis in figure.axes]
    assert len(shown) == 9
    assert [picture.max() for picture in shown] == [1.0] * 3 + [0.0] * 6


def test_no_program_holds_the_images_as_constants(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (2000, 32, 32, 3), np.uint8)
    y = np.arange(2000) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:500], y_test=y[:500])
    settings = {"data": "mnist", "data_dir": str(tmp_path)}
    system = simclr.build(configure("simclr", simclr.PRESETS, "smoke", settings))
    learner = system.learner
    evaluate = learner.evaluate
    batch = next(iter(evaluate.batches()))
    state = jax.eval_shape(learner.init, KEY)
    probed = jax.eval_shape(evaluate.init, KEY, state)
    traced = [
        jax.make_jaxpr(learner.step)(KEY, state, x[:64]),
        jax.make_jaxpr(evaluate.init)(KEY, state),
        jax.make_jaxpr(evaluate.update)(probed, state, batch),
        jax.make_jaxpr(evaluate.result)(probed),
    ]
    held = sum(np.asarray(const).nbytes for program in traced for const in program.consts)
    assert held < x.nbytes / 100
    kept = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(probed.features))
    assert kept < 2 * x.nbytes  # the pixels as bytes, and the features


def test_peers_of_torch_are_loaded_where_they_are_asked_for(monkeypatch):
    assert _torch_peers.load_steps(False) is None
    assert _torch_peers.load_steps(True) is None
    monkeypatch.delitem(sys.modules, "experiments.vision._torch_steps", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadInput, match="--peers=torch (needs torch: install the|is timed on CPUs)"):
        _torch_peers.load_steps("torch")


def test_a_step_of_a_peer_goes_on_from_call_to_call():
    pytest.importorskip("torch")
    losses = iter((3.0, 2.0))
    candidate = _torch_peers.candidate(lambda: next(losses), items=4, note="half as wide")
    call = jax.jit(candidate.fn)
    assert [float(call(*candidate.args)) for _ in range(2)] == [3.0, 2.0]
    assert candidate.note.endswith("on 1 thread; half as wide")
