import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.vision import multi_head as launched
from jaxdl.core import Run, over_seeds
from jaxdl.core.learner import TrainState
from jaxdl.core.run import BadInput
from jaxdl.data import Taught, load, open_images, taught_training
from jaxdl.launch import Outcome, configure
from jaxdl.losses import ntxent
from jaxdl.nn import Classified, ConvNet, Projected
from jaxdl.vision import Pretext, curve_score, label_curve_exhibit, multi_head, simclr, task_one
from jaxdl.vision.label_curve import label_factor
from jaxdl.vision.multi_head import one_net, start_after
from jaxdl.vision.pretext_tasks import contrastive, jigsaw, rotation

KEY = jax.random.key(0)
SHAPE = (8, 8, 1)
COUNTS = (1, 2, 4)
TRUNK = ConvNet(2, (1, 2, 2))


def jitter(key, images):
    return images + 0.1 * jax.random.normal(key, images.shape)


def puzzles(trunk, augment):
    return jigsaw(trunk, image_shape=SHAPE, count=6)


@pytest.fixture(scope="module")
def batch():
    arrays = taught_training(open_images("digits"), 32, counts=COUNTS, seed=1).arrays
    return jax.tree.map(lambda x: x[:32], arrays)


def learner_of(pretext, **options):
    net = Classified(TRUNK, 10)
    options = {"image_shape": SHAPE, "counts": COUNTS, "label_batch": 16} | options
    return multi_head(net, optax.sgd(0.1), lambda key, x: x, pretext, **options)


@pytest.mark.parametrize("make", [contrastive, rotation, puzzles])
def test_the_sum_of_both_losses_in_value_and_gradient(batch, make):
    """The nets are applied here by hand, each to all of its variables."""
    pretext = make(TRUNK, jitter)
    net = Classified(TRUNK, 10)
    learner = one_net(net, optax.sgd(1.0), lambda key, x: x, pretext, image_shape=SHAPE, weight=0.3)
    state = jax.jit(learner.init)(KEY)
    shown, labels = batch.shown[:, 2], batch.labels[:, 2]
    after, metrics = jax.jit(learner.step)(KEY, state, (batch.images, shown, labels))
    inputs, targets = jax.jit(pretext.pose)(jax.random.split(KEY)[0], batch.images / 255.0)

    def first(trunk, rest):
        variables = {"params": {"trunk": trunk, **rest}, **state.extra["pretext"]}
        outputs, _ = pretext.net.apply(variables, inputs, True, mutable=["batch_stats"])
        return pretext.loss(outputs, targets)

    def second(trunk, head):
        variables = {"params": {"trunk": trunk, "head": head}, **state.extra["task"]}
        logits, _ = net.apply(variables, shown / 255.0, True, mutable=["batch_stats"])
        return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    params = state.params
    value1, (trunk1, rest) = jax.jit(jax.value_and_grad(first, (0, 1)))(
        params["trunk"], params["pretext"]
    )
    value2, (trunk2, head) = jax.jit(jax.value_and_grad(second, (0, 1)))(
        params["trunk"], params["head"]
    )
    np.testing.assert_allclose(metrics["pretext_loss"], value1, rtol=1e-4)
    np.testing.assert_allclose(metrics["loss"], value2, rtol=1e-4)
    expected = {
        "trunk": jax.tree.map(lambda x, y: 0.3 * x + y, trunk1, trunk2),
        "head": head,
        "pretext": jax.tree.map(lambda x: 0.3 * x, rest),
    }
    jax.tree.map(
        lambda before, now, g: np.testing.assert_allclose(before - now, g, atol=2e-5),
        dict(params), dict(after.params), expected,
    )  # fmt: skip
    assert max(np.abs(x).max() for x in jax.tree.leaves(trunk1)) > 1e-3


def test_the_contrastive_task_alone_is_simclr(batch):
    ours = task_one(contrastive(TRUNK, jitter), optax.sgd(0.5), image_shape=SHAPE)
    state = jax.jit(ours.init)(KEY)
    theirs = simclr(Projected(TRUNK), optax.sgd(0.5), jitter, image_shape=SHAPE, temperature=0.2)
    params = {"trunk": state.params["trunk"], **state.params["pretext"]}
    tx_state = jax.eval_shape(theirs.init, KEY).opt_state
    same = TrainState(params, tx_state, extra=state.extra["pretext"])
    after, metrics = jax.jit(ours.step)(KEY, state, batch)
    expected, expected_metrics = jax.jit(theirs.step)(KEY, same, batch.images)
    np.testing.assert_allclose(metrics["loss"], expected_metrics["loss"], rtol=1e-5)
    got = {"trunk": after.params["trunk"], **after.params["pretext"]}
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), got, expected.params)
    assert ntxent(jnp.eye(4), jnp.eye(4)) < metrics["loss"]


