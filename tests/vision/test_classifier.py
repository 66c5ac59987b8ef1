import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from experiments.vision import simclr, supervised
from jaxdl.core import Run, fit
from jaxdl.core.learner import DeviceData, TrainState
from jaxdl.core.run import BadInput
from jaxdl.data import Labelled, choose_labelled, labelled_training, load, open_images
from jaxdl.launch import Outcome, configure, train
from jaxdl.nn import Classified, ConvNet
from jaxdl.vision import classifier_score, mistakes_exhibit
from jaxdl.vision import supervised as make_supervised
from jaxdl.vision.scores import SHOWN

KEY = jax.random.key(0)
SMALL = {"train_images": 400, "test_images": 200, "steps_per_call": 10, "devices": 1, "width": 0.5}


def configured(module, steps, **settings):
    values = {"batch_size": 64, "steps": steps} | SMALL | settings
    return configure(module.__name__.rpartition(".")[2], module.PRESETS, "smoke", values)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """The workdir of a SimCLR run, and its trunk."""
    workdir = tmp_path_factory.mktemp("runs") / "simclr"
    config = configured(simclr, 10, workdir=str(workdir), seed=1, baselines=False, few=0)
    state, _ = train(simclr.build, config, simclr.ABOUT)
    return workdir, jax.device_get(state.params["trunk"])


def test_fine_tuning_begins_with_the_trunk_of_another_run_and_a_fresh_head(pretrained):
    workdir, trunk = pretrained
    start = {"init_from": f"{workdir}#trunk", "labels": 0.1}
    still = configured(supervised, 10, **start, frozen=("trunk",))
    state, result = train(supervised.build, still, supervised.ABOUT)
    jax.tree.map(np.testing.assert_array_equal, state.params["trunk"], trunk)
    scratch, _ = train(supervised.build, configured(supervised, 10, labels=0.1), supervised.ABOUT)
    first = [tree["Conv3x3_0"]["Dense_0"]["kernel"] for tree in (scratch.params["trunk"], trunk)]
    assert not np.allclose(*first, atol=0.05)
    assert (np.abs(state.params["head"]["bias"]) > 0).all()  # it has learned
    statistics = state.extra["batch_stats"]["trunk"]
    assert (statistics["BatchNorm_0"]["mean"] != 0).all()  # measured anew
    assert 0.1 < result["metrics"]["eval/accuracy"]["mean"] <= 1


def test_the_workdir_of_another_net_is_refused_with_what_differs(pretrained):
    workdir, _ = pretrained
    wide = configured(supervised, 1, init_from=f"{workdir}#trunk", width=1.0)
    with pytest.raises(BadInput, match="(?s)does not fit.*Conv3x3_0"):
        train(supervised.build, wide, supervised.ABOUT)
    whole = configured(supervised, 1, init_from=str(workdir))
    with pytest.raises(BadInput, match="does not fit"):
        train(supervised.build, whole, supervised.ABOUT)
    none = configured(supervised, 1, init_from=f"{workdir}-gone#trunk")
    with pytest.raises(BadInput, match="holds no checkpoints"):
        train(supervised.build, none, supervised.ABOUT)


@pytest.mark.parametrize("name", ["simclr", "moco", "rotation", "jigsaw", "context_encoder"])
def test_the_trunk_of_every_image_learner_fits(name):
    def trunk_of(name):
        module = importlib.import_module(f"experiments.vision.{name}")
        system = module.build(configure(name, module.PRESETS, "smoke"))
        return jax.eval_shape(system.learner.init, KEY).params["trunk"]

    assert trunk_of(name) == trunk_of("supervised")


def learner_of(frozen=(), tx=None):
    net = Classified(ConvNet(4, (1, 2, 2)), 10)
    tx = tx or optax.adamw(1e-2, weight_decay=0.1)
    return make_supervised(net, tx, lambda key, x: x, image_shape=(8, 8, 1), frozen=frozen)


@pytest.fixture(scope="module")
def batch():
    data = load("digits")
    return Labelled(data.train_images[:64], data.train_labels[:64])


