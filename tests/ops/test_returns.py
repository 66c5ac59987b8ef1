import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import gae, n_step_returns

T, E, DISCOUNT, LAMBDA = 12, 5, 0.9, 0.8


def double_loop(rewards, values, next_values, terminated, truncated):
    """The definition: discounted sums of TD errors up to the end of the episode."""
    adv = np.zeros((T, E))
    for e in range(E):
        for t in range(T):
            weight = 1.0
            for k in range(t, T):
                next_value = 0.0 if terminated[k, e] else next_values[k, e]
                adv[t, e] += weight * (rewards[k, e] + DISCOUNT * next_value - values[k, e])
                weight *= DISCOUNT * LAMBDA
                if terminated[k, e] or truncated[k, e]:
                    break
    return adv


@pytest.fixture(scope="module")
def unroll():
    rng = np.random.default_rng(0)
    rewards, values, next_values = rng.normal(size=(3, T, E))
    return rewards, values, next_values, rng.random((T, E)) < 0.2, rng.random((T, E)) < 0.2


def ours(*args):
    args = [jnp.asarray(x, jnp.float32 if x.dtype == np.float64 else x.dtype) for x in args]
    return gae(*args, discount=DISCOUNT, gae_lambda=LAMBDA)


def test_agrees_with_the_definition(unroll):
    adv, targets = ours(*unroll)
    assert unroll[3].any() and unroll[4].any() and (unroll[3] & unroll[4]).any()
    np.testing.assert_allclose(adv, double_loop(*unroll), atol=1e-5)
    np.testing.assert_allclose(targets, double_loop(*unroll) + unroll[1], atol=1e-5)


def test_gradient_agrees_with_differences_of_the_definition(unroll):
    rewards, values, next_values, terminated, truncated = unroll
    weights = np.random.default_rng(1).normal(size=(T, E))

    def loss(rewards, values, next_values):
        adv = ours(rewards, values, next_values, terminated, truncated)[0]
        return jnp.sum(adv * weights)

    args = [jnp.asarray(x, jnp.float32) for x in (rewards, values, next_values)]
    grads = jax.grad(loss, argnums=(0, 1, 2))(*args)
    for i, (t, e) in ((0, (3, 1)), (1, (4, 2)), (2, (2, 0)), (2, (7, 3))):
        sums = []
        for change in (-0.5, 0.5):  # the advantage is linear: differences are exact
            moved = [np.array(x) for x in unroll]
            moved[i][t, e] += change
            sums.append(np.sum(double_loop(*moved) * weights))
        np.testing.assert_allclose(grads[i][t, e], sums[1] - sums[0], atol=1e-5)


def test_agrees_with_rlax_where_nothing_is_truncated(unroll):
    rlax = pytest.importorskip("rlax")
    rewards, values, _, terminated, _ = (jnp.asarray(x, jnp.float32) for x in unroll)
    values = jnp.concatenate([values, values[:1]])
    discounts = DISCOUNT * (1 - terminated)
    expected = jax.vmap(rlax.truncated_generalized_advantage_estimation, (1, 1, None, 1), 1)(
        rewards, discounts, LAMBDA, values
    )
    never = np.zeros((T, E), bool)
    adv, _ = ours(rewards, values[:-1], values[1:], unroll[3], never)
    np.testing.assert_allclose(adv, expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3, T, T + 4])
def test_n_step_returns_are_sums_of_n_rewards_and_the_value_after_them(unroll, n):
    rewards, _, next_values, terminated, _ = unroll
    discounts = np.where(terminated, 0.0, DISCOUNT)
    expected = np.zeros((T, E))
    for e in range(E):
        for t in range(T):
            factor, last = 1.0, min(t + n, T) - 1
            for k in range(t, last + 1):
                expected[t, e] += factor * rewards[k, e]
                factor *= discounts[k, e]
            expected[t, e] += factor * next_values[last, e]
    args = [jnp.asarray(x, jnp.float32) for x in (rewards, discounts, next_values)]
    np.testing.assert_allclose(n_step_returns(*args, n), expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, 4])
def test_n_step_returns_agree_with_rlax(unroll, n):
    rlax = pytest.importorskip("rlax")
    rewards, _, next_values, terminated, _ = unroll
    discounts = np.where(terminated, 0.0, DISCOUNT)
    args = [jnp.asarray(x, jnp.float32) for x in (rewards, discounts, next_values)]
    each = jax.vmap(lambda *args: rlax.n_step_bootstrapped_returns(*args, n), 1, 1)
    np.testing.assert_allclose(n_step_returns(*args, n), each(*args), atol=1e-5)


def test_no_reward_at_all_is_refused():
    with pytest.raises(AssertionError):
        n_step_returns(*(jnp.zeros((T, E)),) * 3, 0)
