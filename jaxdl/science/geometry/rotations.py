"""Rotations of space as matrices [..., 3, 3] and as unit quaternions [..., 4], real part first.

Conversions are smooth wherever the rotation itself is: no branch divides by what may be zero, also
not in the backward pass, so that float32 and gradients are safe for turns of 0 and of pi.
"""

import jax
import jax.numpy as jnp

from jaxdl.science.geometry.vectors import normalize


def rotation_from_quaternion(quaternion: jax.Array) -> jax.Array:
    """Returns the rotations [..., 3, 3] of quaternions [..., 4], which are scaled to unit length.

    Reference: Jumper et al. 2021, supplement, algorithm 23, line 3.
    """
    w, x, y, z = jnp.moveaxis(normalize(quaternion), -1, 0)
    rows = (
        (w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z),
    )
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def quaternion_from_rotation(rotation: jax.Array) -> jax.Array:
    """Returns unit quaternions [..., 4] of rotations [..., 3, 3], of which the real part is >= 0.

    Four forms of the quaternion are at hand, each of them divided by 4 times one of its components;
    the one with the largest divisor is taken, which is at least 2 (Shepperd 1978).
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (
        jnp.moveaxis(row, -1, 0) for row in jnp.moveaxis(rotation, -2, 0)
    )
    forms = jnp.stack(
        [
            jnp.stack([1 + xx + yy + zz, zy - yz, xz - zx, yx - xy], -1),
            jnp.stack([zy - yz, 1 + xx - yy - zz, yx + xy, xz + zx], -1),
            jnp.stack([xz - zx, yx + xy, 1 - xx + yy - zz, zy + yz], -1),
            jnp.stack([yx - xy, xz + zx, zy + yz, 1 - xx - yy + zz], -1),
        ],
        -2,
    )
    largest = jnp.argmax(jnp.diagonal(forms, axis1=-2, axis2=-1), -1)
    form = jnp.take_along_axis(forms, largest[..., None, None], -2)[..., 0, :]
    return normalize(jnp.where(form[..., :1] < 0, -form, form))


def rotation_from_two_vectors(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns the rotations [..., 3, 3] whose first axis lies along one vector [..., 3].

    The second axis lies in the plane of both vectors, on the side of the second (Gram-Schmidt).

    Reference: Jumper et al. 2021, supplement, algorithm 21, lines 3 to 7.
    """
    e1 = normalize(first)
    e2 = normalize(second - e1 * jnp.sum(e1 * second, -1, keepdims=True))
    return jnp.stack([e1, e2, jnp.cross(e1, e2)], -1)
