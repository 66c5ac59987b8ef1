"""Thousands of capsules through the camera, such as the backbone of a molecule.

The caster unrolls its geoms at trace time, which serves machines of a few dozen. Here one loop
takes the capsules in turn, each within a window of rays about its place in the picture, and keeps
what is nearest: the program is as small for ten capsules as for ten thousand.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from mujoco import mjtGeom

from jaxdl.render.shapes import TINY, enter

CAPSULE = int(mjtGeom.mjGEOM_CAPSULE)
FOVY = 24.0  # degrees; narrow, so that near and far are of nearly one size
FINER = 2  # rays along each axis of a pixel
FAR = 1e10
LIGHT = (-0.45, 0.7, 0.75)  # towards it, in the camera's frame (right, up, back)
AMBIENT, DIFFUSE, SHINE = 0.5, 0.55, 0.12
PALE = 0.55  # how far the farthest thing fades into the paper
PAPER = (252 / 255, 252 / 255, 250 / 255)
RIM_RAYS = 2  # width of outlines, rays
RIM = 0.35  # what is left of a color along an outline
JUMP = 0.06  # of the radius of all: the step in depth that gets an outline
STRIDE = 16  # windows are multiples of so many rays, so that few programs are compiled


class Capsules(NamedTuple):
    """G capsules; a sphere is one whose ends are the same.

    Attributes:
      start: [G, 3].
      end: [G, 3], in the unit of the start.
      radius: [G]; what has radius 0 is not seen.
      rgb: [G, 3] colors within [0, 1].
    """

    start: Any
    end: Any
    radius: Any
    rgb: Any


class Eye(NamedTuple):
    """Where the camera is.

    Attributes:
      position: [3].
      matrix: [3, 3] rotation to the world; columns right, up, back.
      reach: radius of the ball about the point looked at that holds everything.
    """

    position: Any
    matrix: Any
    reach: Any


def look_at(center: Any, reach: Any, turn: Any) -> Eye:
    """Places the eye where it sees the whole of a ball.

    Args:
      center: [3] of the ball.
      reach: its radius.
      turn: [3, 3] of the camera; columns right, up, back.
    """
    distance = reach / jnp.sin(jnp.deg2rad(FOVY / 2))
    return Eye(center + distance * turn[:, 2], turn, reach)


def window_of(capsules: Capsules, reach: float, height: int) -> int:
    """Returns how many rays along each axis a window needs to hold any of the capsules.

    Args:
      capsules: as NumPy arrays, leaves [..., G].
      reach: radius of the ball that `look_at` was given.
      height: of the picture, pixels.
    """
    half = np.linalg.norm(capsules.end - capsules.start, axis=-1) / 2 + capsules.radius
    largest = float(np.where(np.asarray(capsules.radius) > 0, half, 0.0).max(initial=0.0))
    nearest = reach / np.sin(np.deg2rad(FOVY / 2)) - reach  # of the ball to the eye
    rays = largest / nearest / np.tan(np.deg2rad(FOVY / 2)) * height * FINER / 2
    needed = 2 * rays * 1.1 + 4  # obliquely seen balls are ellipses
    return int(min(-(-needed // STRIDE) * STRIDE, height * FINER))


def photograph(capsules: Capsules, eye: Eye, *, size: int, window: int) -> jax.Array:
    """Takes a picture on paper, with outlines, the farther the paler.

    Args:
      capsules: what is seen.
      eye: from where.
      size: height and width, pixels.
      window: of `window_of`, static.

    Returns:
      [size, size, 3] uint8.
    """
    depth, winner = _nearest(capsules, eye, size * FINER, window)
    picture = _shade(capsules, eye, depth, winner)
    picture = picture.reshape(size, FINER, size, FINER, 3).mean((1, 3))
    return jnp.clip(picture * 255 + 0.5, 0, 255).astype(jnp.uint8)


def _directions(eye: Eye, rows: jax.Array, columns: jax.Array, side: int) -> Any:
    """Returns unit directions of rays, three arrays [rows, columns], in the world."""
    half = jnp.tan(jnp.deg2rad(FOVY / 2))
    x = (2 * (columns + 0.5) / side - 1)[None, :] * half
    y = (1 - 2 * (rows + 0.5) / side)[:, None] * half
    scale = jax.lax.rsqrt(x * x + y * y + 1)
    m = eye.matrix
    return tuple((m[i, 0] * x + m[i, 1] * y - m[i, 2]) * scale for i in range(3))


def _nearest(capsules: Capsules, eye: Eye, side: int, window: int) -> tuple[jax.Array, jax.Array]:
    """Finds the length [side, side] of each ray to what it meets, and which that is, or -1."""
    turns = _frames(capsules.end - capsules.start)
    middle = (capsules.start + capsules.end) / 2
    half = jnp.linalg.norm(capsules.end - capsules.start, axis=-1) / 2
    corners = _corners(middle, eye, side, window)
    count = jnp.arange(window)

    def draw(buffers, item):
        number, turn, center, corner, radius, half_length = item
        rows, columns = corner[0] + count, corner[1] + count
        ray = _directions(eye, rows, columns, side)
        direction = tuple(sum(turn[j, i] * ray[j] for j in range(3)) for i in range(3))
        origin = jnp.sum(turn * (eye.position - center)[:, None], 0)
        shape = radius, half_length, 0.0
        t, met = enter(CAPSULE, (origin[0], origin[1], origin[2]), direction, shape)
        depth, winner = (jax.lax.dynamic_slice(b, corner, (window, window)) for b in buffers)
        nearer = met & (t < depth) & (radius > 0)
        fresh = jnp.where(nearer, t, depth), jnp.where(nearer, number, winner)
        put = jax.lax.dynamic_update_slice
        return tuple(put(b, new, corner) for b, new in zip(buffers, fresh, strict=True)), None

    blank = jnp.full((side, side), FAR), jnp.full((side, side), -1, jnp.int32)
    numbers = jnp.arange(len(half), dtype=jnp.int32)
    items = numbers, turns, middle, corners, capsules.radius, half
    buffers, _ = jax.lax.scan(draw, blank, items)
    return buffers


def _corners(middle: jax.Array, eye: Eye, side: int, window: int) -> jax.Array:
    """Returns the top left rays [G, 2] of windows about points [G, 3], within the picture."""
    seen = jnp.einsum("ji,gj->gi", eye.matrix, middle - eye.position, precision="highest")
    focal = side / 2 / jnp.tan(jnp.deg2rad(FOVY / 2))
    depth = jnp.maximum(-seen[:, 2], 1e-3 * eye.reach)
    row = side / 2 - focal * seen[:, 1] / depth
    column = side / 2 + focal * seen[:, 0] / depth
    corner = jnp.round(jnp.stack([row, column], -1) - window / 2)
    return jnp.clip(corner, 0, side - window).astype(jnp.int32)


def _frames(axis: jax.Array) -> jax.Array:
    """Returns rotations [G, 3, 3] whose third column lies along the axis [G, 3]."""
    length = jnp.linalg.norm(axis, axis=-1, keepdims=True)
    z = jnp.where(length > 1e-6, axis / jnp.maximum(length, 1e-6), jnp.array([0.0, 0.0, 1.0]))
    other = jax.nn.one_hot(jnp.argmin(jnp.abs(z), -1), 3)
    x = jnp.cross(other, z)
    x = x / jnp.linalg.norm(x, axis=-1, keepdims=True)
    return jnp.stack([x, jnp.cross(z, x), z], -1)


def _shade(capsules: Capsules, eye: Eye, depth: jax.Array, winner: jax.Array) -> jax.Array:
    """Colors what was met, [side, side, 3]."""
    side = depth.shape[0]
    ray = jnp.stack(_directions(eye, jnp.arange(side), jnp.arange(side), side), -1)
    met = winner >= 0
    which = jnp.maximum(winner, 0)
    point = eye.position + jnp.where(met, depth, 0.0)[..., None] * ray
    normal = _normals(capsules.start[which], capsules.end[which], point)
    light = eye.matrix @ (jnp.array(LIGHT) / np.linalg.norm(LIGHT))
    lit = AMBIENT + DIFFUSE * jnp.maximum(normal @ light, 0.0)
    between = light - ray  # Blinn 1977: amid the ways to the light and to the eye
    between = between / jnp.linalg.norm(between, axis=-1, keepdims=True)
    shine = SHINE * jnp.maximum(jnp.sum(normal * between, -1), 0.0) ** 32
    color = capsules.rgb[which] * lit[..., None] + shine[..., None]
    distance = eye.reach / jnp.sin(jnp.deg2rad(FOVY / 2))
    share = jnp.clip((depth - distance + eye.reach) / (2 * eye.reach), 0, 1)[..., None]
    paper = jnp.array(PAPER)
    color = color + PALE * share**1.5 * (paper - color)
    picture = jnp.where(met[..., None], color, paper)
    rim = _is_rim(depth, JUMP * eye.reach)[..., None]
    return picture * (1 - (1 - RIM) * rim)


def _normals(start: jax.Array, end: jax.Array, point: jax.Array) -> jax.Array:
    """Returns unit vectors [..., 3] from the nearest points of segments to points."""
    axis = end - start
    square = jnp.sum(axis * axis, -1, keepdims=True)
    share = jnp.sum((point - start) * axis, -1, keepdims=True) / jnp.maximum(square, TINY)
    out = point - start - jnp.clip(share, 0, 1) * axis
    return out / jnp.maximum(jnp.linalg.norm(out, axis=-1, keepdims=True), TINY)


def _is_rim(depth: jax.Array, jump: jax.Array) -> jax.Array:
    """Says which rays [side, side] lie close behind the edge of something nearer, 1 or 0."""
    around = 2 * RIM_RAYS + 1
    nearest = jax.lax.reduce_window(
        depth, jnp.float32(jnp.inf), jax.lax.min, (around, around), (1, 1), "SAME"
    )
    return ((depth - nearest) > jump).astype(jnp.float32)
