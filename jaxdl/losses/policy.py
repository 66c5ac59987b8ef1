"""Losses of policy-gradient methods: Mnih et al. 2016, Schulman et al. 2017. All are minimized."""

import chex
import jax
import jax.numpy as jnp


def surrogate(logp: jax.Array, old_logp: jax.Array, adv: jax.Array) -> jax.Array:
    """Computes the plain surrogate, L^CPI of Schulman et al. 2017, eq. 6.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      old_logp: [T, E] the same under the policy that took them.
      adv: [T, E] their advantages.

    Returns:
      A scalar, minus the mean of the objective.
    """
    chex.assert_equal_shape([logp, old_logp, adv])
    ratio = jnp.exp(logp - old_logp)
    return -jnp.mean(ratio * adv)


def clipped_surrogate(
    logp: jax.Array, old_logp: jax.Array, adv: jax.Array, *, clip: float = 0.2
) -> jax.Array:
    """Computes the clipped surrogate, L^CLIP of Schulman et al. 2017, eq. 7.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      old_logp: [T, E] the same under the policy that took them.
      adv: [T, E] their advantages.
      clip: epsilon; the ratio of probabilities gains nothing beyond 1 +- epsilon.

    Returns:
      A scalar, minus the mean of the objective.
    """
    chex.assert_equal_shape([logp, old_logp, adv])
    ratio = jnp.exp(logp - old_logp)
    clipped_ratio = jnp.clip(ratio, 1 - clip, 1 + clip)
    return -jnp.mean(jnp.minimum(ratio * adv, clipped_ratio * adv))


def likelihood_surrogate(logp: jax.Array, adv: jax.Array) -> jax.Array:
    """Computes the surrogate of the plain policy gradient: Williams 1992.

    Its gradient is that of the expected return, but its Hessian is not: it lacks what the policy
    changes in the data.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      adv: [T, E] their advantages.

    Returns:
      A scalar, minus the mean of the objective.
    """
    chex.assert_equal_shape([logp, adv])
    return -jnp.mean(logp * adv)


def loaded_dice(
    logp: jax.Array, old_logp: jax.Array, adv: jax.Array, *, decay: float = 1.0
) -> jax.Array:
    """Computes the surrogate whose derivatives of any order estimate those of the return.

    That is loaded DiCE of Farquhar et al. 2019, the surrogate of Foerster et al. 2018
    with advantages: an action is answerable for its own advantage and for those of the steps that
    follow it, discounted by `decay`.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      old_logp: [T, E] the same under the policy that took them.
      adv: [T, E] their advantages; T is one episode, and after its end they are 0.
      decay: 1 is unbiased in derivatives of any order; less of it has less variance. 0 leaves
        `surrogate` less its constant, whose Hessian is that of Rothfuss et al. 2019 (LVC).

    Returns:
      A scalar, minus the mean of the objective, which is 0 where both policies are the same.
    """
    chex.assert_rank([logp, old_logp, adv], 2)
    chex.assert_equal_shape([logp, old_logp, adv])

    def step(before, inputs):
        log_ratio, adv = inputs
        before = decay * before
        upto = before + log_ratio
        return upto, (jnp.exp(upto) - jnp.exp(before)) * adv

    start = jnp.zeros_like(logp[0])
    _, objective = jax.lax.scan(step, start, (logp - old_logp, adv))
    return -jnp.mean(objective)


def penalized_surrogate(
    logp: jax.Array, old_logp: jax.Array, adv: jax.Array, kl: jax.Array, *, kl_coef: jax.Array
) -> jax.Array:
    """Computes the surrogate with a penalty, L^KLPEN of Schulman et al. 2017, eq. 8.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      old_logp: [T, E] the same under the policy that took them.
      adv: [T, E] their advantages.
      kl: [T, E] KL(old policy || policy) at the observations, in nats.
      kl_coef: scalar, beta.

    Returns:
      A scalar, minus the mean of the objective.
    """
    chex.assert_equal_shape([logp, old_logp, adv, kl])
    ratio = jnp.exp(logp - old_logp)
    return -jnp.mean(ratio * adv - kl_coef * kl)


def adapted_kl_coef(kl_coef: jax.Array, kl: jax.Array, *, target_kl: float) -> jax.Array:
    """Adapts beta to the last update's divergence as in Schulman et al. 2017, section 4.

    Args:
      kl_coef: scalar, beta of this update.
      kl: scalar, mean KL(old policy || new policy) after it.
      target_kl: d_targ.

    Returns:
      Beta of the next update, a scalar.
    """
    halved = jnp.where(kl < target_kl / 1.5, kl_coef / 2, kl_coef)
    return jnp.clip(jnp.where(kl > target_kl * 1.5, kl_coef * 2, halved), 1e-6, 1e6)


def approximate_kl(logp: jax.Array, old_logp: jax.Array) -> jax.Array:
    """Estimates KL(old policy || policy) from actions of the old policy.

    It is "k3" of Schulman 2020, "Approximating KL divergence", the mean of (ratio - 1) - log ratio.
    It is never negative, and its variance is low.

    Args:
      logp: [T, E] log-probability of the actions taken, under the policy that is trained.
      old_logp: [T, E] the same under the policy that took them.

    Returns:
      The divergence in nats, a scalar.
    """
    chex.assert_equal_shape([logp, old_logp])
    log_ratio = logp - old_logp
    return jnp.mean(jnp.expm1(log_ratio) - log_ratio)


def value_loss(values: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns half the mean squared error of values.

    Args:
      values: [T, E] that are trained.
      targets: [T, E].

    Returns:
      A scalar.
    """
    chex.assert_equal_shape([values, targets])
    return 0.5 * jnp.mean((values - targets) ** 2)


def clipped_value_loss(
    values: jax.Array, old_values: jax.Array, targets: jax.Array, *, clip: float
) -> jax.Array:
    """Returns half the mean of the worse of two squared errors.

    One is that of V, the other that of V kept near its old value.

    Args:
      values: [T, E] that are trained.
      old_values: [T, E] from before the update.
      targets: [T, E].
      clip: how far a value can move before it gains nothing more, in units of return.

    Returns:
      A scalar.
    """
    chex.assert_equal_shape([values, old_values, targets])
    near = old_values + jnp.clip(values - old_values, -clip, clip)
    return 0.5 * jnp.mean(jnp.maximum((values - targets) ** 2, (near - targets) ** 2))
