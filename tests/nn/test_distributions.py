import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import stats

from jaxdl.core.run import BadInput
from jaxdl.nn import Gaussian, categorical, gaussian, tanh_gaussian

POLICY = Gaussian(jnp.array([0.3, -1.0]), jnp.array([-0.5, 0.2]))
OTHER = Gaussian(jnp.array([0.0, 0.5]), jnp.array([0.1, -0.3]))


def samples(family, policy, n=200_000):
    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (n, *x.shape)), policy)
    return many, family.sample(jax.random.key(0), many)


def test_categorical():
    logits = jnp.array([0.5, -1.0, 2.0, 0.0])
    probs = jax.nn.softmax(logits)
    family = categorical(4)
    many, action = samples(family, logits)
    assert action.dtype == jnp.int32
    np.testing.assert_allclose(jnp.bincount(action, length=4) / len(action), probs, atol=0.005)
    np.testing.assert_allclose(family.logp(many[:4], jnp.arange(4)), jnp.log(probs), rtol=1e-5)
    np.testing.assert_allclose(family.entropy(logits), -jnp.sum(probs * jnp.log(probs)), rtol=1e-5)
    other = jnp.array([0.0, 0.0, 1.0, 0.0])
    expected = jnp.sum(probs * (jnp.log(probs) - jax.nn.log_softmax(other)))
    np.testing.assert_allclose(family.kl(logits, other), expected, rtol=1e-5)
    assert family.mode(logits) == 2


def test_certain_and_impossible_actions():
    family = categorical(3)
    logits = jnp.broadcast_to(jnp.array([-60.0, 60.0, -60.0]), (1000, 3))
    assert (family.sample(jax.random.key(0), logits) == 1).all()
    grad = jax.grad(lambda x: family.entropy(x).sum() + family.logp(x, 1 + 0 * x[:, 0]).sum())
    assert np.isfinite(family.entropy(logits)).all() and np.isfinite(grad(logits)).all()


@pytest.mark.parametrize("family", [gaussian(2), tanh_gaussian(2, -1.0, 3.0)])
def test_entropy_and_kl_are_expectations(family):
    many, raw = samples(family, POLICY)
    logp = family.logp(many, raw)
    np.testing.assert_allclose(family.entropy(POLICY), -logp.mean(), atol=0.01)
    other = jax.tree.map(lambda x: jnp.broadcast_to(x, raw.shape), OTHER)
    expected = jnp.mean(logp - family.logp(other, raw))
    np.testing.assert_allclose(family.kl(POLICY, OTHER), expected, atol=0.02)
    np.testing.assert_array_equal(family.mode(POLICY), POLICY.mean)


def test_gaussian_density_and_clipping():
    family = gaussian(2, -1.0, 1.0)
    raw = jnp.array([[0.1, -3.0]])
    expected = stats.norm.logpdf(raw, POLICY.mean, jnp.exp(POLICY.log_std)).sum(-1)
    np.testing.assert_allclose(family.logp(POLICY, raw), expected, rtol=1e-5)
    np.testing.assert_allclose(family.to_env(raw), [[0.1, -1.0]])


def test_squashed_density_integrates_to_one_over_the_actions():
    family = tanh_gaussian(1, -1.0, 3.0)
    policy = Gaussian(jnp.array([0.4]), jnp.array([-0.2]))
    raw = jnp.linspace(-8, 8, 20_001)[:, None]
    action = family.to_env(raw)[:, 0]
    density = jnp.exp(family.logp(policy, raw))
    assert action.min() >= -1 and action.max() <= 3
    np.testing.assert_allclose(jnp.trapezoid(density, action), 1.0, atol=1e-4)


def test_squashed_density_is_finite_at_the_bounds():
    family = tanh_gaussian(1, -1.0, 1.0)
    raw = jnp.array([[40.0], [-40.0]])
    policy = Gaussian(raw, jnp.zeros_like(raw))
    grad = jax.grad(lambda p: family.logp(p, raw).sum() + family.entropy(p).sum())(policy)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((family.logp(policy, raw), grad)))


def test_squashing_needs_bounds():
    with pytest.raises(BadInput, match="finite"):
        tanh_gaussian(2, -jnp.inf, 1.0)
