from functools import cache, partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.render import Ranges, segmentation
from jaxdl.sim2real import opengl, tables
from jaxdl.sim2real.reality import bank, draw_real, flatness, held_out, sense
from jaxdl.sim2real.simulated import (
    FIXED,
    Randomization,
    check_ranges,
    draw_look,
    simulated,
)
from jaxdl.sim2real.tables import (
    AREA,
    HIDDEN,
    KINDS,
    SIZES,
    Eye,
    draw_layout,
    draw_pictures,
    eye_of,
    make_pictures,
    open_table,
    poses,
    project,
)

KEY = jax.random.key(3)
SIDE = 40
COUNT = 8
TABLE = open_table(height=SIDE, width=SIDE)
EVERY = open_table(KINDS, height=SIDE, width=SIDE)
WIDE = Randomization(Ranges(), 0, 5)


@jax.jit
def draw_simulated(key, randomization):
    return draw_pictures(jax.random.split(key, COUNT), TABLE, simulated(TABLE, randomization), 4)


@jax.jit
def draw_held_out(key):
    return draw_pictures(jax.random.split(key, COUNT), TABLE, held_out(TABLE), 4)


@jax.jit
def draw_looks(keys, randomization):
    return jax.vmap(lambda both: draw_look(both[0], both[1], TABLE, randomization))(keys)


@cache
def drawn(family, seed=3):
    key = jax.random.key(seed)
    made = {
        "simulated": lambda: draw_simulated(key, WIDE),
        "fixed": lambda: draw_simulated(key, Randomization(FIXED, 0, 5)),
        "held out": lambda: draw_held_out(key),
        "opengl": lambda: opengl.photograph(TABLE, count=COUNT, distractors=4, seed=seed),
    }[family]
    return jax.tree.map(np.asarray, made())


FAMILIES = [
    "simulated",
    "fixed",
    "held out",
    pytest.param("opengl", marks=pytest.mark.skipif(bool(opengl.missing()), reason="no OpenGL")),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_are_a_function_of_their_key(family):
    first = drawn(family)
    drawn.cache_clear()
    jax.tree.map(np.testing.assert_array_equal, first, drawn(family))
    other = drawn(family, 4)
    assert not np.array_equal(first.images, other.images)
    assert not np.array_equal(first.positions, other.positions)
    assert first.images.shape == (COUNT, SIDE, SIDE, 3)
    assert first.images.dtype == np.uint8
    assert first.images.reshape(COUNT, -1).std(axis=1).min() > 5


def test_a_set_is_drawn_in_parts_and_a_longer_one_goes_on(monkeypatch):
    monkeypatch.setattr(tables, "AT_ONCE", 2)

    def paint(key, layout):  # of one pixel
        value = jax.random.uniform(key, (1, 1, 3)) * 255
        return value.astype(jnp.uint8), Eye(jnp.zeros(3), jnp.eye(3), jnp.float32(1))

    short, long = (make_pictures(KEY, TABLE, paint, count=n, distractors=4) for n in (3, 6))
    assert short.images.shape == (3, 1, 1, 3)
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(x, y[:3]), short, long)
    assert len(np.unique(long.positions[:, 0])) == 6


def test_looks_never_change_what_is_where():
    """All families draw the same layouts by the same key, bit by bit."""
    one, fixed, real = drawn("simulated"), drawn("fixed"), drawn("held out")
    for other in (fixed, real):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.kinds, other.kinds)
    assert not np.array_equal(one.eyes.position, fixed.eyes.position)
    assert np.ptp(fixed.eyes.position, axis=0).max() == 0


def test_no_texture_of_training_is_in_the_reality_that_is_held_out():
    """Training mixes two colors in each geom; a bitmap has colors off any line."""
    keys = jax.random.split(KEY, 64)
    looks = draw_looks(jax.random.split(KEY, (64, 2)), WIDE)
    share = np.random.default_rng(0).uniform(size=(64, 1))
    first, second = (np.asarray(x, float).reshape(-1, 3) for x in (looks.rgb, looks.rgb2))
    trained = [flatness(a + share * (b - a)) for a, b in zip(first, second, strict=True)]
    worn = [flatness(bitmap.reshape(-1, 3) / 255) for bitmap in bank()]
    assert max(trained) < 1e-6
    assert min(worn) > 5e-3
    real = jax.jit(jax.vmap(lambda key: draw_real(key, TABLE)))(keys)
    for name in ("checker", "noise"):  # the textures of training are switched off
        assert not np.asarray(getattr(real.look, name)).any()
        assert np.asarray(getattr(looks, name)).any()
    for name in ("rgb", "rgb2"):  # the bitmaps lie upon white
        assert (np.asarray(getattr(real.look, name)) == 1).all()
        assert not (np.asarray(getattr(looks, name)) == 1).all(axis=-1).any()
    assert np.unique(real.bitmaps).tolist() == list(range(len(bank())))


