"""Casts a ray through each pixel and colors what it meets, as one array program.

Geoms are unrolled at trace time, their kinds fixed, all else arrays: no gather, no loop, no mesh.
The program is cut into stages by optimization barriers. XLA computes each array that crosses one in
a kernel of its own, together with whatever that needs and no barrier keeps; so few arrays cross,
and nothing dear is needed by two. Without barriers a picture takes over ten times as long on a CPU.

1. rays, and everything about the geoms in their own frames: a few numbers each
2. how far along each ray each geom is, then the nearest: [P] per geom, and two
3. of the winner alone, in its own frame: the point met, there the normal's cosines with the ways to
   the camera and the lights, and the mix of the two colors; from these, light and highlights
4. red, green and blue, from the winner's colors or the sky's; then the sensor
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from mujoco import mjtGeom

from jaxdl.render.camera import poses_of, rays, shaken
from jaxdl.render.look import Look
from jaxdl.render.scene import Scene
from jaxdl.render.sensor import sense
from jaxdl.render.shapes import TINY, Vector, along, dot, enter, normal
from jaxdl.render.texture import smooth_noise

FAR = 1e10  # m; what is farther is sky
LIFT = 2e-4  # of the distance, by which the way to a light starts off the surface
PLANE = int(mjtGeom.mjGEOM_PLANE)
barrier = jax.lax.optimization_barrier


class View(NamedTuple):
    """Holds G geoms in their own frames and P rays, before anything is met.

    Attributes:
      turns: [G, 3, 3] rotations from the geoms' frames to the world's.
      starts: [G, 3] the camera in their frames, m.
      sizes: [G, 3] m.
      lights: [L, G, 3] unit directions towards the lights in their frames.
      light: [L, 3] the same in the world.
      directions: of the rays in the world, three arrays [P] of unit vectors.
      cosine: [P] of the rays with the optical axis.
    """

    turns: jax.Array
    starts: jax.Array
    sizes: jax.Array
    lights: jax.Array
    light: jax.Array
    directions: Vector
    cosine: jax.Array


def render(scene: Scene, look: Look, poses: Any, key: jax.Array | None = None) -> jax.Array:
    """Renders a picture, to be jitted with the scene closed over and vmapped over the rest.

    Args:
      scene: what is drawn.
      look: how it looks; `default_look(scene)` is the MJCF's own.
      poses: mjx.Data, mujoco.MjData, or (geom_xpos, geom_xmat, cam_xpos, cam_xmat) as in `Poses`.
      key: draws the sensor's noise; without one the sensor is ideal, and does not blur either.

    Returns:
      [H, W, 3] uint8.
    """
    channels = _picture(scene, look, poses, key)
    packed = [jnp.clip(channel * 255 + 0.5, 0, 255).astype(jnp.uint8) for channel in channels]
    return jnp.stack(packed, -1).reshape(scene.height, scene.width, 3)


def render_float(scene: Scene, look: Look, poses: Any, key: jax.Array | None = None) -> jax.Array:
    """Renders [H, W, 3] float32, in which 1 is white and highlights may exceed it.

    Differentiable in looks and poses, but for what jumps when it moves across a pixel's ray:
    silhouettes and the edges of shadows and checkers have no part in the gradient.
    """
    channels = _picture(scene, look, poses, key)
    return jnp.stack(channels, -1).reshape(scene.height, scene.width, 3)


def depth(scene: Scene, look: Look, poses: Any) -> jax.Array:
    """Measures meters along the optical axis [H, W] at the pixels' centers, 0 in the sky.

    Takes what `render` takes. Differentiable like `render_float`.
    """
    view = _view(scene, look, poses, 1)
    t, winner = _trace(scene, view)
    return jnp.where(winner >= 0, t * view.cosine, 0.0).reshape(scene.height, scene.width)


def segmentation(scene: Scene, look: Look, poses: Any) -> jax.Array:
    """Returns the model's numbers of the geoms at the pixels' centers [H, W], -1 for sky.

    Takes what `render` takes.
    """
    view = _view(scene, look, poses, 1)
    _, winner = _trace(scene, view)
    ids = jnp.where(winner >= 0, _pick(winner, jnp.array(scene.ids, jnp.int32)), -1)
    return ids.reshape(scene.height, scene.width)


def _picture(scene: Scene, look: Look, poses: Any, key: jax.Array | None) -> list[jax.Array]:
    """Returns red, green and blue [H * W], as the sensor gives them."""
    view = _view(scene, look, poses, scene.supersample)
    t, winner = _trace(scene, view)
    t = jnp.where(winner >= 0, t, 0.0)
    lit, shine, mix = _surface(scene, look, view, t, winner)
    up = jnp.clip(view.directions[2], 0, 1)
    colors = []
    for i in range(3):
        low, high = look.sky[0, i], look.sky[1, i]
        first = _pick(winner, look.rgb[:, i])
        second = _pick(winner, look.rgb2[:, i])
        surface = (first + mix * (second - first)) * lit + shine
        colors.append(jnp.where(winner >= 0, surface, low + up * (high - low)))
    return sense(scene, look, colors, key)


def _view(scene: Scene, look: Look, poses: Any, finer: int) -> View:
    poses = poses_of(scene, poses)
    origin, matrix = shaken(look, poses)
    geoms = jnp.array(scene.ids)
    turns = poses.geom_xmat[geoms]
    starts = jnp.sum(turns * (origin - poses.geom_xpos[geoms])[:, :, None], 1)
    light = look.light * jax.lax.rsqrt(jnp.sum(look.light**2, -1, keepdims=True))
    lights = jnp.sum(turns * light[:, None, :, None], 2)
    placed = barrier((turns, starts, look.size, lights, light))
    return View(*placed, *barrier(rays(scene, look.fovy, matrix, finer)))


def _trace(scene: Scene, view: View) -> tuple[jax.Array, jax.Array]:
    """Finds the nearest hit of each ray, t [P], and which of the G geoms [P], -1 for none."""
    entered = []
    for i, kind in enumerate(scene.kinds):
        direction = _into(view.turns[i], view.directions)
        t, met = enter(kind, _vector(view.starts[i]), direction, _vector(view.sizes[i]))
        entered.append(jnp.where(met, t, FAR))
    nearest = jnp.full(view.cosine.shape, FAR)
    winner = jnp.full(nearest.shape, -1, jnp.int32)
    for i, t in enumerate(barrier(entered)):
        nearer = t < nearest
        nearest = jnp.where(nearer, t, nearest)
        winner = jnp.where(nearer, i, winner)
    return barrier((nearest, winner))


def _surface(scene, look, view, t, winner):
    """Computes diffuse light, highlights and the second color's share [P] of what is met."""
    turn = [[_pick(winner, view.turns[:, i, j]) for j in range(3)] for i in range(3)]
    start = _pick3(winner, view.starts)
    point = barrier(along(start, t, _into(turn, view.directions)))
    n = _normal(scene, winner, point, _pick3(winner, view.sizes))
    way = tuple(a - b for a, b in zip(start, point, strict=True))  # from there to the camera
    facing = dot(n, way) / jnp.maximum(t, TINY)
    cosines = [dot(n, _pick3(winner, lights)) for lights in view.lights]
    facing, cosines, mix = barrier((facing, cosines, _mix(scene, look, winner, point)))
    lit = look.ambient + look.headlight * jnp.maximum(facing, 0.0)
    shine = _sharp(facing) * (look.headlight > 0)
    for i, cosine in enumerate(cosines):
        open_ = cosine > 0 if not scene.shadows[i] else (cosine > 0) & ~_shaded(scene, view, i, t)
        lit = lit + look.diffuse[i] * jnp.where(open_, cosine, 0.0)
        # Blinn 1977: the normal's cosine with the middle between the light and the camera.
        length = jnp.sqrt(jnp.maximum(2 - 2 * dot(view.directions, view.light[i]), TINY))
        shine = shine + jnp.where(open_, _sharp((cosine + facing) / length), 0.0)
    return *barrier((lit, look.specular * shine)), mix


