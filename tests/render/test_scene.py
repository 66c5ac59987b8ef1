"""Cameras by name, number and angle, poses from either engine, and what is refused."""

from functools import partial

import jax
import mujoco
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs.mujoco import put_on_device, quiet_mujoco
from jaxdl.render import default_look, depth, orbit, render, scene, segmentation
from tests.render.oracle import HEIGHT, WIDTH, assert_same, cast, load, parse, poses

with quiet_mujoco():
    from mujoco import mjx

SIZE = {"height": HEIGHT, "width": WIDTH}


def gl_camera(model, data, camera):
    """Position and matrix of MuJoCo's viewer's camera; needs no GL."""
    drawn = mujoco.MjvScene(model, 100)
    option = mujoco.MjvOption()
    perturb = mujoco.MjvPerturb()
    mujoco.mjv_updateScene(model, data, option, perturb, camera, mujoco.mjtCatBit.mjCAT_ALL, drawn)
    eyes = drawn.camera
    position = (eyes[0].pos + eyes[1].pos) / 2
    forward = eyes[0].forward
    up = eyes[0].up
    return position, np.stack([np.cross(forward, up), up, -forward], -1)


def test_free_camera_is_that_of_the_viewer():
    model, data = load("walker")
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    position, matrix = gl_camera(model, data, camera)
    drawn = scene(model, camera="free", **SIZE)
    assert drawn == scene(model, camera=-1, **SIZE) and hash(drawn) == hash(drawn)
    look = default_look(drawn)
    view = poses(data)
    seen = segmentation(drawn, look, view)
    depths = depth(drawn, look, view)
    assert_same(seen, depths, *cast(model, data, position, matrix, model.vis.global_.fovy))


def test_orbit_has_mujocos_angles():
    model, data = load("bin")
    camera = mujoco.MjvCamera()
    for azimuth, elevation in ((90, -45), (0, -20), (200, 35), (-75, -89)):
        camera.lookat[:] = 0.1, -0.2, 0.3
        camera.distance = 2.0
        camera.azimuth = azimuth
        camera.elevation = elevation
        place, matrix = gl_camera(model, data, camera)
        ours = orbit((0.1, -0.2, 0.3), 2.0, azimuth=azimuth, elevation=elevation)
        np.testing.assert_allclose(ours[0], place, atol=1e-5)
        np.testing.assert_allclose(ours[1], matrix, atol=1e-5)


def test_poses_of_mjx_of_mujoco_and_of_tuples_give_one_picture():
    """With a camera that is fixed, one that rides along, and one that turns to a body."""
    model, data = load("cartpole")
    data.qpos[:] = 0.4, 0.7
    mujoco.mj_forward(model, data)
    on_device, blank = put_on_device(model)

    @jax.jit
    def forward(qpos):
        moved = mjx.com_pos(on_device, mjx.kinematics(on_device, blank.replace(qpos=qpos)))
        return mjx.camlight(on_device, moved)

    from_mjx = forward(data.qpos.astype(np.float32))
    matrices = []
    for camera in ("fixed", "looking", "riding"):
        drawn = scene(model, camera=camera, **SIZE)
        assert drawn.camera == mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        look = default_look(drawn)
        all_cameras = poses(data)
        place = data.cam_xpos[drawn.camera]
        matrix = data.cam_xmat[drawn.camera].reshape(3, 3)
        see = jax.jit(lambda view, drawn=drawn, look=look: segmentation(drawn, look, view))
        seen = see(all_cameras)
        depths = depth(drawn, look, all_cameras)
        assert_same(seen, depths, *cast(model, data, place, matrix, model.cam_fovy[drawn.camera]))
        one = tuple(all_cameras._replace(cam_xpos=place, cam_xmat=matrix))
        np.testing.assert_array_equal(seen, see(one))
        np.testing.assert_array_equal(seen, segmentation(drawn, look, data))
        assert (np.asarray(seen) == np.asarray(see(from_mjx))).mean() > 0.999
        matrices.append(np.asarray(see(from_mjx)))
    assert not np.array_equal(matrices[0], matrices[1])


