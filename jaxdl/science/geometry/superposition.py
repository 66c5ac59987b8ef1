"""The rigid motion that lays one set of points best upon another."""

import jax
import jax.numpy as jnp

from jaxdl.science.geometry.rigid import Rigid, apply
from jaxdl.science.geometry.vectors import norm


def superpose(moving: jax.Array, fixed: jax.Array, weights: jax.Array) -> tuple[Rigid, jax.Array]:
    """Finds the motion of least weighted root mean square distance.

    Args:
      moving: [..., N, 3].
      fixed: [..., N, 3], of the same points.
      weights: [..., N], >= 0; 0 leaves a point out.

    Returns:
      The motion that takes the moving points to the fixed ones, through which no gradient flows,
      and their root mean square distance [...] after it. The distance's gradient is complete all
      the same, since at the best motion it does not depend on the motion to first order.

    Reference: Kabsch 1976.
    """
    share = weights / jnp.maximum(jnp.sum(weights, -1, keepdims=True), 1e-8)
    share = share[..., None]
    centers = [jnp.sum(share * x, -2, keepdims=True) for x in (moving, fixed)]
    covariance = jnp.einsum(
        "...ni,...nj->...ij", share * (fixed - centers[1]), moving - centers[0], precision="highest"
    )
    u, _, v = jnp.linalg.svd(jax.lax.stop_gradient(covariance))
    mirrored = jnp.sign(jnp.linalg.det(u @ v))
    signs = jnp.ones_like(u[..., 0, :]).at[..., 2].set(mirrored)
    rotation = jnp.einsum("...ij,...j,...jk->...ik", u, signs, v, precision="highest")
    shift = centers[1][..., 0, :] - jnp.einsum(
        "...ij,...j->...i", rotation, centers[0][..., 0, :], precision="highest"
    )
    motion = jax.tree.map(jax.lax.stop_gradient, Rigid(rotation, shift))
    through = Rigid(motion.rotation[..., None, :, :], shift[..., None, :])
    distance = norm(apply(through, moving) - fixed)
    return motion, jnp.sqrt(jnp.maximum(jnp.sum(share[..., 0] * distance**2, -1), 1e-12))
