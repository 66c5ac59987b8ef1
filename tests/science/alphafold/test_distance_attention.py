"""Attention by distances alone, against NumPy, and under motions of the world."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from jaxdl.science.alphafold.distance_attention import DistanceAttention
from jaxdl.science.geometry import Rigid, compose, rotation_from_quaternion

N, HEADS, CHANNELS = 5, 2, 3
MASK = np.float32([1, 1, 1, 1, 0])
MODULE = DistanceAttention(HEADS, CHANNELS)


def inputs():
    rng = np.random.default_rng(0)
    s, z, t = (np.float32(rng.normal(size=x)) for x in [(N, 4), (N, N, 6), (N, 3)])
    frames = Rigid(jnp.tile(jnp.eye(3), (N, 1, 1)), jnp.asarray(t))
    shapes = jax.eval_shape(MODULE.init, jax.random.key(0), s, z, frames, MASK)
    params = jax.tree.map(lambda x: np.float32(0.5 * rng.normal(size=x.shape)), shapes)
    return params, s, z, frames


def attend(p, s, z, t):
    """Algorithm 22, lines 7 to 11, with origins in place of points."""
    q, k, v = (
        np.einsum("ic,chd->ihd", s, p[name]["kernel"]) + p[name]["bias"]
        for name in ("query", "key", "value")
    )
    b = z @ p["pair_bias"]["kernel"] + p["pair_bias"]["bias"]
    gamma = np.log1p(np.exp(p["distance_weights"]))
    found = []
    for i in range(N):
        squared = ((t[i] - t) ** 2).sum(-1)[:, None]
        logits = np.einsum("hd,jhd->jh", q[i], k) / np.sqrt(CHANNELS) + b[i] - gamma / 9 * squared
        weights = np.exp(logits / np.sqrt(3)) * MASK[:, None]
        a = weights / weights.sum(0)
        values = np.einsum("jh,jhd->hd", a, v), np.einsum("jh,jc->hc", a, z[i])
        found.append(np.concatenate([x.ravel() for x in values]))
    return np.stack(found) @ p["output"]["kernel"] + p["output"]["bias"]


def test_values_gradients_and_motions():
    params, s, z, frames = inputs()
    mine = jax.jit(lambda s, frames: MODULE.apply(params, s, z, frames, MASK))
    t = np.asarray(frames.translation)
    assert_allclose(mine(s, frames), attend(params["params"], s, z, t), rtol=1e-4, atol=1e-5)

    turn = rotation_from_quaternion(jnp.float32([0.5, 1, -2, 0.3]))
    world = Rigid(turn, jnp.float32([3, -1, 2]))
    assert_allclose(mine(s, compose(world, frames)), mine(s, frames), rtol=1e-3, atol=1e-4)

    way = np.float32(np.random.default_rng(1).normal(size=s.shape))
    slope = jnp.vdot(jax.grad(lambda s: jnp.sum(mine(s, frames)))(s), way)
    ends = [attend(params["params"], np.float64(s) + h * way, z, t).sum() for h in (1e-4, -1e-4)]
    assert_allclose(slope, (ends[0] - ends[1]) / 2e-4, rtol=1e-3)