def _sharp(cosine: jax.Array) -> jax.Array:
    """Raises to the power of 64, that of MuJoCo's default shininess, by squaring."""
    cosine = jnp.maximum(cosine, 0.0)
    for _ in range(6):
        cosine = cosine * cosine
    return cosine


def _normal(scene: Scene, winner: jax.Array, point: Vector, size: Vector) -> Vector:
    """Computes the winner's normal [P] in its own frame, by each kind in turn."""
    kinds = sorted(set(scene.kinds))
    n = normal(kinds[0], point, size)
    for kind in kinds[1:]:
        mask = _is_kind(scene, winner, kind)
        other = normal(kind, point, size)
        n = tuple(jnp.where(mask, b, a) for a, b in zip(n, other, strict=True))
    return n


def _shaded(scene: Scene, view: View, number: int, t: jax.Array) -> jax.Array:
    """Says whether any geom but a plane lies between the points met and a light [P].

    The way starts off the surface along itself: a convex body hides no lit point of its own.
    """
    light = _vector(view.light[number])
    ahead = along(view.directions, LIFT, light)
    shaded = jnp.zeros(t.shape, bool)
    for i, kind in enumerate(scene.kinds):
        if kind != PLANE:
            point = along(_vector(view.starts[i]), t, _into(view.turns[i], ahead))
            towards = _vector(view.lights[number, i])
            shaded |= enter(kind, point, towards, _vector(view.sizes[i]))[1]
    return barrier(shaded)


def _mix(scene: Scene, look: Look, winner: jax.Array, point: Vector) -> jax.Array:
    """Returns the share of a geom's second color [P], by checkers and noise in its own frame."""
    flat = _is_kind(scene, winner, PLANE)  # whose z flickers about 0
    point = point[0], point[1], jnp.where(flat, 0.0, point[2])
    scale = _pick(winner, look.frequency) * (1 - 1e-4)  # no box's face between two cells
    cell = [v * scale for v in point]
    count = sum(jnp.floor(v) for v in cell)
    odd = count - 2 * jnp.floor(count / 2)
    checker = _pick(winner, look.checker)
    noise = _pick(winner, look.noise)
    return checker * odd + noise * smooth_noise(cell)


def _is_kind(scene: Scene, winner: jax.Array, kind: int) -> jax.Array:
    mask = jnp.zeros(winner.shape, bool)
    for i, own in enumerate(scene.kinds):
        if own == kind:
            mask |= winner == i
    return mask


def _pick(winner: jax.Array, values: jax.Array) -> jax.Array:
    """Picks values[winner] [P] of a few values [G], or the first where there is no winner."""
    picked = jnp.broadcast_to(values[0], winner.shape)
    for i in range(1, len(values)):
        picked = jnp.where(winner == i, values[i], picked)
    return picked


def _pick3(winner: jax.Array, values: jax.Array) -> Vector:
    x, y, z = (_pick(winner, values[:, i]) for i in range(3))
    return x, y, z


def _into(turn: Any, v: Vector) -> Vector:
    """Turns a direction of the world into a geom's frame, whose rotation is `turn`."""
    x, y, z = (turn[0][i] * v[0] + turn[1][i] * v[1] + turn[2][i] * v[2] for i in range(3))
    return x, y, z


def _vector(v: jax.Array) -> Vector:
    return v[0], v[1], v[2]
