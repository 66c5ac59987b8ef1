"""What the camera sees against MuJoCo's ray casting in C."""

from functools import partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.render import default_look, depth, render, render_float, scene, segmentation
from tests.render.oracle import (
    HEIGHT,
    SCENES,
    WIDTH,
    assert_same,
    cast,
    load,
    looking_at,
    parse,
    poses,
    random_poses,
    rays,
)

SIZES = {
    "plane": "0.5 0.4 0.1",
    "sphere": "0.4",
    "capsule": "0.2 0.3",
    "ellipsoid": "0.5 0.3 0.2",
    "cylinder": "0.3 0.25",
    "box": "0.4 0.3 0.2",
}
TABLE = """
<light type='directional' dir='0.8 0.5 -1' diffuse='0.6 0.6 0.6'/>
<light pos='0 0 3' castshadow='false' diffuse='0.2 0.2 0.2'/>
<camera pos='0 -2 2.2' xyaxes='1 0 0 0 1 1'/><geom type='plane' size='2 2 1'/>
<geom type='box' size='0.3 0.2 0.1' pos='-0.4 0 0.1'/>
<geom type='sphere' size='0.2' pos='0.3 0 0.3'/>
<geom type='capsule' size='0.1 0.3' pos='-0.2 0.1 0.4' euler='0 70 20'/>
"""
SIZE = {"height": HEIGHT, "width": WIDTH}


def geometry(drawn):
    """Looks, poses -> geom ids and depths, over a batch of poses."""

    def both(look, view):
        return segmentation(drawn, look, view), depth(drawn, look, view)

    return jax.jit(jax.vmap(both, (None, 0)))


def stacked(views):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *views)


@pytest.mark.parametrize("name", SCENES)
def test_scenes_as_mujoco_sees_them(name):
    model, data = load(name)
    drawn = scene(model, **SIZE)
    views = []
    expected = []
    for view in random_poses(model, data, 20):
        views.append(view)
        place = data.cam_xpos[0], data.cam_xmat[0], model.cam_fovy[0]
        expected.append(cast(model, data, *place))
    seen, depths = geometry(drawn)(default_look(drawn), stacked(views))
    ids, expected_depths = zip(*expected, strict=True)
    assert len(np.unique(ids)) >= 4
    assert_same(seen, depths, ids, expected_depths)


@pytest.mark.parametrize("kind", SIZES)
def test_each_shape_alone_from_fifty_views(kind):
    turn = "euler='20 -35 50'"
    model, data = parse(f"<geom type='{kind}' size='{SIZES[kind]}' pos='1 -2 3' {turn}/>")
    rng = np.random.default_rng(1)
    views = []
    expected = []
    center = data.geom_xpos[0]
    for i in range(50):
        direction = rng.normal(size=3)
        far = 10 ** rng.uniform(0, 1.5)  # 1 m to 30 m
        position = center + far * direction / np.linalg.norm(direction)
        matrix = looking_at(center + 0.1 * rng.normal(size=3), position, roll=i)
        views.append(poses(data)._replace(cam_xpos=position, cam_xmat=matrix))
        expected.append(cast(model, data, position, matrix, 40 / far))
    drawn = scene(model, camera="free", **SIZE)
    looks = default_look(drawn)
    fovy = jnp.array([40 / np.linalg.norm(view.cam_xpos - center) for view in views], jnp.float32)

    def both(fovy, view):
        look = looks._replace(fovy=fovy)
        return segmentation(drawn, look, view), depth(drawn, look, view)

    seen, depths = jax.jit(jax.vmap(both))(fovy, stacked(views))
    assert_same(seen, depths, *zip(*expected, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in SIZES if kind != "plane"])
def test_camera_inside_a_shape_does_not_see_it(kind):
    wall = (
        "<geom type='box' size='0.1 3 3' pos='3 0 0'/><geom type='sphere' size='0.6' pos='0 3 0'/>"
    )
    model, data = parse(f"<geom type='{kind}' size='{SIZES[kind]}' group='1'/>{wall}")
    rng = np.random.default_rng(2)
    views = []
    expected = []
    for i in range(8):
        position = rng.uniform(-0.1, 0.1, 3)
        matrix = looking_at(np.array([[3.0, 0, 0], [0, 3.0, 0]])[i % 2], position, roll=i)
        views.append(poses(data)._replace(cam_xpos=position, cam_xmat=matrix))
        expected.append(cast(model, data, position, matrix, 70, groups=(1, 0, 0, 0, 0, 0)))
    drawn = scene(model, camera="free", **SIZE)
    look = default_look(drawn)._replace(fovy=jnp.float32(70))
    seen, depths = geometry(drawn)(look, stacked(views))
    assert_same(seen, depths, *zip(*expected, strict=True))


