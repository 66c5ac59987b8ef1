import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.sim2real import tobin as file
from experiments.sim2real._table_options import Looks, Scene, open_scene, randomization
from jaxdl.core import Run
from jaxdl.core.run import BadInput
from jaxdl.launch import configure
from jaxdl.ops import make_optimizer
from jaxdl.sim2real import (
    FIXED,
    Detector,
    Pictures,
    Regime,
    Trial,
    Trunk,
    localization,
    localization_score,
    open_table,
    source_only,
    table_pictures,
    tobin,
)
from jaxdl.sim2real.detector import HEIGHT, UNIT, Recognizer, feature_points
from jaxdl.sim2real.localization import trivial_error
from jaxdl.sim2real.simulated import Randomization
from jaxdl.sim2real.tables import AREA, Eye, project
from jaxdl.sim2real.tobin import as_state, position_loss, start_after

KEY = jax.random.key(0)
SIDE = 12
REGIME = Regime(Randomization(FIXED), 0)
SMALL = Detector(Trunk((8, 8), (2, 1)), 1, (32,))


def eyes(count):
    """Cameras 1 m above the table that look down."""
    ones = jnp.ones((count, 1))
    matrix = jnp.broadcast_to(jnp.eye(3), (count, 3, 3))
    return Eye(ones * jnp.array([0.0, 0.0, 1.0]), matrix, jnp.full(count, 60.0))


def draw_dots(keys, regime):
    """Pictures of a bright dot on a dark ground, where the object is."""
    xy = jax.vmap(lambda key: jax.random.uniform(key, (2,), minval=-AREA, maxval=AREA))(keys)
    cells = jnp.linspace(-AREA, AREA, SIDE)
    away = [(cells[None] - xy[:, i, None]) ** 2 for i in (0, 1)]
    dots = jnp.exp(-(away[0][:, None] + away[1][:, :, None]) / 0.003)
    images = (255 * dots).astype(jnp.uint8)[..., None].repeat(3, -1)
    positions = jnp.concatenate([xy, jnp.full((len(xy), 1), HEIGHT)], 1)
    return Pictures(images, positions, jnp.zeros(len(xy), jnp.int32), eyes(len(xy)))


def draw_shuffled(keys, regime):
    """The same pictures with the positions of others."""
    pictures = draw_dots(keys, regime)
    return pictures._replace(positions=jnp.roll(pictures.positions, 1, axis=0))


def test_the_loss_in_value_and_gradient():
    rng = np.random.default_rng(0)
    found = rng.normal(size=(5, 3, 3)).astype(np.float32)
    positions = rng.normal(size=(5, 3)).astype(np.float32)
    kinds = np.array([0, 2, 1, 2, 2])
    value, gradient = jax.value_and_grad(lambda f: position_loss(f, positions, kinds)[0])(found)
    expected, slope, distance = 0.0, np.zeros_like(found), 0.0
    for i, kind in enumerate(kinds):
        off = found[i, kind].astype(float) - positions[i]
        expected += (off @ off) / UNIT**2 / 15
        slope[i, kind] = 2 * off / UNIT**2 / 15
        distance += np.sqrt(off @ off) / 5
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5)
    np.testing.assert_allclose(position_loss(found, positions, kinds)[1], distance, rtol=1e-5)


def test_a_step_descends_the_loss_of_what_it_draws():
    """With a rate of 1 it shows the gradient, which is taken here of pictures drawn by hand."""
    learner = tobin(
        SMALL, optax.sgd(1.0), draw_dots, REGIME, image_shape=(SIDE, SIDE, 3), batch_size=6
    )
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    pictures = draw_dots(jax.random.split(jax.random.key(1), 6), ())

    def loss(params):
        found = SMALL.apply({"params": params}, pictures.images / 255.0)[:, 0]
        return jnp.mean(((found - pictures.positions) / UNIT) ** 2)

    value, gradient = jax.jit(jax.value_and_grad(loss))(state.params)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    jax.tree.map(
        lambda x, y, g: np.testing.assert_allclose(x - y, g, atol=1e-5),
        state.params, after.params, gradient,
    )  # fmt: skip
    assert max(np.abs(x).max() for x in jax.tree.leaves(gradient)) > 1e-2
    jax.tree.map(np.testing.assert_array_equal, state.extra, after.extra)


