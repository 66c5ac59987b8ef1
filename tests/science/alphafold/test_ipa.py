"""Algorithm 22 beside NumPy, in float64: value, gradient, motions of the world, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.science.alphafold import InvariantPointAttention
from jaxdl.science.geometry import Rigid
from tests.science.alphafold.slopes import assert_slopes, draw_rotations

N, H, C, P = 5, 2, 3, 2
NET = InvariantPointAttention(num_heads=H, channels=C, query_points=P, value_points=P)
MASK = np.array([1.0, 1, 0, 1, 1])


def attend(p, s, z, rotation, translation):
    """Algorithm 22 with all distances between points spelled out."""

    def told(name, *shape):
        return (s @ p[name]["kernel"] + p[name]["bias"]).reshape(N, *shape)

    def placed(name):
        points = told(name, 3, H, -1)
        world = np.einsum("nij,njhp->nhpi", rotation, points)
        return world + translation[:, None, None]

    q, (k, v) = told("query", H, C), np.split(told("key_value", H, 2 * C), 2, -1)
    x, (y, y_values) = placed("query_points"), np.split(placed("key_value_points"), 2, 2)
    b = z @ p["pair_bias"]["kernel"] + p["pair_bias"]["bias"]
    squared = np.sum((x[:, None] - y) ** 2, (-1, -2)) * np.log1p(np.exp(p["point_weights"]))
    logits = np.einsum("ihc,jhc->ijh", q, k) / C**0.5 + b - (2 / (9 * P)) ** 0.5 / 2 * squared
    a = np.exp(3**-0.5 * logits) * MASK[:, None]
    a = a / a.sum(1, keepdims=True)
    world = np.einsum("ijh,jhpx->ihpx", a, y_values) - translation[:, None, None]
    local = np.einsum("nji,nhpj->nihp", rotation, world)
    scalars, pairs = np.einsum("ijh,jhc->ihc", a, v), np.einsum("ijh,ijc->ihc", a, z)
    length = np.sqrt(np.sum(local**2, 1) + 1e-8)
    found = np.concatenate([x.reshape(N, -1) for x in (scalars, local, length, pairs)], 1)
    return found @ p["output"]["kernel"] + p["output"]["bias"]


WEIGHTS = np.random.default_rng(9).normal(size=(N, 4)) * MASK[:, None]


@pytest.fixture(scope="module")
def attention():
    """A compiled function, and what it is applied to."""

    def score(p, s, z, rotation, translation, mask):
        out = NET.apply({"params": p}, s, z, Rigid(rotation, translation), mask)
        return jnp.sum(out * WEIGHTS), out

    rng = np.random.default_rng(0)
    s, z = rng.normal(size=(N, 4)), rng.normal(size=(N, N, 3))
    rotation, translation = draw_rotations(rng, N), rng.normal(size=(N, 3))
    frames = Rigid(rotation, translation)
    shapes = jax.eval_shape(NET.init, jax.random.key(0), s, z, frames, MASK)["params"]
    p = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    run = jax.jit(jax.value_and_grad(score, argnums=(0, 1, 2, 3, 4), has_aux=True))
    return run, (p, s, z, rotation, translation)


def test_value_and_gradient(attention):
    run, args = attention
    with jax.enable_x64(True):
        (_, out), gradient = run(*args, MASK)
        seen = MASK > 0
        np.testing.assert_allclose(out[seen], attend(*args)[seen], rtol=1e-10)
        assert out.dtype == jnp.float64
    assert_slopes(gradient, lambda *args: np.sum(WEIGHTS * attend(*args)), args)


def test_motions_of_the_world_change_nothing(attention):
    run, (p, s, z, rotation, translation) = attention
    rng = np.random.default_rng(1)
    turn, shift = draw_rotations(rng), 5 * rng.normal(size=3)
    with jax.enable_x64(True):
        (_, out), gradient = run(p, s, z, rotation, translation, MASK)
        moved = run(p, s, z, turn @ rotation, translation @ turn.T + shift, MASK)
    np.testing.assert_allclose(moved[0][1], out, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(moved[1][1], gradient[1], rtol=1e-9, atol=1e-9)
    turned = np.asarray(gradient[4]) @ turn.T
    np.testing.assert_allclose(moved[1][4], turned, rtol=1e-9, atol=1e-9)


def test_nobody_looks_at_what_is_masked(attention):
    run, (p, s, z, rotation, translation) = attention
    hidden = MASK == 0
    other = [np.where(hidden.reshape(N, *(1,) * (x.ndim - 1)), 7.0, x) for x in (s, z, translation)]
    other[1][:, hidden] = 7.0
    with jax.enable_x64(True):
        (_, out), gradient = run(p, s, z, rotation, translation, MASK)
        (_, same), _ = run(p, other[0], other[1], rotation, other[2], MASK)
        (_, alone), alone_gradient = run(p, s, z, rotation, translation, 0 * MASK)
    np.testing.assert_array_equal(same[~hidden], out[~hidden])
    assert not np.any(gradient[1][hidden]) and not np.any(gradient[2][:, hidden])
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves((alone, alone_gradient)))


def test_padding_changes_nothing():
    rng = np.random.default_rng(2)
    s, z = rng.normal(size=(4, 4)), rng.normal(size=(4, 4, 3))
    frames = Rigid(draw_rotations(rng, 4), rng.normal(size=(4, 3)))
    more = Rigid(*(np.concatenate([x, x[:3]]) for x in frames))
    padded = np.pad(s, ((0, 3), (0, 0))), np.pad(z, ((0, 3), (0, 3), (0, 0)))
    with jax.enable_x64(True):
        params = jax.eval_shape(NET.init, jax.random.key(0), s, z, frames, np.ones(4))
        params = jax.tree.map(lambda x: rng.normal(size=x.shape), params)
        out = jax.jit(NET.apply)(params, s, z, frames, np.ones(4))
        longer = jax.jit(NET.apply)(params, *padded, more, np.arange(7.0) < 4)
    np.testing.assert_allclose(longer[:4], out, rtol=1e-12)


def test_float32_is_near_float64_far_from_the_origin(attention):
    run, (p, s, z, rotation, translation) = attention
    translation = np.round(1024 * translation) / 1024  # so that it is exact in float32 after 512
    with jax.enable_x64(True):
        (_, out), _ = run(p, s, z, rotation, translation, MASK)
        small = jax.tree.map(np.float32, (p, s, z, rotation, translation + 512, MASK))
        (_, rounded), _ = run(*small)
    assert rounded.dtype == jnp.float32
    np.testing.assert_allclose(rounded, out, atol=1e-5 * np.max(np.abs(out)))