@pytest.mark.parametrize(
    ("frozen", "moved"),
    [
        (("trunk",), {"head"}),
        (("trunk/Conv3x3_0", "trunk/BatchNorm_0", "head"), {"trunk"}),
        ((), {"trunk", "head"}),
    ],
)
def test_frozen_parts_stay_and_the_others_learn(batch, frozen, moved):
    learner = learner_of(frozen)
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, batch)
    same = jax.tree.map(lambda x, y: bool(jnp.all(x == y)), state.params, after.params)
    assert {part for part in same if not all(jax.tree.leaves(same[part]))} == moved
    if "trunk/Conv3x3_0" in frozen:
        assert same["trunk"]["Conv3x3_0"]["Dense_0"]["kernel"]
        assert not same["trunk"]["Conv3x3_1"]["Dense_0"]["kernel"]
    assert not np.allclose(after.extra["batch_stats"]["trunk"]["BatchNorm_0"]["mean"], 0)
    assert np.isfinite(metrics["loss"])


def test_a_frozen_trunk_costs_no_gradient(batch):
    state = jax.eval_shape(learner_of().init, KEY)

    def flops(learner):
        state = jax.eval_shape(learner.init, KEY)
        return jax.jit(learner.step).lower(KEY, state, batch).compile().cost_analysis()["flops"]

    assert flops(learner_of(("trunk",))) < 0.6 * flops(learner_of())
    assert state.params["head"]["kernel"].shape == (64, 10)


