"""Where a ray enters a shape and the normal there, in closed forms in the shape's own frame.

Vectors are tuples of three arrays, one a component: an axis of length 3 would keep XLA from fusing
and vectorizing. Rays have directions of unit length. All shapes are solids, of which a ray sees the
point where it enters: one that starts within a shape does not see it. Roots are taken about the
ray's point nearest to the shape, where nothing large cancels, so that small shapes far away keep
their outline in float32.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from mujoco import mjtGeom

Vector = tuple[Any, Any, Any]
TINY = 1e-9  # what a divisor or a length is at least; gradients stay finite in float32


def dot(a: Vector, b: Vector) -> jax.Array:
    """The inner product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def along(origin: Vector, t: jax.Array, direction: Vector) -> Vector:
    """The point origin + t direction."""
    x, y, z = (o + t * d for o, d in zip(origin, direction, strict=True))
    return x, y, z


def unit(v: Vector) -> Vector:
    """Scales a vector to length one. Zero stays zero."""
    scale = jax.lax.rsqrt(jnp.maximum(dot(v, v), TINY**2))
    return v[0] * scale, v[1] * scale, v[2] * scale


def enter(kind: int, origin: Vector, direction: Vector, size: Vector) -> tuple[Any, Any]:
    """Finds where rays enter a shape.

    Args:
      kind: an mjtGeom.
      origin: of the rays in the shape's frame, m.
      direction: of the rays in the shape's frame, of unit length.
      size: MuJoCo's three numbers, m.

    Returns:
      t, m, and whether the ray meets the shape at t > 0; where not, t is finite, of no meaning.
    """
    return ENTER[kind](origin, direction, size)


def normal(kind: int, point: Vector, size: Vector) -> Vector:
    """Returns the outward unit normal at a point on a shape in its own frame."""
    return NORMAL[kind](point, size)


def _plane(p, d, size):
    """Enters a one-sided plane, infinite where its size is zero."""
    t = -p[2] / _not_zero(d[2])
    x, y, _ = along(p, t, d)
    inside = ((size[0] <= 0) | (jnp.abs(x) <= size[0])) & ((size[1] <= 0) | (jnp.abs(y) <= size[1]))
    return t, (t > 0) & (p[2] > 0) & inside


def _sphere(p, d, size):
    return _ball(p, d, size[0])


def _ball(p, d, radius):
    t = -dot(p, d)
    nearest = along(p, t, d)
    h = radius * radius - dot(nearest, nearest)
    t = t - _root(h)
    return t, (h >= 0) & (t > 0)


def _ellipsoid(p, d, size):
    """The unit ball in a frame that is stretched by the half axes."""
    inverse = [1 / _not_zero(s) for s in size]
    p, d = ([v * i for v, i in zip(vector, inverse, strict=True)] for vector in (p, d))
    per_square = 1 / dot(d, d)
    t = -dot(p, d) * per_square
    nearest = along(p, t, d)
    h = 1 - dot(nearest, nearest)
    t = t - _root(h * per_square)
    return t, (h >= 0) & (t > 0)


def _wall(p, d, size):
    """Enters the endless cylinder about z, with the height z there and whether it is met."""
    per_square = 1 / jnp.maximum(d[0] * d[0] + d[1] * d[1], TINY**2)
    t = -(p[0] * d[0] + p[1] * d[1]) * per_square
    x = p[0] + t * d[0]
    y = p[1] + t * d[1]
    h = size[0] * size[0] - (x * x + y * y)
    t = t - _root(h * per_square)
    z = p[2] + t * d[2]
    return t, z, h >= 0, (h >= 0) & (jnp.abs(z) <= size[1]) & (t > 0)


def _capsule(p, d, size):
    """By the wall, or by the cap beyond whose end the wall would be met."""
    t, z, met, by_wall = _wall(p, d, size)
    end = jnp.where(z > 0, size[1], -size[1])
    t_cap, by_cap = _ball((p[0], p[1], p[2] - end), d, size[0])
    by_cap &= met & (jnp.abs(z) > size[1])
    return jnp.where(by_wall, t, t_cap), by_wall | by_cap