@jax.jit
def segment(key):
    """Segmentation [128, 128], position, kind and eye of one object alone, seen askew."""
    table = open_table(KINDS, height=128, width=128)
    layout_key, look_key = jax.random.split(key)
    layout = draw_layout(layout_key, table, 0)
    look = draw_look(look_key, look_key, table, WIDE)._replace(size=layout.sizes)
    seen = poses(table, layout)
    ids = segmentation(table.scene, look, seen)
    return ids, layout, look, eye_of(table, look, seen)


def test_positions_project_where_they_are_drawn():
    """By MuJoCo's own camera and a projection written here, against what the rays have met."""
    model = TABLE.model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for seed in range(10):
        ids, layout, look, eye = jax.tree.map(np.asarray, segment(jax.random.key(seed)))
        name = f"{KINDS[layout.kind]}_0"
        rows, columns = np.nonzero(ids == model.geom(name).id)
        frame = data.cam_xmat[0].reshape(3, 3)
        position = data.cam_xpos[0] + frame @ look.camera_shift
        turn = np.zeros(9)
        quat = np.zeros(4)
        angle = np.linalg.norm(look.camera_turn)
        mujoco.mju_axisAngle2Quat(quat, look.camera_turn / angle, angle)
        mujoco.mju_quat2Mat(turn, quat)
        x, y, z = (frame @ turn.reshape(3, 3)).T @ (layout.position - position)
        focal = 64 / np.tan(np.deg2rad(look.fovy) / 2)
        place = np.array([63.5 - focal * x / z, 63.5 + focal * y / z])
        eyes = jax.tree.map(lambda v: v[None], eye)
        ours = project(layout.position[None], eyes, 128, 128)[0]
        np.testing.assert_allclose(ours, place, atol=0.02)
        assert len(rows) > 20
        assert np.abs([columns.mean() - place[0], rows.mean() - place[1]]).max() < 1.5


@pytest.mark.skipif(bool(opengl.missing()), reason="no OpenGL")
def test_opengl_draws_the_object_where_it_projects():
    """Where the object is taken away the picture changes in the middle of where it was."""
    layout = jax.tree.map(np.asarray, jax.jit(lambda key: draw_layout(key, TABLE, 0))(KEY))
    eye = opengl._aim(TABLE, layout, np.random.default_rng(0))
    gone = layout.places.copy()
    gone[np.abs(gone - layout.position).sum(axis=1) < 1e-6, 2] = HIDDEN
    with opengl._renderer(TABLE) as renderer:
        draw = lambda layout: opengl._draw(renderer, np.random.default_rng(1), TABLE, layout, eye)  # noqa: E731
        there, away = draw(layout), draw(layout._replace(places=gone))
        again = draw(layout)
    np.testing.assert_array_equal(there, again)
    eyes = jax.tree.map(lambda v: v[None], eye)
    column, row = project(layout.position[None], eyes, SIDE, SIDE)[0].round().astype(int)
    changed = np.abs(there.astype(int) - away).max(axis=-1) > 8
    assert changed[row, column]
    assert 0 < changed.mean() < 0.1