def test_every_angle_is_asked_for_and_turning_back_gives_the_image(batch):
    pretext = rotation(TRUNK, lambda key, x: x)
    images = batch.images[:5].astype(np.float32)
    inputs, angles = pretext.pose(KEY, images)
    np.testing.assert_array_equal(angles, [0, 1, 2, 3] * 5)
    back = [np.rot90(x, -int(angle)) for x, angle in zip(inputs, angles, strict=True)]
    np.testing.assert_array_equal(np.stack(back), np.repeat(images, 4, axis=0))


def test_without_a_first_task_both_nets_are_the_same(batch):
    learner = learner_of(None)
    state = jax.jit(learner.init)(KEY)
    after, _ = jax.jit(learner.step)(KEY, state, batch)
    jax.tree.map(np.testing.assert_array_equal, after.params["both"], after.params["alone"])
    beside = learner_of(contrastive(TRUNK, jitter))
    first = jax.jit(beside.init)(KEY)
    jax.tree.map(np.testing.assert_array_equal, first.params["alone"], state.params["alone"])
    again, metrics = jax.jit(beside.step)(KEY, first, batch)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6),
        again.params["alone"], after.params["alone"],
    )  # fmt: skip
    kernel = again.params["both"]["trunk"]["Conv3x3_0"]["Dense_0"]["kernel"]
    assert (
        np.abs(kernel - after.params["both"]["trunk"]["Conv3x3_0"]["Dense_0"]["kernel"]).max() > 0
    )
    assert {"loss", "accuracy", "pretext_loss", "alone_loss", "alone_accuracy"} <= metrics.keys()