def test_feature_points_are_where_a_channel_is_large():
    maps = np.zeros((1, 5, 9, 2), np.float32)
    maps[0, 4, 2, 0] = 50.0
    maps[0, 0, :, 1] = 50.0  # a whole row
    points = feature_points(jnp.array(maps))
    np.testing.assert_allclose(points[0, :, 0], [1.0, -0.5], atol=1e-5)
    np.testing.assert_allclose(points[0, :, 1], [-1.0, 0.0], atol=1e-5)


def trained_error(draw):
    """The mean error in cm of new pictures of dots, after 150 steps."""
    learner = tobin(
        SMALL,
        make_optimizer(learning_rate=1e-2, schedule="cosine", steps=150),
        draw,
        REGIME,
        image_shape=(SIDE, SIDE, 3),
        batch_size=32,
    )

    @jax.jit
    def train(key):
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, learner.init(key), jax.random.split(key, 150))[0].params

    new = draw_dots(jax.random.split(jax.random.key(9), 200), ())
    found = SMALL.apply({"params": train(KEY)}, new.images / 255.0)
    error = 100 * float(position_loss(found, new.positions, new.kinds)[1])
    return error, trivial_error(np.asarray(new.positions))


def test_it_learns_and_by_shuffled_positions_it_does_not():
    """The negative control: positions of other pictures teach no more than their mean."""
    error, trivial = trained_error(draw_dots)
    assert error < 0.15 * trivial
    shuffled, _ = trained_error(draw_shuffled)
    assert shuffled > 0.97 * trivial


def test_one_program_serves_all_regimes():
    """Arms of a comparison differ in numbers of the state alone, and each seed in its pool."""
    table = open_table(height=8, width=8)
    draw = jax.jit(table_pictures(table))
    keys = jax.random.split(KEY, 4)
    wide = randomization(Looks())
    regimes = [Regime(wide, 0), Regime(wide._replace(textures=2), 8), Regime(REGIME[0], 0)]
    drawn = [draw(keys, as_state(regime, KEY)) for regime in regimes]
    assert draw._cache_size() == 1
    assert not np.array_equal(drawn[0].images, drawn[1].images)
    assert np.ptp(drawn[2].eyes.position, axis=0).max() == 0
    pools = {int(as_state(regimes[0], jax.random.key(i)).randomization.pool) for i in range(3)}
    assert len(pools) == 3


@pytest.mark.parametrize("there", [True, False])
def test_the_evaluation_measures_both_realities_or_names_the_one_there_is(there, monkeypatch):
    pictures = draw_dots(jax.random.split(KEY, 10), ())
    pictures = jax.tree.map(np.asarray, pictures)
    monkeypatch.setattr(localization, "_held_out", lambda *_: pictures)
    monkeypatch.setattr(localization, "_opengl", lambda *_: pictures)
    monkeypatch.setattr(localization.opengl, "missing", lambda: "" if there else "none")
    trial = Trial(open_table(height=8, width=8), 0, 10)
    truth = jnp.asarray(pictures.positions)

    def read(params, images):  # 3 cm to the right of where it is, as the picture tells
        same = jnp.all(images[:, None] == jnp.asarray(pictures.images), axis=(2, 3, 4))
        return (same.astype(jnp.float32) @ truth + jnp.array([0.03, 0.0, 0.0]))[:, None]

    evaluate = localization_score(trial)(read)
    state = as_state(REGIME, KEY)  # of which nothing is read
    found = jax.jit(lambda key: evaluate(key, type("State", (), {"params": state})))(KEY)
    names = ["held_out_error_cm"] + ["opengl_error_cm"] * there
    for name in (*names, "error_cm"):
        np.testing.assert_allclose(found[name], 3.0, rtol=1e-4)
    assert ("opengl_error_cm" in found) == there == bool(found["on_opengl"])
    middle = np.asarray(truth).mean(axis=0)
    expected = 100 * np.mean([np.linalg.norm(p - middle) for p in np.asarray(truth)])
    np.testing.assert_allclose(found["trivial_error_cm"], expected, rtol=1e-5)
    marks = found["held_out_marks"]
    np.testing.assert_allclose(
        marks[:, 0], project(truth, pictures.eyes, SIDE, SIDE)[:8], atol=1e-4
    )
    off = marks[:, 1] - marks[:, 0]  # 3 cm at 1 m less the height, in pixels
    focal = SIDE / 2 / np.tan(np.deg2rad(30))
    np.testing.assert_allclose(off[:, 0], 0.03 * focal / (1 - HEIGHT), rtol=1e-3)
    np.testing.assert_allclose(off[:, 1], 0.0, atol=1e-4)