def test_objects_lie_apart_and_upon_the_table():
    draw = jax.jit(jax.vmap(lambda key: draw_layout(key, EVERY, 8)))
    layouts = jax.tree.map(np.asarray, draw(jax.random.split(KEY, 300)))
    rows = list(EVERY.things)
    places, sizes = layouts.places[:, rows], layouts.sizes[:, rows]
    shown = places[..., 2] > HIDDEN
    assert {*shown.sum(axis=1)} == set(range(1, 10))
    assert hash(EVERY) == hash(open_table(KINDS, height=SIDE, width=SIDE))
    model = np.array(EVERY.scene.look.size)[rows]
    factors = (sizes / np.where(model, model, 1))[..., 0]
    assert SIZES[0] <= factors.min() < SIZES[0] + 0.01 and SIZES[1] - 0.01 < factors.max()
    radius = np.array([0.0566, 0.028, 0.042, 0.056, 0.054])[
        list(EVERY.kinds)
    ]  # the widest, from above
    for i in range(300):
        at, wide = places[i, shown[i], :2], (factors[i] * radius)[shown[i]]
        distance = np.linalg.norm(at[:, None] - at, axis=-1) + 9 * np.eye(len(at))
        assert (distance > wide[:, None] + wide).all()
        own = np.array(EVERY.kinds)[shown[i]] == layouts.kind[i]
        assert own.sum() == 1  # no other of the kind that is looked for
        np.testing.assert_array_equal(places[i, shown[i]][own][0], layouts.position[i])
    lowest = {0: 0.04, 1: 0.07, 2: 0.042, 3: 0.02, 4: 0.022}
    heights = factors * np.vectorize(lowest.get)(EVERY.kinds)
    np.testing.assert_allclose(places[..., 2][shown], heights[shown], rtol=1e-5)
    assert np.abs(places[..., :2]).max() <= AREA
    np.testing.assert_allclose(layouts.position[:, :2].std(axis=0), AREA / 3**0.5, rtol=0.1)
    assert np.bincount(layouts.kind, minlength=5).min() > 30


def test_a_pool_has_so_many_texturings_and_no_end_of_lights_and_cameras():
    keys = jax.random.split(KEY, (64, 2))

    def looks(**settings):
        return jax.tree.map(np.asarray, draw_looks(keys, WIDE._replace(**settings)))

    count = lambda values: len(np.unique(values.reshape(64, -1), axis=0))  # noqa: E731
    few = looks(textures=3)
    for name in ("rgb", "rgb2", "frequency", "checker", "noise", "sky"):
        assert count(getattr(few, name)) == 3
    for name in ("light", "camera_shift", "camera_turn", "fovy", "sensor_noise"):
        assert count(getattr(few, name)) == 64
    assert count(looks(textures=0).rgb) == 64
    other = looks(textures=3, pool=6)
    assert not {*few.rgb[:, 0, 0]} & {*other.rgb[:, 0, 0]}


def test_the_sensor_of_reality_darkens_corners_and_counts_photons():
    real = jax.jit(partial(draw_real, table=TABLE))(KEY)
    real = real._replace(
        gains=jnp.ones(3), gamma=jnp.float32(1), vignette=jnp.float32(0.4), photons=jnp.float32(400)
    )
    calm = sense(KEY, real._replace(photons=jnp.float32(1e12)), jnp.full((41, 41, 3), 0.5))
    assert calm[20, 20].tolist() == [128] * 3
    np.testing.assert_allclose(calm[0, 0], 128 * (1 - 0.4 * (40 / 41) ** 2), atol=1)
    flat = real._replace(vignette=jnp.float32(0))
    for light in (0.2, 0.8):  # the noise's variance is the light over the photons
        seen = np.asarray(sense(KEY, flat, jnp.full((64, 64, 3), light))) / 255
        np.testing.assert_allclose(seen.std(), (light / 400) ** 0.5, rtol=0.05)


BAD = {
    "inverted": (lambda: check_ranges(Ranges(light=-0.2)), "light=-0.2.*inverted"),
    "a share above one": (lambda: check_ranges(Ranges(color=1.5)), "color=1.5"),
    "more distractors than geoms": (
        lambda: open_table(distractors=9),
        "distractors=9: should be 0 to 8",
    ),
    "no such camera": (lambda: open_table(camera="above"), "no camera 'above'.*'front', 'side'"),
    "no camera of the model's": (lambda: open_table(camera="free"), "camera='free'"),
    "no such object": (lambda: open_table(("cone",)), "objects=cone: should be some of"),
    "no object": (lambda: open_table(()), "objects="),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line(what):
    make, message = BAD[what]
    with pytest.raises(BadInput, match=message) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_without_opengl_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    opengl.missing.cache_clear()
    try:
        assert "no OpenGL here (MUJOCO_GL=disabled)" in opengl.missing()
        assert opengl.missing()  # said once
        (line,) = capsys.readouterr().err.splitlines()
        assert "reality is the held-out family of looks alone" in line
        with pytest.raises(opengl.NoOpenGL):
            opengl.photograph(TABLE, count=1, distractors=0)
    finally:
        opengl.missing.cache_clear()
