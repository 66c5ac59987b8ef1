"""MuJoCo's own answers, in float64: which geom each pixel's ray meets first, and how far."""

from pathlib import Path

import mujoco
import numpy as np

from jaxdl.render import Poses

ASSETS = Path(__file__).parent / "assets"
SCENES = ("cartpole", "reacher", "walker", "cheetah", "bin")
HEIGHT = 48
WIDTH = 64


def load(name):
    model = mujoco.MjModel.from_xml_path(str(ASSETS / f"{name}.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def parse(worldbody, head=""):
    text = f"<mujoco>{head}<worldbody>{worldbody}</worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def rays(position, matrix, fovy, height=HEIGHT, width=WIDTH):
    """Unit directions [H * W, 3] through the pixels' centers, and cosines with the axis [H * W]."""
    half = np.tan(np.deg2rad(fovy) / 2)
    y = (1 - 2 * (np.arange(height) + 0.5) / height) * half
    x = (2 * (np.arange(width) + 0.5) / width - 1) * half * width / height
    x, y = (axis.ravel() for axis in np.meshgrid(x, y))
    cosine = 1 / np.sqrt(x**2 + y**2 + 1)
    local = np.stack([x, y, -np.ones_like(x)], -1) * cosine[:, None]
    return local @ np.reshape(matrix, (3, 3)).T, cosine


def cast(model, data, position, matrix, fovy, groups=(1, 1, 1, 0, 0, 0)):
    """Geom ids and depths [H, W], the way mj_multiRay sees them; sky is -1 and 0."""
    directions, cosine = rays(position, matrix, fovy)
    count = len(cosine)
    ids = np.zeros(count, np.int32)
    distance = np.zeros(count)
    flat = directions.ravel()
    groups = np.array(groups, np.uint8)
    mujoco.mj_multiRay(
        model, data, np.array(position, float), flat, groups, 1, -1, ids, distance, None, count, 1e9
    )
    depth = np.where(ids >= 0, distance * cosine, 0.0)
    return ids.reshape(HEIGHT, WIDTH), depth.reshape(HEIGHT, WIDTH)


def random_poses(model, data, count, seed=0, scale=0.3):
    """Poses of random joint positions, leaves [count, ...], and the data after each in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        data.qpos[:] = model.qpos0 + scale * rng.normal(size=model.nq)
        mujoco.mj_forward(model, data)
        rows.append(poses(data))
        yield rows[-1]


def poses(data):
    return Poses(*(np.array(getattr(data, name), np.float32) for name in Poses._fields))


def looking_at(center, position, roll=0.0):
    """A camera's matrix [3, 3] at a position that looks at a center."""
    back = (position - center) / np.linalg.norm(position - center)
    right = np.cross([np.sin(roll), 0.3, np.cos(roll)], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back], -1)


def assert_same(seen, depths, expected, expected_depths):
    """99.99 % of pixels show the same geom, and there depths differ by a thousandth at most."""
    seen = np.asarray(seen)
    expected = np.asarray(expected)
    same = seen == expected
    assert same.mean() >= 0.9999, f"{same.mean():.6%} of pixels"
    both = same & (expected >= 0)
    assert both.any()
    np.testing.assert_allclose(
        np.asarray(depths)[both], np.asarray(expected_depths)[both], rtol=1e-3
    )
    assert not np.asarray(depths)[seen < 0].any()