def test_a_pretrained_trunk_is_where_a_detector_begins():
    net = Recognizer(Trunk((8, 8), (2, 1)), SIDE)
    learner = source_only(net, optax.sgd(0.1), image_shape=(8, 8, 3))
    detector = tobin(SMALL, optax.sgd(0.1), draw_dots, REGIME, image_shape=(SIDE, SIDE, 3))
    for seeds in (1, 2):
        run = Run(num_seeds=seeds)
        trunks = [
            jax.jit(learner.init)(jax.random.key(i)).params["net"]["trunk"] for i in range(seeds)
        ]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *trunks) if seeds > 1 else trunks[0]
        start = start_after(detector, stacked, run)
        jax.tree.map(np.testing.assert_array_equal, start.params["trunk"], stacked)


@pytest.mark.slow
def test_pretraining_learns_to_read_digits_and_hands_its_trunk_on():
    settings = {"pretrain_steps": 60, "steps": 1, "steps_per_call": 1, "batch_size": 64}
    config = configure("tobin", file.PRESETS, "smoke", {**settings, "side": 24})
    from jaxdl.launch import train_stage

    first, result = train_stage(file.build, config, "pretraining", 60, about=file.ABOUT)
    assert result["metrics"]["accuracy"]["mean"] > 0.2  # 0.1 by chance
    last, _ = file.main(config)
    start = first.params["net"]["trunk"]["conv_0"]["Dense_0"]["kernel"]
    moved = np.abs(last.params["trunk"]["conv_0"]["Dense_0"]["kernel"] - start).max()
    assert 0 < moved < 0.1 * np.abs(start).max()


BAD = {
    "an inverted range": ({"light": -0.1}, "--light must be at least 0"),
    "more distractors than geoms": ({"distractors": 9}, "distractors=9: should be 0 to 8"),
    "more of them in reality": ({"real_distractors": 9}, "distractors=9: should be 0 to 8"),
    "no such camera": ({"camera": "above"}, "no camera 'above'"),
    "no such object": ({"objects": ("cone",)}, "objects=cone"),
    "a stride too few": ({"strides": (2,)}, "one of each for every convolution"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line(what):
    settings, message = BAD[what]
    with pytest.raises(BadInput, match=message) as raised:
        file.build(configure("tobin", file.PRESETS, "smoke", settings))
    assert "\n" not in str(raised.value)


def test_options_become_looks():
    assert randomization(Looks(randomize=False)).ranges == FIXED
    looks = randomization(Looks(textures=7, smooth_noise=0.2, color=0.4))
    assert (looks.textures, looks.ranges.noise, looks.ranges.sky) == (7, 0.2, 0.4)
    table = open_scene(Scene(("box", "sphere"), side=20, camera="side"), 5)
    assert len(table.asked) == 2
    assert (table.scene.height, table.scene.camera) == (20, 1)
