"""The net of board games, and its convolution."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn import BoardNet
from jaxdl.nn.board_net import convolve
from jaxdl.nn.winograd import winograd


def reference(x, kernel):
    """Four loops."""
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            window = padded[:, i : i + 3, j : j + 3]
            out[:, i, j] = np.einsum("bhwc,hwcf->bf", window, np.asarray(kernel, np.float64))
    return out


def arrays(*lead):
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (*lead, 3, 4, 5, 2))
    return x, jax.random.normal(kernel_key, (*lead, 3, 3, 2, 6))


def test_it_convolves():
    x, kernel = arrays()
    np.testing.assert_allclose(convolve(x, kernel), reference(x, kernel), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 3), (1, 6, 7), (3, 1, 2), (2, 5, 4)])
def test_winograds_tiles_give_the_same_sums(shape):
    x = jax.random.normal(jax.random.key(0), (*shape, 32))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 32, 33)) / 17
    expected = reference(x, kernel)
    np.testing.assert_allclose(winograd(x, kernel), expected, atol=1e-5)
    np.testing.assert_allclose(jax.jit(convolve)(x, kernel), expected, atol=1e-5)


def test_winograds_tiles_give_the_same_gradient():
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 32))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 32, 32)) / 17
    both = jax.jit(jax.grad(loss, argnums=(0, 1))), jax.jit(jax.grad(direct_loss, argnums=(0, 1)))
    ours, theirs = (gradient(x, kernel) for gradient in both)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), ours, theirs)


def loss(x, kernel):
    return jnp.sum(jnp.sin(convolve(x, kernel)))


def direct_loss(x, kernel):
    y = nn.Conv(kernel.shape[-1], (3, 3), use_bias=False).apply({"params": {"kernel": kernel}}, x)
    return jnp.sum(jnp.sin(y))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_side_by_side_it_is_the_same_in_value_and_gradient(axes):
    x, kernel = arrays(3)
    x = x if axes[0] == 0 else x[0]
    kernel = kernel if axes[1] == 0 else kernel[0]
    side_by_side = jax.vmap(jax.value_and_grad(loss, argnums=(0, 1)), axes)
    expected = jax.vmap(jax.value_and_grad(direct_loss, argnums=(0, 1)), axes)
    ours, theirs = jax.jit(side_by_side)(x, kernel), jax.jit(expected)(x, kernel)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), ours, theirs)


def test_the_net_begins_without_its_blocks_and_learns_with_them():
    net = BoardNet(7, channels=8, blocks=2)
    obs = jax.random.normal(jax.random.key(1), (5, 6, 7, 2))
    params = jax.jit(net.init)(jax.random.key(0), obs)
    logits, value = net.apply(params, obs)
    assert logits.shape == (5, 7) and value.shape == (5,) and (jnp.abs(value) <= 1).all()
    shallow = BoardNet(7, channels=8, blocks=0)
    names = jax.eval_shape(shallow.init, jax.random.key(0), obs)["params"].keys()
    kept = {"params": {name: params["params"][name] for name in names}}
    np.testing.assert_allclose(shallow.apply(kept, obs)[0], logits, atol=1e-6)

    @jax.jit
    @jax.grad
    def slope(params):
        logits, value = net.apply(params, obs)
        return jnp.sum(logits**2) + jnp.sum((value - 1) ** 2)

    for _ in range(2):  # the branches of the blocks follow their scales
        params = jax.tree.map(lambda p, g: p - 1e-3 * g, params, slope(params))
    assert all(bool(jnp.any(g != 0)) for g in jax.tree.leaves(slope(params)))
