"""Where things are, where the camera is, and its rays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.render.look import FREE, Look
from jaxdl.render.scene import Scene
from jaxdl.render.shapes import Vector


class Poses(NamedTuple):
    """Where the geoms and the cameras of a model are, as in mjx.Data and mujoco.MjData.

    Attributes:
      geom_xpos: [ngeom, 3] m, of all the model's geoms.
      geom_xmat: [ngeom, 3, 3] or [ngeom, 9] rotations from their frames to the world's.
      cam_xpos: [ncam, 3] m of all the model's cameras, or [3] of the one to look through.
      cam_xmat: [ncam, 3, 3] or [ncam, 9], or [3, 3] with cam_xpos [3]; columns right, up, back.
    """

    geom_xpos: Any
    geom_xmat: Any
    cam_xpos: Any
    cam_xmat: Any


def poses_of(scene: Scene, data: Any) -> Poses:
    """Returns the poses in an mjx.Data, MjData or tuple, with the scene's camera picked.

    Returns:
      Poses of float32: [ngeom, 3], [ngeom, 3, 3], [3], [3, 3].
    """
    if not isinstance(data, tuple):
        data = data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat
    places, turns, position, matrix = (jnp.asarray(array, jnp.float32) for array in data)
    if position.ndim > 1 and scene.camera == FREE:
        position, matrix = orbit(*scene.free)
    elif position.ndim > 1:
        position = position[scene.camera]
        matrix = matrix[scene.camera]
    return Poses(places, turns.reshape(-1, 3, 3), position, matrix.reshape(3, 3))


def orbit(
    lookat: Any, distance: Any, azimuth: Any = 90.0, elevation: Any = -45.0
) -> tuple[jax.Array, jax.Array]:
    """Returns a camera that looks at a point from a distance, by MuJoCo's angles.

    Args:
      lookat: [3] m.
      distance: m.
      azimuth: degrees about z; at 90 the camera looks along y.
      elevation: degrees; below zero the camera looks down.

    Returns:
      cam_xpos [3] and cam_xmat [3, 3], for `Poses`.
    """
    azimuth = jnp.deg2rad(jnp.float32(azimuth))
    elevation = jnp.deg2rad(jnp.float32(elevation))
    x = jnp.cos(azimuth)
    y = jnp.sin(azimuth)
    across = jnp.cos(elevation)
    forward = jnp.stack([across * x, across * y, jnp.sin(elevation)])
    right = jnp.stack([y, -x, jnp.zeros_like(x)])
    matrix = jnp.stack([right, jnp.cross(right, forward), -forward], -1)
    return jnp.asarray(lookat, jnp.float32) - distance * forward, matrix


def shaken(look: Look, poses: Poses) -> tuple[jax.Array, jax.Array]:
    """Returns the camera's position [3] and matrix [3, 3] with the look's offset."""
    with jax.default_matmul_precision("highest"):
        matrix = poses.cam_xmat @ rotation(look.camera_turn)
        return poses.cam_xpos + poses.cam_xmat @ look.camera_shift, matrix


def rays(scene: Scene, fovy: jax.Array, matrix: jax.Array, finer: int) -> tuple[Vector, jax.Array]:
    """Casts rays through P = height * width * finer^2 pixels, row by row from the top left.

    Args:
      scene: for height and width.
      fovy: degrees.
      matrix: [3, 3] of the camera.
      finer: rays along each axis of a pixel.

    Returns:
      Directions of unit length in the world, three arrays [P], and their cosines with the optical
      axis [P], by which lengths along the rays become depths.
    """
    height = scene.height * finer
    width = scene.width * finer
    half = jnp.tan(jnp.deg2rad(fovy) / 2)
    rows = (1 - 2 * (jnp.arange(height, dtype=jnp.float32) + 0.5) / height) * half
    columns = (2 * (jnp.arange(width, dtype=jnp.float32) + 0.5) / width - 1) * half * width / height
    x = jnp.tile(columns, height)
    y = jnp.repeat(rows, width)
    cosine = jax.lax.rsqrt(x * x + y * y + 1)
    world = [(matrix[i, 0] * x + matrix[i, 1] * y - matrix[i, 2]) * cosine for i in range(3)]
    return (world[0], world[1], world[2]), cosine


def rotation(turn: jax.Array) -> jax.Array:
    """Returns the matrix [..., 3, 3] of an axis times an angle [..., 3] (Rodrigues' formula)."""
    square = jnp.sum(turn * turn, -1)[..., None, None]
    angle = jnp.sqrt(jnp.maximum(square, 1e-8))  # where it is less, no float32 tells
    x, y, z = turn[..., 0], turn[..., 1], turn[..., 2]
    zero = jnp.zeros_like(x)
    rows = [jnp.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    outer = turn[..., :, None] * turn[..., None, :]
    eye = jnp.eye(3)
    twice = 2 * jnp.square(jnp.sin(angle / 2) / angle)
    return eye + jnp.sin(angle) / angle * jnp.stack(rows, -2) + twice * (outer - square * eye)
