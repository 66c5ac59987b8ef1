import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses

SHAPE = (3, 4)


def draw(seed, n):
    return jax.random.normal(jax.random.key(seed), (n, *SHAPE))


def test_clipped_surrogate_agrees_with_rlax():
    rlax = pytest.importorskip("rlax")
    logp, old_logp, adv = draw(0, 3)

    def theirs(logp):
        ratio = jnp.exp(logp - old_logp)
        return rlax.clipped_surrogate_pg_loss(ratio.ravel(), adv.ravel(), 0.2)

    def ours(logp):
        return losses.clipped_surrogate(logp, old_logp, adv, clip=0.2)

    left, right = (jax.value_and_grad(f)(logp) for f in (ours, theirs))
    np.testing.assert_allclose(left[0], right[0], rtol=1e-6)
    np.testing.assert_allclose(left[1], right[1], atol=1e-6)


def test_clipped_surrogate_by_hand():
    # Ratios 2, 2, 1/2, 1/2 and advantages 1, -1, 1, -1: figure 1 of Schulman et al. 2017.
    logp = jnp.log(jnp.array([[2.0, 2.0, 0.5, 0.5]]))
    adv = jnp.array([[1.0, -1.0, 1.0, -1.0]])
    loss = lambda logp: losses.clipped_surrogate(logp, 0 * logp, adv, clip=0.2)  # noqa: E731
    value, grad = jax.value_and_grad(loss)(logp)
    np.testing.assert_allclose(value, -(1.2 - 2.0 + 0.5 - 0.8) / 4, rtol=1e-6)
    np.testing.assert_allclose(grad, -jnp.array([[0.0, -2.0, 0.5, 0.0]]) / 4, rtol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_loaded_dice_against_its_formula_in_value_gradient_and_hessian(decay):
    """Each ratio written as a sum over the steps before it."""
    logp, old_logp, adv = draw(3, 3)

    def plain(logp):
        log_ratio, total = logp - old_logp, 0.0
        for t in range(SHAPE[0]):
            before = sum(decay ** (t - s) * log_ratio[s] for s in range(t)) if t else 0.0
            total += jnp.sum((jnp.exp(before + log_ratio[t]) - jnp.exp(before)) * adv[t])
        return -total / adv.size

    def ours(logp):
        return losses.loaded_dice(logp, old_logp, adv, decay=decay)

    for order in (lambda f: f, jax.grad, jax.hessian):
        left, right = (jax.jit(order(f))(logp) for f in (ours, plain))
        np.testing.assert_allclose(left, right, atol=1e-5, rtol=1e-4)
    if decay == 0:
        np.testing.assert_allclose(
            ours(logp) - jnp.mean(adv), losses.surrogate(logp, old_logp, adv), atol=1e-5
        )


def test_the_surrogate_of_given_data_by_hand():
    logp, adv = jnp.log(jnp.array([[0.5, 0.25]])), jnp.array([[1.0, -2.0]])
    value, grad = jax.value_and_grad(losses.likelihood_surrogate)(logp, adv)
    np.testing.assert_allclose(value, -(np.log(0.5) - 2 * np.log(0.25)) / 2, rtol=1e-6)
    np.testing.assert_allclose(grad, [[-0.5, 1.0]])


def test_penalized_surrogate_by_hand():
    logp, old_logp, adv, kl = draw(1, 4)
    value, grads = jax.value_and_grad(losses.penalized_surrogate, (0, 3))(
        logp, old_logp, adv, kl, kl_coef=0.7
    )
    ratio = np.exp(np.asarray(logp) - old_logp)
    np.testing.assert_allclose(value, -np.mean(ratio * adv - 0.7 * np.asarray(kl)), rtol=1e-5)
    np.testing.assert_allclose(grads[0], -ratio * adv / 12, rtol=1e-5)
    np.testing.assert_allclose(grads[1], np.full(SHAPE, 0.7 / 12), rtol=1e-6)
    plain = losses.surrogate(logp, old_logp, adv)
    np.testing.assert_allclose(plain, -np.mean(ratio * adv), rtol=1e-5)


@pytest.mark.parametrize("kl, after", [(0.001, 1.0), (0.01, 2.0), (0.02, 4.0)])
def test_beta_follows_the_divergence(kl, after):
    assert losses.adapted_kl_coef(2.0, kl, target_kl=0.01) == after


def test_approximate_kl_is_unbiased_and_never_negative():
    p, q = (jax.nn.log_softmax(x) for x in jax.random.normal(jax.random.key(2), (2, 5)))
    action = jax.random.categorical(jax.random.key(3), p, shape=(400, 500))
    assert losses.approximate_kl(q[action[:1, :1]], p[action[:1, :1]]) >= 0
    exact = jnp.sum(jnp.exp(p) * (p - q))
    np.testing.assert_allclose(losses.approximate_kl(q[action], p[action]), exact, rtol=0.01)


def test_value_losses_by_hand():
    values, targets = jnp.array([[1.0, 2.0, 0.0]]), jnp.array([[3.0, 2.0, 0.0]])
    value, grad = jax.value_and_grad(losses.value_loss)(values, targets)
    assert value == pytest.approx(4 / 6)
    np.testing.assert_allclose(grad, [[-2 / 3, 0, 0]], atol=1e-6)
    # Old value 0, clip 0.5: 1 is kept at 0.5, whose error is worse and has no gradient;
    # 2 is kept at 0.5 too, where the target is missed by 1.5.
    loss = lambda v: losses.clipped_value_loss(v, 0 * v, targets, clip=0.5)  # noqa: E731
    value, grad = jax.value_and_grad(loss)(values)
    assert value == pytest.approx((6.25 + 2.25) / 6)
    np.testing.assert_allclose(grad, [[0, 0, 0]], atol=1e-6)


def test_unequal_shapes_are_refused():
    with pytest.raises(AssertionError):
        losses.surrogate(jnp.zeros((3, 1)), jnp.zeros((3, 4)), jnp.zeros((3, 4)))