def test_each_net_sees_its_own_number_of_labels(batch):
    data = load("digits")
    arrays = taught_training(open_images("digits"), 32, counts=COUNTS, seed=1).arrays
    np.testing.assert_array_equal(arrays.images, data.train_images)
    known = {
        (x.tobytes(), int(y)) for x, y in zip(data.train_images, data.train_labels, strict=True)
    }
    seen = [
        {
            (x.tobytes(), int(y))
            for x, y in zip(arrays.shown[:, i], arrays.labels[:, i], strict=True)
        }
        for i in range(3)
    ]
    assert [len(pairs) for pairs in seen] == [10, 20, 40]
    assert seen[0] < seen[1] < seen[2] <= known
    counts = np.unique([x.tobytes() for x in arrays.shown[:, 0]], return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    # The nets of one label a class do not depend on what the others are shown.
    other = Taught(batch.images, batch.shown.copy(), batch.labels)
    other.shown[:, 1:] = 0
    learner = learner_of(None)
    state = jax.jit(learner.init)(KEY)
    step = jax.jit(learner.step)
    one, two = (step(KEY, state, x)[0].params["alone"]["head"]["kernel"] for x in (batch, other))
    np.testing.assert_allclose(one[0], two[0], atol=1e-6)
    assert np.abs(one[1] - two[1]).max() > 1e-4


@pytest.mark.parametrize(
    ("both", "expected"),
    [
        ([0.6, 0.7, 0.8, 0.9], 2.0),  # the same with half the labels
        ([0.5, 0.6, 0.7, 0.8], 1.0),
        ([0.4, 0.5, 0.6, 0.7], 0.5),
        ([0.9, 0.9, 0.9, 0.9], 8**0.5),  # 8 / 2 and 8 / 4: no more was measured
        ([0.5, 0.65, 0.7, 0.8], 2**0.25),  # between two points, on the logarithmic axis
    ],
)
def test_the_factor_of_labels_by_hand(both, expected):
    alone = jnp.array([0.5, 0.6, 0.7, 0.8])
    got = label_factor(jnp.array([1, 2, 4, 8]), jnp.array(both), alone)
    np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_a_curve_that_falls_is_level_there():
    got = label_factor(jnp.array([1, 2, 4]), jnp.array([0.5, 0.6, 0.9]), jnp.array([0.6, 0.5, 0.7]))
    np.testing.assert_allclose(got, 0.5, rtol=1e-3)  # one label suffices for 0.6


def test_the_score_counts_the_hits_of_every_net():
    data = load("digits")
    images = open_images("digits", test_images=70)
    weights = jax.random.normal(KEY, (2, 3, 64, 10))

    def classify(state, pictures):
        logits = jnp.einsum("bp,nlpk->nlbk", pictures.reshape(len(pictures), -1) / 255.0, state)
        return {"both": logits[0], "alone": logits[1]}

    fold = curve_score(images.probe, COUNTS, batch_size=32)(classify)
    hits = fold.init(KEY, weights)
    update = jax.jit(fold.update)
    for part in fold.batches():
        hits = update(hits, weights, part)
    got = fold.result(hits)
    x = data.test_images[:70].reshape(70, -1) / 255.0
    for i, name in enumerate(("", "alone_")):
        for j, count in enumerate(COUNTS):
            right = np.argmax(x @ np.asarray(weights[i, j]), axis=1) == data.test_labels[:70]
            np.testing.assert_allclose(got[f"accuracy_{name}{count}"], right.mean(), atol=1e-6)
    assert got["label_factor"].shape == ()


@pytest.mark.parametrize("seeds", [1, 2])
def test_task_two_begins_with_the_trunk_of_task_one(seeds):
    learner = learner_of(None)
    run = Run(num_seeds=seeds, seed=3)
    first = task_one(rotation(TRUNK, jitter), optax.sgd(0.1), image_shape=SHAPE)
    first = over_seeds(first, seeds) if seeds > 1 else first
    trunk = jax.jit(first.init)(KEY).params["trunk"]
    state = jax.eval_shape(lambda: start_after(learner, trunk, run))
    state = start_after(learner, trunk, run)
    lead = (seeds,) if seeds > 1 else ()
    kernel = trunk["Conv3x3_1"]["Dense_0"]["kernel"]
    both = state.params["both"]["trunk"]["Conv3x3_1"]["Dense_0"]["kernel"]
    assert both.shape == (*lead, 3, *kernel.shape[len(lead) :])
    for count in range(3):
        np.testing.assert_array_equal(both[:, count] if lead else both[count], kernel)
    head = state.params["both"]["head"]["kernel"]
    np.testing.assert_array_equal(head, state.params["alone"]["head"]["kernel"])  # a fresh one
    assert np.abs(head[..., 0, :, :] - head[..., 1, :, :]).max() > 0
    alone = state.params["alone"]["trunk"]["Conv3x3_1"]["Dense_0"]["kernel"]
    assert np.abs(alone - both).max() > 0.01


def test_both_stages_run_and_a_finished_one_is_loaded(tmp_path):
    settings = {"order": "after", "pretext": "rotation", "pretext_steps": 2, "steps": 2}
    settings |= {"steps_per_call": 2, "train_images": 200, "test_images": 50, "devices": 1}
    settings |= {"batch_size": 16, "workdir": str(tmp_path / "run")}
    config = configure("multi_head", launched.PRESETS, "smoke", settings)
    _, result = launched.main(config)
    stages = {path.parent.name for path in tmp_path.glob("run/*/result.json")}
    assert stages == {"task_one", "labels"}
    assert "pretext_loss" not in result["metrics"]
    assert "eval/label_factor" in result["metrics"]
    assert (tmp_path / "run/labels/figures/labels.svg").exists()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    _, again = launched.main(config)
    assert again["fingerprint"] == result["fingerprint"]
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"counts": (1, 2)}, "--counts=1,2 should be three numbers"),
        ({"counts": (1, 4, 2)}, "--counts=1,4,2 should be"),
        ({"label_batch": 48}, "--label_batch=48, --batch_size=64: the first should divide"),
        ({"counts": (1, 2, 300)}, "a class has fewer than 300 training images"),
    ],
)
def test_what_cannot_be_taught_is_refused_in_one_line(settings, text):
    with pytest.raises(BadInput, match=text) as error:
        config = configure("multi_head", launched.PRESETS, "smoke", settings)
        launched.build(config).data()
    assert "\n" not in str(error.value)


def test_a_pretext_without_a_trunk_is_refused():
    pretext = Pretext(ConvNet(2), lambda key, x: (x, ()), lambda y, _: jnp.mean(y))
    with pytest.raises(BadInput, match="a part `trunk`"):
        jax.eval_shape(learner_of(pretext).init, KEY)


def test_the_report_shows_both_curves():
    bar = lambda x: {"mean": x, "ci95": 0.02, "values": [x]}  # noqa: E731
    metrics = {f"eval/accuracy_{n}": bar(0.5 + n / 10) for n in COUNTS}
    metrics |= {f"eval/accuracy_alone_{n}": bar(0.3 + n / 10) for n in COUNTS}
    metrics |= {"eval/label_factor": bar(3.21)}
    outcome = Outcome(metrics, {}, [], num_seeds=1)
    (exhibit,) = label_curve_exhibit(outcome, COUNTS, learned="rotation")
    axis = exhibit.content.axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [60, 70, 90])
    np.testing.assert_allclose(axis.lines[1].get_ydata(), [40, 50, 70])
    assert "3.2 times" in exhibit.caption
    assert label_curve_exhibit(Outcome({}, {}, [], 1), COUNTS, learned="rotation") == []
    assert dataclasses.is_dataclass(launched.PRESETS["cpu"])