def test_one_step_is_that_of_cross_entropy_by_hand(batch):
    """Against the gradient of the head's own formula: (p - y) h^T / B."""
    learner = learner_of(("trunk",), optax.sgd(1.0))
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, batch)
    trunk = {"params": state.params["trunk"], "batch_stats": state.extra["batch_stats"]["trunk"]}
    h, _ = ConvNet(4, (1, 2, 2)).apply(trunk, batch.images / 255.0, True, mutable=["batch_stats"])
    logits = np.asarray(h, np.float64) @ state.params["head"]["kernel"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = np.eye(10)[batch.labels]
    np.testing.assert_allclose(metrics["loss"], -np.mean(np.log((p * y).sum(1))), rtol=1e-4)
    change = after.params["head"]["kernel"] - state.params["head"]["kernel"]
    np.testing.assert_allclose(change, -h.T @ (p - y) / 64, atol=1e-5)


@pytest.mark.parametrize("frozen", [("trunks",), ("trunk/Conv3x3_9",), ("trunk", "head")])
def test_what_cannot_be_frozen_is_refused(frozen):
    with pytest.raises(BadInput, match="--frozen="):
        jax.eval_shape(learner_of(frozen).init, KEY)


def test_learns_the_digits(batch):
    data = load("digits")
    score = classifier_score(open_images("digits").probe, num_classes=10)
    net = Classified(ConvNet(8, (1, 2, 2)), 10)
    learner = make_supervised(
        net, optax.adam(3e-3), lambda key, x: x, image_shape=(8, 8, 1), score=score
    )
    arrays = DeviceData(Labelled(data.train_images, data.train_labels), 128)
    _, result = fit(learner, arrays, Run(steps=100, steps_per_call=50, devices=1))
    assert result["metrics"]["eval/accuracy"]["mean"] > 0.93
    assert result["metrics"]["eval/top5_accuracy"]["mean"] > 0.99


@pytest.mark.parametrize(("share", "counts"), [(0.1, (12, 15)), (0.01, (1, 2)), (1.0, (120, 150))])
def test_a_share_of_the_labels_is_drawn_class_by_class(share, counts):
    data = open_images("digits").probe()
    rows = choose_labelled(data, share=share, seed=3)
    found = np.bincount(data.train_labels[rows], minlength=10)
    assert len(set(rows)) == len(rows)
    assert counts[0] <= found.min() and found.max() <= counts[1]
    if share < 1:
        other = choose_labelled(data, share=share, seed=4)
        assert set(rows) != set(other)
        np.testing.assert_array_equal(rows, choose_labelled(data, share=share, seed=3))


def test_few_labels_fill_a_batch_several_times():
    data = load("digits")
    got = labelled_training(open_images("digits"), 64, per_class=2, seed=1)
    assert got.arrays.images.shape == (80, 8, 8, 1)
    pairs = {(x.tobytes(), int(y)) for x, y in zip(*got.arrays, strict=True)}
    assert len(pairs) == 20
    known = {
        (x.tobytes(), int(y)) for x, y in zip(data.train_images, data.train_labels, strict=True)
    }
    assert pairs <= known


def test_fewer_labels_than_classes_are_refused(capsys):
    for labels in ({"labels": 0.001}, {"per_class": 200}):
        config = configured(supervised, 1, **labels)
        with pytest.raises(BadInput, match="fewer") as error:
            train(supervised.build, config, supervised.ABOUT)
        assert "\n" not in str(error.value)
    config = configured(supervised, 1, classes=7)
    with pytest.raises(BadInput, match="--classes=7: the images have 10 classes"):
        train(supervised.build, config, supervised.ABOUT)


def folder_of(path, classes=2, each=3):
    for half in ("train", "val"):
        for label in range(classes):
            (path / half / str(label)).mkdir(parents=True)
            for i in range(each):
                color = (200 * label, 20 * i, 100)
                Image.new("RGB", (20, 20), color).save(path / half / str(label) / f"{i}.png")


def test_a_folder_of_pictures_is_read_with_its_labels(tmp_path):
    folder_of(tmp_path)
    data = labelled_training(open_images("imagenet", tmp_path), 4, per_class=2)
    seen = [data.fetch(7, step, np.arange(4)) for step in range(3)]
    for batch in seen:
        assert batch.images.shape == (4, 256, 256, 3)
        np.testing.assert_array_equal(batch.images[:, 0, 0, 0] // 200, batch.labels)
        assert len({x.tobytes() for x in batch.images}) == 4  # an epoch holds each once
    again = data.fetch(7, 1, np.arange(2, 4))
    np.testing.assert_array_equal(again.images, seen[1].images[2:])
    assert data.identity


def test_a_folder_of_pictures_is_learned_and_scored(tmp_path):
    folder_of(tmp_path)
    config = configured(
        supervised, 1, data="imagenet", data_dir=str(tmp_path), classes=2, per_class=2,
        batch_size=8, width=0.25, steps_per_call=1, train_images=0, test_images=0,
    )  # fmt: skip
    system = supervised.build(config)
    _, result = fit(system.learner, system.data(), config.run, figures=system.figures)
    assert np.isfinite(result["metrics"]["loss"]["mean"])
    assert result["metrics"]["eval/accuracy"]["mean"] in (0.0, 0.5, 1.0)
    assert "eval/top5_accuracy" not in result["metrics"]


def test_pictures_without_labels_are_refused(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "0.png")
    with pytest.raises(BadInput, match="no labels"):
        labelled_training(open_images("imagenet", tmp_path), 1)


def scored(logits_of, batch_size=64, **options):
    """The evaluation of a function of images, which stands for a net."""
    images = open_images("digits", **options)
    fold = classifier_score(images.probe, num_classes=10, batch_size=batch_size)
    fold = fold(lambda state, images: logits_of(images))
    state = TrainState((), ())
    total = jax.jit(fold.init)(KEY, state)
    update = jax.jit(fold.update)
    for batch in fold.batches():
        total = update(total, state, batch)
    return jax.device_get(jax.jit(fold.result)(total))


@pytest.mark.parametrize("batch_size", [64, 130, 1000])
def test_the_score_is_numpys(batch_size):
    data = load("digits")
    weights = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    logits = data.test_images[:130].reshape(130, -1) / 255.0 @ weights
    labels = data.test_labels[:130]
    got = scored(lambda x: x.reshape(len(x), -1) / 255.0 @ weights, batch_size, test_images=130)
    np.testing.assert_allclose(got["accuracy"], np.mean(logits.argmax(1) == labels), atol=1e-6)
    in_top = [label in row for label, row in zip(labels, np.argsort(-logits)[:, :5], strict=True)]
    np.testing.assert_allclose(got["top5_accuracy"], np.mean(in_top), atol=1e-6)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, logits.argmax(1)), 1)
    np.testing.assert_array_equal(got["confusion"], confusion)
    own = logits[np.arange(130), labels] - np.log(np.exp(logits).sum(1))
    worst = np.argsort(own)[:SHOWN]
    np.testing.assert_array_equal(got["wrong_pictures"], data.test_images[worst])
    np.testing.assert_array_equal(got["wrong_labels"], labels[worst])
    np.testing.assert_array_equal(got["wrong_predictions"], logits.argmax(1)[worst])


def test_the_report_shows_mistakes_and_confusions():
    got = scored(lambda x: jnp.zeros((len(x), 10)), test_images=7)
    assert got["wrong_pictures"].shape == (7, 8, 8, 1)
    shown = mistakes_exhibit(Outcome({}, got, [], num_seeds=1))
    assert [exhibit.name for exhibit in shown] == ["mistakes", "confusion"]
    titles = [axis.get_title() for axis in shown[0].content.axes]
    labels = load("digits").test_labels[:7]
    assert sorted(titles) == sorted(f"0, is {label}" for label in labels)
    texts = [int(text.get_text()) for text in shown[1].content.axes[0].texts]
    assert sum(texts) == 7
    assert mistakes_exhibit(Outcome({}, {}, [], num_seeds=1)) == []