def _cylinder(p, d, size):
    """By the wall, or by the disc that faces the ray."""
    t, _, _, by_wall = _wall(p, d, size)
    t_disc = (jnp.where(d[2] > 0, -size[1], size[1]) - p[2]) / _not_zero(d[2])
    x = p[0] + t_disc * d[0]
    y = p[1] + t_disc * d[1]
    by_disc = (x * x + y * y <= size[0] * size[0]) & (t_disc > 0)
    return jnp.where(by_wall, t, t_disc), by_wall | by_disc


def _box(p, d, size):
    """Into the last of three slabs, before the ray leaves the first."""
    inverse = [1 / _not_zero(v) for v in d]
    middle = [-i * v for i, v in zip(inverse, p, strict=True)]
    half = [jnp.abs(i) * s for i, s in zip(inverse, size, strict=True)]
    first, second, third = (m - h for m, h in zip(middle, half, strict=True))
    t = jnp.maximum(jnp.maximum(first, second), third)
    first, second, third = (m + h for m, h in zip(middle, half, strict=True))
    return t, (t <= jnp.minimum(jnp.minimum(first, second), third)) & (t > 0)


def _plane_normal(p, size):
    return jnp.zeros_like(p[0]), jnp.zeros_like(p[0]), jnp.ones_like(p[0])


def _sphere_normal(p, size):
    return unit(p)


def _ellipsoid_normal(p, size):
    x, y, z = (v / _not_zero(s * s) for v, s in zip(p, size, strict=True))
    return unit((x, y, z))


def _capsule_normal(p, size):
    return unit((p[0], p[1], p[2] - jnp.clip(p[2], -size[1], size[1])))


def _cylinder_normal(p, size):
    """The disc's from where the point lies nearer to it than to the wall."""
    across = jnp.sqrt(jnp.maximum(p[0] * p[0] + p[1] * p[1], TINY**2))
    on_disc = jnp.abs(p[2]) - size[1] > across - size[0]
    x, y = (jnp.where(on_disc, 0.0, v / across) for v in p[:2])
    return x, y, jnp.where(on_disc, jnp.sign(p[2]), 0.0)


def _box_normal(p, size):
    """Of the face to which the point is nearest, or beyond which it is farthest."""
    beyond = [jnp.abs(v) - s for v, s in zip(p, size, strict=True)]
    most = jnp.maximum(jnp.maximum(beyond[0], beyond[1]), beyond[2])
    x, y, z = (jnp.where(b >= most, jnp.sign(v), 0.0) for b, v in zip(beyond, p, strict=True))
    return x, y, z


def _not_zero(x):
    return jnp.where(jnp.abs(x) < TINY, TINY, x)


def _root(x):
    """sqrt(max(x, 0)), whose gradient is finite where there is no root."""
    return jnp.sqrt(jnp.maximum(x, TINY**2))


ENTER: dict[int, Callable[[Vector, Vector, Vector], tuple[Any, Any]]] = {
    int(mjtGeom.mjGEOM_PLANE): _plane,
    int(mjtGeom.mjGEOM_SPHERE): _sphere,
    int(mjtGeom.mjGEOM_CAPSULE): _capsule,
    int(mjtGeom.mjGEOM_ELLIPSOID): _ellipsoid,
    int(mjtGeom.mjGEOM_CYLINDER): _cylinder,
    int(mjtGeom.mjGEOM_BOX): _box,
}
NORMAL: dict[int, Callable[[Vector, Vector], Vector]] = {
    int(mjtGeom.mjGEOM_PLANE): _plane_normal,
    int(mjtGeom.mjGEOM_SPHERE): _sphere_normal,
    int(mjtGeom.mjGEOM_CAPSULE): _capsule_normal,
    int(mjtGeom.mjGEOM_ELLIPSOID): _ellipsoid_normal,
    int(mjtGeom.mjGEOM_CYLINDER): _cylinder_normal,
    int(mjtGeom.mjGEOM_BOX): _box_normal,
}