def test_camera_offset_is_in_its_own_axes():
    model, data = load("bin")
    drawn = scene(model, camera="corner", **SIZE)
    look = default_look(drawn)
    turn = np.array([0.2, -0.1, 0.3])
    shift = np.array([0.05, 0.1, -0.2])
    quaternion = np.zeros(4)
    rotation = np.zeros(9)
    mujoco.mju_axisAngle2Quat(quaternion, turn / np.linalg.norm(turn), np.linalg.norm(turn))
    mujoco.mju_quat2Mat(rotation, quaternion)
    matrix = data.cam_xmat[1].reshape(3, 3)
    expected = cast(
        model,
        data,
        data.cam_xpos[1] + matrix @ shift,
        matrix @ rotation.reshape(3, 3),
        model.cam_fovy[1],
    )
    look = look._replace(camera_turn=np.float32(turn), camera_shift=np.float32(shift))
    seen, depths = (
        jax.jit(partial(see, drawn))(look, poses(data)) for see in (segmentation, depth)
    )
    assert_same(seen, depths, *expected)


def test_only_visible_groups_are_drawn():
    model, data = parse(
        "<camera pos='0 0 3'/><geom size='0.3' group='3'/><geom size='0.2' group='2'/>"
        "<geom size='0.5' rgba='1 1 1 0'/>"
    )
    assert scene(model).ids == (1,)
    assert scene(model, groups=(2, 3)).ids == (0, 1)
    drawn = scene(model, groups=(3,), **SIZE)
    assert set(np.unique(segmentation(drawn, default_look(drawn), data))) == {-1, 0}


MESH = "<asset><mesh name='tooth' vertex='0 0 0 1 0 0 0 1 0 0 0 1'/></asset>"
FIELD = "<asset><hfield name='hill' nrow='2' ncol='2' size='1 1 1 1' elevation='0 0 0 1'/></asset>"
FLEX = """<flexcomp name='cloth' type='grid' count='3 3 1' spacing='.1 .1 .1' dim='2' mass='1'/>"""


@pytest.mark.parametrize(
    ("body", "head", "says"),
    [
        ("<geom name='jaw' type='mesh' mesh='tooth' group='1'/>", MESH, "'jaw'.* mesh.*group 1"),
        ("<geom size='1'/><geom name='alp' type='hfield' hfield='hill'/>", FIELD, "'alp'.* hfield"),
        (f"<geom size='1'/>{FLEX}", "", "'cloth'.*group 0"),
        ("<geom size='1' group='4'/>", "", "no visible geom"),
    ],
)
def test_what_cannot_be_drawn_is_refused(body, head, says):
    model, _ = parse("<camera/>" + body, head)
    with pytest.raises(BadInput, match=says):
        scene(model)


def test_a_hidden_mesh_is_no_hindrance():
    body = "<camera pos='0 0 3'/><geom type='mesh' mesh='tooth' group='3'/><geom size='0.3'/>"
    model, data = parse(body, MESH)
    drawn = scene(model, height=8, width=8)
    assert render(drawn, default_look(drawn), data).shape == (8, 8, 3)


def test_bad_settings():
    model, _ = parse("<camera name='top' pos='0 0 3'/><geom size='0.3'/>")
    for camera in ("tip", 1, -2, None):
        with pytest.raises(BadInput, match="'top'"):
            scene(model, camera=camera)
    for setting in ({"height": 0}, {"width": -3}, {"supersample": 3}):
        with pytest.raises(BadInput, match="pixels"):
            scene(model, **setting)
    bare, _ = parse("<geom size='0.3'/>")
    with pytest.raises(BadInput, match="free"):
        scene(bare)
    flat, _ = parse("<camera projection='orthographic'/><geom size='0.3'/>")
    with pytest.raises(BadInput, match="fovy"):
        scene(flat)
