"""What an MJCF says of looks, random looks, and gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.render import (
    Ranges,
    default_look,
    depth,
    render,
    render_float,
    sample_look,
    scene,
    segmentation,
)
from tests.render.oracle import HEIGHT, WIDTH, parse, poses

SIZE = {"height": HEIGHT, "width": WIDTH}
NOWHERE = Ranges(*(0.0 for _ in Ranges._fields))
LIT_FROM_EVERYWHERE = {"ambient": 1.0, "headlight": 0.0, "specular": 0.0}

CHECKERED = """
<geom type='plane' size='{size}' material='floor'/><camera pos='0 0 3' fovy='90'/>
<geom type='sphere' size='0.1' pos='9 9 0' rgba='0 1 0 1'/>
<geom type='sphere' size='0.1' pos='9 9 0' material='red' rgba='0.5 0.5 0.5 1'/>
<geom type='sphere' size='0.1' pos='9 9 0' material='red' rgba='0 1 0 1'/>
<geom type='sphere' size='0.1' pos='9 9 0' material='painted'/>
"""
ASSET = """<asset>
<texture name='checker' type='2d' builtin='checker' rgb1='1 0 0' rgb2='0 0 1' width='64'
  height='64'/>
<texture name='gradient' type='cube' builtin='flat' rgb1='0.8 0.6 0.4'
  rgb2='0.8 0.6 0.4' width='8' height='8'/>