def test_grazing_planes():
    model, data = parse(
        "<geom type='plane' size='0 0 1'/><geom type='plane' size='2 0 1' pos='0 0 -1'/>"
        "<geom type='sphere' size='0.3' pos='4 0 0.1'/>"
    )
    views = []
    expected = []
    for i, height in enumerate((1e-3, 1e-2, 0.1, 1.0, -0.5, -0.01, -0.999, -3.0)):
        position = np.array([0.0, 0.1 * i, height])
        matrix = looking_at(np.array([4.0, 0, height]), position)
        views.append(poses(data)._replace(cam_xpos=position, cam_xmat=matrix))
        expected.append(cast(model, data, position, matrix, 30))
    drawn = scene(model, camera="free", **SIZE)
    look = default_look(drawn)._replace(fovy=jnp.float32(30))
    seen, depths = geometry(drawn)(look, stacked(views))
    assert_same(seen, depths, *zip(*expected, strict=True))
    assert np.all(np.asarray(seen[-1]) == -1)  # planes have one side


def test_shapes_of_no_size_are_not_there():
    row = [f"<geom type='{k}' size='{SIZES[k]}' pos='{i} 0 0.5'/>" for i, k in enumerate(SIZES)]
    model, data = parse(f"<camera pos='3 0 8'/>{''.join(row)}")
    drawn = scene(model, **SIZE)
    look = default_look(drawn)
    gone = look._replace(size=look.size.at[1:].set(0.0))  # all but the plane
    view = poses(data)
    seen = jax.jit(partial(segmentation, drawn))
    assert set(np.unique(seen(look, view))) == {-1, 0, 1, 2, 3, 4, 5}
    assert set(np.unique(seen(gone, view))) == {-1, 0}

    def brightness(size):
        return render_float(drawn, gone._replace(size=size), view).mean()

    value, slope = jax.jit(jax.value_and_grad(brightness))(gone.size)
    assert np.isfinite(value) and np.isfinite(slope).all()


def test_shadows_fall_where_rays_to_the_light_are_stopped():
    model, data = parse(TABLE)
    drawn = scene(model, shadows=True, **SIZE)
    bare = scene(model, **SIZE)
    look = default_look(drawn)
    assert drawn.shadows == (True, False) and bare.shadows == (False, False)
    view = poses(data)
    dark = look._replace(diffuse=look.diffuse.at[0].set(0.0), specular=jnp.float32(0))
    lit = look._replace(specular=jnp.float32(0))
    picture = jax.jit(render_float, static_argnums=0)
    with_shadows, without, never = (
        np.asarray(picture(*args, view)).sum(-1)
        for args in ((drawn, lit), (bare, lit), (bare, dark))
    )
    shaded = without - with_shadows > 1e-3
    faces_light = without - never > 1e-2

    position = data.cam_xpos[0]
    matrix = data.cam_xmat[0]
    ids, depths = cast(model, data, position, matrix, model.cam_fovy[0])
    directions, cosine = rays(position, matrix, model.cam_fovy[0])
    points = position + directions * (depths.ravel() / cosine)[:, None]
    light = np.asarray(look.light[0], float)
    which = np.zeros(1, np.int32)
    light /= np.linalg.norm(light)
    stopped = [
        mujoco.mj_ray(model, data, p + 1e-3 * light, light, None, 1, -1, which) >= 0 for p in points
    ]
    expected = np.reshape(stopped, ids.shape) & faces_light & (ids >= 0)
    assert 0.015 < expected.mean() < 0.5
    assert (shaded == expected)[faces_light].mean() > 0.995


def test_supersampling_is_the_mean_of_a_finer_picture():
    model, data = parse(TABLE)
    coarse = scene(model, **SIZE, supersample=2)
    fine = scene(model, height=2 * HEIGHT, width=2 * WIDTH)
    look = default_look(coarse)
    view = poses(data)
    expected = jax.jit(partial(render_float, fine))(look, view)
    expected = expected.reshape(HEIGHT, 2, WIDTH, 2, 3).mean((1, 3))
    picture = jax.jit(partial(render_float, coarse))(look, view)
    np.testing.assert_allclose(picture, expected, atol=1e-5)
    packed = np.asarray(jax.jit(partial(render, coarse))(look, view))
    assert packed.dtype == np.uint8 and packed.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(packed, np.clip(picture, 0, 1) * 255, atol=0.51)


@pytest.mark.parametrize("name", ["cartpole", "bin"])
def test_no_stage_is_computed_again_by_the_next(name):
    """XLA's own count for 84 x 84, which grows tenfold where fusions repeat what is behind them."""
    model, data = load(name)
    drawn = scene(model)
    flops = {}
    for see in (depth, render):
        program = jax.jit(partial(see, drawn)).lower(default_look(drawn), poses(data)).compile()
        flops[see] = program.cost_analysis()["flops"] / (84 * 84)
    assert flops[depth] < 80 * len(drawn.ids)
    assert flops[render] < 130 * len(drawn.ids) + 600
