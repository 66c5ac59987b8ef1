"""Nets with noise inside."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.noisy import NoisyMLP, WideResNet, branch_rates, drop_branch

KEY = jax.random.key(0)
NETS = [NoisyMLP(5, 16, 2), WideResNet(5, 1, 1)]


@pytest.mark.parametrize("net", NETS, ids=lambda net: type(net).__name__)
@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (3, 9, 6, 3)])
def test_images_of_any_shape_give_logits(net, shape):
    params = jax.eval_shape(lambda: net.init(KEY, jnp.zeros(shape), False))
    got = jax.eval_shape(lambda p, x: net.apply(p, x, False), params, jnp.zeros(shape))
    assert got.shape == (shape[0], 5)


BY_COST = [NETS[0], pytest.param(NETS[1], marks=pytest.mark.slow)]


@pytest.mark.parametrize("net", BY_COST, ids=lambda net: type(net).__name__)
def test_noise_is_in_training_alone(net):
    x = jax.random.normal(KEY, (4, 8, 8, 1))
    params = jax.jit(lambda: net.init(KEY, x, False))()
    noisy = net.clone(dropout=0.5, drop_path=0.5)

    @partial(jax.jit, static_argnums=(0, 1))
    def apply(module, train, key):
        return module.apply(params, x, train, rngs={"dropout": key})

    plain = apply(net, False, KEY)
    np.testing.assert_allclose(apply(noisy, False, KEY), plain, atol=1e-5)
    np.testing.assert_allclose(apply(net, True, KEY), plain, atol=1e-5)
    assert np.abs(apply(noisy, True, KEY) - plain).max() > 1e-2
    assert np.abs(apply(noisy, True, KEY) - apply(noisy, True, jax.random.key(1))).max() > 1e-2


def test_images_of_a_batch_do_not_see_each_other():
    x = jax.random.normal(KEY, (4, 8, 8, 1))
    for net in NETS:
        params = jax.jit(lambda net=net: net.init(KEY, x, False))()
        apply = jax.jit(lambda x, net=net, params=params: net.apply(params, x, True))
        np.testing.assert_allclose(apply(x)[:1], apply(x[:1]), atol=1e-5)


def test_later_branches_are_left_out_more_often():
    np.testing.assert_allclose(branch_rates(0.2, 4), [0.05, 0.1, 0.15, 0.2])


class Fixed:
    """A module's stream of keys."""

    def make_rng(self, name):
        assert name == "dropout"
        return KEY


def test_whole_branches_are_left_out_and_the_mean_stays():
    branch = jnp.ones((4000, 3, 2))
    got = np.asarray(drop_branch(Fixed(), branch, 0.2, True))
    assert set(np.unique(got)) == {0.0, np.float32(1.25)}
    assert (np.ptp(got, axis=(1, 2)) == 0).all()
    np.testing.assert_allclose(got.mean(), 1.0, atol=0.03)
    np.testing.assert_array_equal(drop_branch(Fixed(), branch, 0.2, False), branch)
    np.testing.assert_array_equal(drop_branch(Fixed(), branch, 0.0, True), branch)