<texture type='skybox' builtin='gradient' rgb1='0.4 0.6 0.8' rgb2='0 0 0' width='64' height='384'/>
<material name='floor' texture='checker' texrepeat='{repeat} {repeat}' texuniform='{uniform}'/>
<material name='red' rgba='1 0 0 1'/>
<material name='painted' texture='gradient' rgba='0.5 1 1 1'/>
</asset>"""


SMALL = """
<geom type='plane' size='0 0 1' material='floor'/><camera pos='0 -4 2' xyaxes='1 0 0 0 0.4 1'/>
<geom type='capsule' size='0.2 0.5' pos='0 0 0.8' euler='0 60 20' rgba='0.8 0.4 0.2 1'/>
<geom type='box' size='0.2 0.3 0.4' pos='1 0 0.5'/><light pos='1 -1 3'/>
"""


@pytest.fixture(scope="module")
def small():
    model, data = parse(SMALL, ASSET.format(repeat=1, uniform="true"))
    drawn = scene(model, **SIZE)
    return drawn, default_look(drawn), poses(data)


@pytest.mark.parametrize(
    ("size", "repeat", "uniform", "frequency"),
    [("0 0 1", 1, "true", 1.0), ("0 0 1", 2, "false", 2.0), ("2 2 1", 3, "false", 1.5)],
)
def test_colors_of_an_mjcf(size, repeat, uniform, frequency):
    asset = ASSET.format(repeat=repeat, uniform=uniform)
    model, data = parse(CHECKERED.format(size=size), asset)
    drawn = scene(model, **SIZE)
    look = default_look(drawn)
    np.testing.assert_allclose(look.frequency, [frequency, 0, 0, 0, 0])
    np.testing.assert_array_equal(look.checker, [1, 0, 0, 0, 0])
    colors = [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0.4, 0.6, 0.4]]
    np.testing.assert_allclose(look.rgb, colors, atol=0.01)
    np.testing.assert_allclose(look.rgb2[0], [1, 0, 0])
    np.testing.assert_allclose(look.sky[0], [0.2, 0.3, 0.4], atol=0.02)
    np.testing.assert_allclose(look.sky[1], [0.4, 0.6, 0.8], atol=0.05)

    # The camera looks down from 3 m, and sees 1 / 8 m a pixel; x is to the right, y up. In
    # MuJoCo's own picture of this model the square of x > 0, y > 0 at the origin is blue.
    plain = look._replace(**{name: jnp.float32(x) for name, x in LIT_FROM_EVERYWHERE.items()})
    picture = np.asarray(render(drawn, plain._replace(diffuse=jnp.zeros(1)), poses(data)))
    x = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / 8
    y = (HEIGHT / 2 - np.arange(HEIGHT) - 0.5) / 8
    odd = (np.floor(x[None] * frequency) + np.floor(y[:, None] * frequency)) % 2 == 1
    inside = (np.abs(x)[None] < 2) & (np.abs(y)[:, None] < 2) if size != "0 0 1" else odd | True
    np.testing.assert_array_equal(picture[inside & odd], [[255, 0, 0]] * (inside & odd).sum())
    np.testing.assert_array_equal(picture[inside & ~odd], [[0, 0, 255]] * (inside & ~odd).sum())


def test_a_lit_plane_by_hand():
    light = "<light type='directional' dir='0 -0.6 -0.8' diffuse='0.5 0.5 0.5'/>"
    floor = "<geom type='plane' size='0 0 1' rgba='1 0.5 0.25 1'/><camera pos='0 0 1' fovy='1'/>"
    head = (
        "<visual><headlight ambient='0.2 0.2 0.2' diffuse='0.1 0.1 0.1' specular='0 0 0'/></visual>"
    )
    model, data = parse(light + floor, head)
    drawn = scene(model, height=5, width=5)
    look = default_look(drawn)
    np.testing.assert_allclose(look.specular, 0.075)  # half the mean of 0 and 0.3
    middle = render_float(drawn, look, poses(data))[2, 2]
    # Straight down: ambient + head + 0.5 cos, and (n . half)^64 with half = (0, .6, 1.8) / |.|
    shine = 0.075 * (1.0 + (1.8 / np.hypot(0.6, 1.8)) ** 64)
    expected = (0.2 + 0.1 + 0.5 * 0.8) * np.array([1, 0.5, 0.25]) + shine
    np.testing.assert_allclose(middle, expected, rtol=1e-4)


def test_a_look_of_no_range_is_the_mjcfs_own(small):
    drawn, look, _ = small
    same = sample_look(jax.random.key(0), drawn, NOWHERE)
    kept = look._replace(frequency=same.frequency)  # of no meaning on geoms without texture
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), same, kept)
    np.testing.assert_array_equal(same.frequency[0], look.frequency[0])


def test_random_looks_stay_in_their_ranges(small):
    drawn, own, _ = small
    ranges = Ranges(size=0.2, camera_shift=0.3, checker=0.5)
    keys = jax.random.split(jax.random.key(0), 300)
    looks = jax.jit(jax.vmap(lambda key: sample_look(key, drawn, ranges)))(keys)
    factor = looks.size[:, 1:, 0] / own.size[1:, 0]
    assert 0.8 <= factor.min() < 0.82 and 1.18 < factor.max() <= 1.2
    for color in (looks.rgb, looks.rgb2, looks.sky):
        assert color.min() >= 0 and color.max() <= 1 and color.std(0).min() > 0.25
    np.testing.assert_allclose(np.mean(np.asarray(looks.checker)[:, 1:]), 0.5, atol=0.06)
    turned = np.einsum("nli,li->nl", looks.light, own.light)
    assert np.cos(0.7) - 1e-5 <= turned.min() < 0.95
    np.testing.assert_allclose(np.linalg.norm(looks.light, axis=-1), 1, rtol=1e-4)
    shift = np.abs(looks.camera_shift)
    assert 0.29 < shift.max() <= 0.3
    assert 0 <= looks.blur.min() and looks.blur.max() <= 0.5 and looks.blur.std() > 0.1
    assert 0 <= looks.sensor_noise.min() and looks.sensor_noise.max() <= 0.03


def test_looks_leave_geometry_unchanged(small):
    drawn, look, view = small
    still = Ranges(camera_shift=0.0, camera_turn=0.0, fovy=0.0)
    other = sample_look(jax.random.key(3), drawn, still)
    for see in (segmentation, depth):
        see = jax.jit(partial(see, drawn))
        np.testing.assert_array_equal(see(look, view), see(other, view))
    picture = jax.jit(partial(render, drawn))
    assert (np.asarray(picture(look, view)) != np.asarray(picture(other, view))).mean() > 0.9


def test_a_batch_is_a_loop(small):
    drawn, _, view = small
    keys = jax.random.split(jax.random.key(1), 5)
    looks = jax.vmap(lambda key: sample_look(key, drawn, Ranges()))(keys)
    views = jax.tree.map(lambda leaf: np.stack([leaf + 0.01 * i for i in range(5)]), view)
    batch = jax.jit(jax.vmap(partial(render, drawn)))(looks, views, keys)
    one = jax.jit(partial(render, drawn))
    for i in range(5):
        look, view, key = jax.tree.map(lambda leaf, i=i: leaf[i], (looks, views, keys))
        alone = np.asarray(one(look, view, key), int)
        difference = np.abs(np.asarray(batch[i], int) - alone)
        assert (difference > 1).mean() < 5e-3  # rounding, and pixels upon the edge of a checker
    assert len(np.unique(np.asarray(batch).reshape(5, -1), axis=0)) == 5


def test_noise_texture_is_smooth_and_within_its_colors():
    model, data = parse("<geom type='box' size='9 9 1'/><camera pos='0 0 3' fovy='90'/>")
    drawn = scene(model, **SIZE)
    look = default_look(drawn)._replace(
        rgb=jnp.zeros((1, 3)), rgb2=jnp.ones((1, 3)), noise=jnp.ones(1), frequency=jnp.ones(1)
    )
    look = look._replace(**{name: jnp.float32(x) for name, x in LIT_FROM_EVERYWHERE.items()})
    picture = jax.jit(partial(render_float, drawn))(
        look._replace(diffuse=jnp.zeros(1)), poses(data)
    )
    gray = np.asarray(picture[:, :, 0])
    assert 0 <= gray.min() < 0.2 and 0.8 < gray.max() <= 1 and gray.std() > 0.1
    assert np.abs(np.diff(gray, axis=1)).max() < 0.3  # 12 pixels a cell
    np.testing.assert_array_equal(picture[:, :, 0], picture[:, :, 2])


def test_sensor(small):
    drawn, look, view = small
    picture = jax.jit(partial(render_float, drawn))
    sharp = np.asarray(picture(look, view))
    key = jax.random.key(5)
    np.testing.assert_allclose(picture(look, view, key), sharp, atol=1e-6)

    padded = np.pad(sharp, ((1, 1), (1, 1), (0, 0)), "edge")
    down = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    expected = 0.25 * down[:, :-2] + 0.5 * down[:, 1:-1] + 0.25 * down[:, 2:]
    blurred = picture(look._replace(blur=jnp.float32(1)), view, key)
    np.testing.assert_allclose(blurred, expected, atol=1e-5)

    noisy = look._replace(sensor_noise=jnp.float32(0.1))
    noise = np.asarray(picture(noisy, view, key)) - sharp
    np.testing.assert_allclose(noise.std(), 0.1, rtol=0.03)
    np.testing.assert_allclose(noise.mean(), 0.0, atol=0.003)
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.05
    for axis in (0, 1):  # neighbors know nothing of each other
        first, second = (np.delete(noise, i, axis).ravel() for i in (0, -1))
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    other = np.asarray(picture(noisy, view, jax.random.key(6))) - sharp
    assert abs(np.corrcoef(other.ravel(), noise.ravel())[0, 1]) < 0.03


def test_gradient_is_that_of_finite_differences():
    ball = (
        "<geom type='ellipsoid' size='1 0.9 0.8' euler='20 30 40'/><camera pos='0 0 2' fovy='20'/>"
    )
    model, data = parse(ball + "<light type='directional' dir='-1 0.5 -2'/>")
    drawn = scene(model, height=24, width=32, camera=0)
    look = default_look(drawn)
    view = poses(data)
    assert np.all(segmentation(drawn, look, view) == 0)  # no silhouette in the picture
    weight = np.random.default_rng(0).normal(size=(24, 32, 3)).cumsum(1).cumsum(0) / 100

    def loss(changes):
        moved = view._replace(geom_xpos=view.geom_xpos + changes["place"])
        turned = look._replace(
            light=look.light + changes["light"],
            rgb=look.rgb + changes["rgb"],
            size=look.size + changes["size"],
            fovy=look.fovy + 10 * changes["fovy"],
            camera_turn=changes["turn"],
        )
        return (
            jnp.sum(weight * render_float(drawn, turned, moved)) + depth(drawn, turned, moved).sum()
        )

    shapes = {
        "place": (3,),
        "light": (1, 3),
        "rgb": (1, 3),
        "size": (1, 3),
        "fovy": (),
        "turn": (3,),
    }
    zero = {name: jnp.zeros(shape) for name, shape in shapes.items()}
    gradient = jax.jit(jax.grad(loss))(zero)
    loss = jax.jit(loss)
    for name, shape in shapes.items():
        for i in range(int(np.prod(shape))):
            step = 4e-3 * np.eye(int(np.prod(shape)))[i].reshape(shape)
            up, down = (loss(zero | {name: zero[name] + sign * step}) for sign in (1, -1))
            expected = (up - down) / 8e-3
            own = np.ravel(gradient[name])[i]
            np.testing.assert_allclose(own, expected, rtol=0.02, atol=0.3, err_msg=name)
            assert name == "turn" or abs(own) > 1 or name == "light", name


def test_gradients_are_finite_everywhere():
    """Also where rays miss, graze, or where the sky is."""
    model, data = parse(SMALL, ASSET.format(repeat=1, uniform="true"))
    drawn = scene(model, height=24, width=32, shadows=True)
    look = default_look(drawn)
    view = poses(data)

    def brightness(size, fovy, place):
        seen = look._replace(size=size, fovy=fovy), view._replace(geom_xpos=place)
        return render_float(drawn, *seen).sum() + depth(drawn, *seen).sum()

    slopes = jax.jit(jax.grad(brightness, (0, 1, 2)))(look.size, look.fovy, view.geom_xpos)
    assert all(np.isfinite(slope).all() and np.abs(slope).max() > 0 for slope in slopes)
