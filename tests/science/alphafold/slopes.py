"""Slopes of NumPy references, to compare gradients with."""

import jax
import numpy as np


def slopes(fn, args, seeds=3, step=1e-5):
    """Slopes of a function of trees along random directions, and the directions."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        direction = jax.tree.map(lambda x, rng=rng: rng.normal(size=np.shape(x)), args)
        ahead, behind = (
            fn(*jax.tree.map(lambda x, d, e=e: x + e * d, args, direction)) for e in (step, -step)
        )
        found.append(((ahead - behind) / (2 * step), direction))
    return found


def assert_slopes(gradient, fn, args, rtol=1e-6):
    """Checks a gradient, a tree like args, against slopes of a function."""
    for slope, direction in slopes(fn, args):
        parts = jax.tree.map(
            lambda g, d: np.vdot(np.asarray(g, np.float64), d), gradient, direction
        )
        np.testing.assert_allclose(sum(jax.tree.leaves(parts)), slope, rtol=rtol)


def draw_rotations(rng, *shape):
    """Rotations [..., 3, 3], each by any turn."""
    turns = np.linalg.qr(rng.normal(size=(*shape, 3, 3)))[0]
    return turns * np.linalg.det(turns)[..., None, None]
