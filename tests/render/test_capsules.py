import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from jaxdl.render.capsules import FOVY, Capsules, look_at, photograph, window_of

SIZE, REACH = 40, 12.0
PAPER = (252, 252, 250)


def some_capsules():
    """Three capsules, of which the second lies before the first, and one that is not seen."""
    start = np.float32([[-3, 0, 0], [0, -3, 5], [3, 3, -2], [0, 0, 6]])
    end = np.float32([[3, 1, 0], [0, 3, 5], [3, 3, -2], [1, 0, 6]])
    rgb = np.float32([[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 1]])
    return Capsules(start, end, np.float32([1.0, 1.3, 1.5, 0.0]), rgb)


@pytest.fixture(scope="module")
def picture():
    """The picture of all, each capsule drawn within its window."""
    capsules = some_capsules()
    window = window_of(capsules, REACH, SIZE)
    assert window < 2 * SIZE
    return take(capsules, window)


def take(capsules, window):
    eye = look_at(jnp.zeros(3), jnp.float32(REACH), jnp.eye(3))
    program = jax.jit(lambda capsules: photograph(capsules, eye, size=SIZE, window=window))
    return np.asarray(program(capsules)).astype(int)


def marched(capsules, rays, origin):
    """Marches along rays [R, 3] by the distance to what is nearest; which that is [R], or -1."""
    axis = capsules.end - capsules.start
    square = np.maximum((axis**2).sum(-1), 1e-12)
    t = np.zeros(len(rays))
    for _ in range(120):
        off = (origin + t[:, None] * rays)[:, None] - capsules.start
        share = np.clip((off * axis).sum(-1) / square, 0, 1)
        gap = np.linalg.norm(off - share[..., None] * axis, axis=-1) - capsules.radius
        gap = np.where(capsules.radius > 0, gap, np.inf)
        t = t + gap.min(-1)
    return np.where(gap.min(-1) < 1e-3, gap.argmin(-1), -1)


def test_each_pixel_shows_what_marching_along_its_ray_meets(picture):
    """Up to pixels at an outline, which mix four rays and a dark rim."""
    distance = REACH / np.sin(np.deg2rad(FOVY / 2))
    steps = (2 * (np.arange(SIZE) + 0.5) / SIZE - 1) * np.tan(np.deg2rad(FOVY / 2))
    x, y = np.meshgrid(steps, -steps)
    rays = np.stack([x, y, -np.ones_like(x)], -1).reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    met = marched(some_capsules(), rays, np.array([0, 0, distance])).reshape(SIZE, SIZE)
    inside = met.copy()
    for shift in (-1, 1):
        for axis in (0, 1):
            inside = np.where(np.roll(met, shift, axis) == met, inside, -2)
    assert {-1, 0, 1, 2} <= set(inside.ravel().tolist())
    near = binary_dilation(met >= 0, np.ones((3, 3)), iterations=2)
    assert (picture[~near] == PAPER).all()
    for number, channel in ((0, 0), (1, 2), (2, 1)):
        seen = picture[inside == number]
        others = np.delete(seen, channel, axis=-1).max(-1)
        assert (seen[:, channel] > others + 40).all(), number


def test_windows_leave_nothing_out(picture):
    np.testing.assert_array_equal(picture, take(some_capsules(), 2 * SIZE))


def test_what_is_farther_is_paler():
    """Two equal balls, of which one is behind: its color is nearer to the paper's."""
    centers = np.float32([[-4, 0, 4], [4, 0, -4]])
    balls = Capsules(centers, centers, np.float32([2, 2]), np.zeros((2, 3), np.float32))
    picture = take(balls, 2 * SIZE)
    near, far = picture[SIZE // 2, SIZE // 4], picture[SIZE // 2, 3 * SIZE // 4]
    assert (far > near + 30).all()
