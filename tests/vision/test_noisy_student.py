"""Noisy Student's loss, its lessons, and its chain of stages."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.vision import _student
from experiments.vision import noisy_student as launch_file
from jaxdl.core.learner import over_seeds, seed_keys
from jaxdl.core.run import BadInput, Run
from jaxdl.data.pool import OUTSIDE, Pool
from jaxdl.launch import Outcome, configure
from jaxdl.nn.noisy import NoisyMLP
from jaxdl.vision import lessons, noisy_student
from jaxdl.vision.noisy_student import Lesson, Sizes, classify, judge_pseudo_labels, untaught
from jaxdl.vision.student_exhibits import student_exhibits
from tests.core.helpers import finish, result, start, wait_for

KEY = jax.random.key(0)
SHAPE = (3, 3, 1)
CLASSES = 3
SIZES = Sizes(labeled=3, unlabeled=12, per_class=2, classes=CLASSES)
NET = NoisyMLP(CLASSES, 8, 1)


def pool_of(rows=20):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (rows, *SHAPE), np.uint8)
    labels = rng.integers(0, CLASSES, rows).astype(np.int32)
    return Pool(images, labels, images[:9], labels[:9], CLASSES)


POOL = pool_of()


def learner_of(net=NET, augment=lambda key, images: images, unlabeled_batch=4, **options):
    return noisy_student(
        net,
        optax.sgd(1.0),
        augment,
        lambda: POOL,
        image_shape=SHAPE,
        sizes=SIZES,
        labeled_batch=4,
        unlabeled_batch=unlabeled_batch,
        **options,
    )


def lesson_of_one_image_each():
    """A lesson in which every draw is the same: row 5 with its label, row 9 with a guess."""
    targets = jnp.tile(jnp.array([0.2, 0.5, 0.3]), (SIZES.unlabeled, 1))
    return untaught(SIZES)._replace(
        labeled=jnp.full(SIZES.labeled, 5, jnp.int32),
        unlabeled=jnp.full(SIZES.unlabeled, 9, jnp.int32),
        targets=targets.at[2].set(jnp.array([0.7, 0.1, 0.2])),
        chosen=jnp.full(SIZES.per_class * CLASSES, 2, jnp.int32),
    )


def log_probs(params, row):
    logits = NET.apply({"params": params}, POOL.images[row][None] / 255, False)[0]
    return logits - jax.nn.logsumexp(logits)


@pytest.mark.parametrize("unlabeled_batch", [4, 0])
def test_the_loss_and_its_gradient_are_those_of_algorithm_1(unlabeled_batch):
    learner = learner_of(unlabeled_batch=unlabeled_batch)
    state = jax.jit(learner.init)(KEY)._replace(extra=lesson_of_one_image_each())

    def by_hand(params):
        labeled = -log_probs(params, 5)[POOL.labels[5]]
        unlabeled = -jnp.dot(jnp.array([0.7, 0.1, 0.2]), log_probs(params, 9))
        return labeled + (unlabeled if unlabeled_batch else 0.0)

    after, metrics = jax.jit(learner.step)(KEY, state, ())
    value, gradient = jax.jit(jax.value_and_grad(by_hand))(state.params)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    stepped = jax.tree.map(jnp.subtract, state.params, gradient)  # plain descent at rate 1
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), after.params, stepped)
    jax.tree.map(np.testing.assert_array_equal, after.extra, state.extra)


def test_noise_of_the_input_is_in_training_alone():
    def blank(key, images):
        return jnp.zeros_like(images)

    plain, noisy = learner_of(), learner_of(augment=blank)
    state = jax.jit(plain.init)(KEY)
    black = state._replace(extra=lesson_of_one_image_each())
    losses = [jax.jit(x.step)(KEY, black, ())[1]["loss"] for x in (plain, noisy)]
    assert abs(losses[0] - losses[1]) > 1e-4
    first, second = (jax.jit(x.evaluate)(KEY, state) for x in (plain, noisy))
    assert first["accuracy"] == second["accuracy"]


def test_classifying_in_parts_is_classifying_at_once():
    params = jax.jit(learner_of().init)(KEY).params
    logits = NET.apply({"params": params}, POOL.images / 255.0, False)
    got = jax.jit(lambda params: classify(NET, params, POOL.images))(params)
    np.testing.assert_allclose(got, jax.nn.softmax(logits), atol=1e-6)


def test_pseudo_labels_are_judged_in_the_order_of_their_confidence():
    rng = np.random.default_rng(0)
    targets = rng.dirichlet(np.ones(CLASSES), SIZES.unlabeled).astype(np.float32)
    pool = POOL._replace(labels=np.where(np.arange(20) == 3, OUTSIDE, POOL.labels))
    lesson = untaught(SIZES)._replace(
        targets=jnp.asarray(targets),
        confidence=jnp.asarray(targets.max(axis=1)),
        chosen=jnp.array([0, 0, 1, 4, 7, 11]),
    )
    judged = judge_pseudo_labels(pool, lesson)
    truth = pool.labels[3:15]
    right = targets.argmax(axis=1) == truth
    order = np.argsort(-targets.max(axis=1))
    np.testing.assert_allclose(judged["pseudo_label_accuracy"], right[[0, 0, 1, 4, 7, 11]].mean())
    np.testing.assert_array_equal(judged["is_right"], right[order])
    np.testing.assert_array_equal(judged["confidence"], targets.max(axis=1)[order])
    np.testing.assert_array_equal(judged["shown_label"], truth[order])
    np.testing.assert_array_equal(judged["shown"], pool.images[3:15][order])
    assert not right[0]  # an image of other things


def lessons_for(seeds):
    return lessons.first_lessons(POOL, SIZES, seeds)


def test_a_seed_begins_alike_beside_others_and_alone():
    both = lessons.begin_with(learner_of(), lessons_for(range(2)), Run(num_seeds=2))
    alone = lessons.begin_with(learner_of(), lessons_for(range(1, 2)), Run(first_seed=1))
    second = jax.tree.map(lambda x: x[1], both)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), second, alone)
    assert np.any(both.extra.labeled[0] != both.extra.labeled[1])
    step = jax.jit(over_seeds(learner_of(), 2).step)
    after, _ = step(KEY, both, ())
    one, _ = jax.jit(learner_of().step)(seed_keys(KEY, range(1, 2))[0], alone, ())
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x[1], y, atol=1e-5), after.params, one.params
    )


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_teacher_guesses_at_the_unlabeled_rows_without_noise(kind):
    learner = learner_of(net=NET.clone(dropout=0.5, drop_path=0.5))
    first = lessons.record(lessons_for(range(2)), "teacher", np.array([0.25, 0.5]))
    state = lessons.begin_with(learner, first, Run(num_seeds=2))
    taught = lessons.next_lessons(first, NET, state, POOL, kind=kind, per_class=SIZES.per_class)
    assert isinstance(taught, Lesson)
    for seed in range(2):
        params = jax.tree.map(lambda x, seed=seed: x[seed], state.params)
        images = POOL.images[first.unlabeled[seed]] / 255
        expected = np.asarray(jax.nn.softmax(NET.apply({"params": params}, images, False)))
        np.testing.assert_allclose(taught.confidence[seed], expected.max(axis=1), atol=1e-6)
        if kind == "hard":
            expected = np.eye(CLASSES)[expected.argmax(axis=1)]
        np.testing.assert_allclose(taught.targets[seed], expected, atol=1e-6)
    np.testing.assert_array_equal(taught.before["teacher"], np.float32([0.25, 0.5]))
    before = jax.eval_shape(lambda: first)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), taught) == jax.tree.map(
        lambda x: (x.shape, x.dtype), before
    )


SMOKE = {"labels": 10, "unlabeled": 40, "train_images": 100, "test_images": 60, "steps": 4}
SMOKE |= {"teacher_steps": 4, "per_class": 4, "labeled_batch": 8, "unlabeled_batch": 8}
SMOKE |= {"teacher_width": 8, "student_width": 16, "operations": 0}


def smoke(**changes):
    return configure("noisy_student", launch_file.PRESETS, "smoke", SMOKE | changes)


@pytest.mark.slow
def test_each_stage_is_told_how_the_earlier_ones_did(tmp_path):
    config = smoke(iterations=2, num_seeds=2, workdir=str(tmp_path / "run"))
    _, last = launch_file.main(config)
    results = {
        stage: json.loads((tmp_path / "run" / stage / "result.json").read_text())["metrics"]
        for stage in ("teacher", "control", "student", "student2")
    }
    assert last["metrics"] == results["student2"]
    for stage, teacher in (("student", "teacher"), ("student2", "student")):
        for name, source in (("teacher", teacher), ("control", "control")):
            told = results[stage][f"eval/{name}_accuracy"]["values"]
            np.testing.assert_allclose(told, results[source]["eval/accuracy"]["values"], atol=1e-6)
    assert "eval/pseudo_label_accuracy" not in results["control"]
    figures = {path.stem for path in (tmp_path / "run" / "student2").glob("figures/*")}
    assert {"stages", "pseudo_labels", "sheet"} <= figures


@pytest.mark.slow
def test_a_wide_resnet_learns_with_model_noise_and_hard_labels():
    config = smoke(net="wide_resnet", teacher_width=1, student_width=1, noise="model")
    config = replace(config, pseudo="hard")
    system = launch_file.build(config)
    state = jax.eval_shape(system.learner.init, KEY)
    after, metrics = jax.eval_shape(system.learner.step, KEY, state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert metrics["loss"].shape == ()


def test_building_and_beginning_read_nothing(tmp_path):
    config = smoke(data="mnist", data_dir=str(tmp_path))
    system = launch_file.build(config)
    jax.eval_shape(system.learner.init, KEY)
    with pytest.raises(BadInput, match="MNIST is looked for"):
        system.data()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": 9}, "--labels=9 are fewer than the 10 classes"),
        ({"labels": 15}, "no multiple of the 10 classes"),
        ({"unlabeled": 91}, "more than the 100 images"),
        ({"student_width": 4}, "at least as wide as its teacher"),
        ({"outside": 3}, "--outside and --outside_file are given together"),
        ({"labeled_batch": 7, "devices": 2}, "not divisible by devices=2"),
        ({"data": "imagenet"}, "holds its images in memory"),
        ({"magnitude": 31}, "magnitude"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(changes, message):
    with pytest.raises(BadInput, match=message) as error:
        launch_file.main(smoke(**changes))
    assert "\n" not in str(error.value)


def test_a_stage_without_a_teacher_shows_nothing():
    assert student_exhibits(Outcome({}, {}, [], num_seeds=1)) == []
    assert _student.stages(smoke(iterations=3))[2:] == ["student", "student2", "student3"]


@pytest.mark.slow
def test_killed_in_each_stage_the_chain_ends_with_the_same_bits(tmp_path):
    flags = [f"--{name}={value}" for name, value in (SMOKE | {"operations": 1}).items()]
    flags += ["--preset=smoke", "--steps_per_call=1", "--save_every=1"]
    command = ("-m", "experiments", "noisy_student", *flags)
    for stage in ("teacher", "control", "student"):
        process = start(*command, f"--workdir={tmp_path / 'cut'}")
        saves = tmp_path / "cut" / stage / "checkpoints"
        wait_for(
            lambda saves=saves: any(p.name.isdigit() for p in saves.glob("*")), process, seconds=300
        )
        process.kill()
        finish(process, -9)
        assert not (tmp_path / "cut" / stage / "result.json").exists()
    ends = []
    for name in ("cut", "straight"):
        finish(start(*command, f"--workdir={tmp_path / name}"), seconds=300)
        ends.append([result(tmp_path / name / s)["fingerprint"] for s in ("teacher", "student")])
    assert ends[0] == ends[1]
