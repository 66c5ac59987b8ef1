"""Distributions over actions: families of pure functions of what a net puts out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput


class Gaussian(NamedTuple):
    """The parameters of independent normal distributions.

    Attributes:
      mean: [..., A].
      log_std: [..., A].
    """

    mean: jax.Array
    log_std: jax.Array


class Distribution(NamedTuple):
    """A family of distributions over actions. A member is a `policy`: a net's output [..., A].

    A `raw` action is what is drawn and whose probability is asked for; the env gets
    `to_env(raw)`. They differ where actions are bounded: the density of a squashed action cannot be
    computed accurately from the action itself.

    Attributes:
      num_outputs: A, the numbers that a net puts out for one state.
      sample: key, policy -> raw action.
      mode: policy -> raw action, the deterministic one.
      logp: policy, raw action -> [...] log of the probability (or density, of the env's action).
      entropy: policy -> [...], in nats.
      kl: policy, other policy -> [...] KL(policy || other), in nats.
      to_env: raw action -> action.
    """

    num_outputs: int
    sample: Callable[[jax.Array, Any], jax.Array]
    mode: Callable[[Any], jax.Array]
    logp: Callable[[Any, jax.Array], jax.Array]
    entropy: Callable[[Any], jax.Array]
    kl: Callable[[Any, Any], jax.Array]
    to_env: Callable[[jax.Array], jax.Array]


def categorical(num_actions: int) -> Distribution:
    """The integers 0 .. A - 1; a policy is their logits [..., A]."""

    def sample(key, logits):
        # The inverse of the distribution function: one uniform number a draw, whatever A is.
        below = jnp.cumsum(jax.nn.softmax(logits), axis=-1)[..., :-1]
        uniform = jax.random.uniform(key, logits.shape[:-1])
        return jnp.sum(uniform[..., None] >= below, axis=-1, dtype=jnp.int32)

    def logp(logits, action):
        chosen = jax.nn.one_hot(action, num_actions, dtype=logits.dtype)  # faster than a gather
        return jnp.sum(chosen * jax.nn.log_softmax(logits), axis=-1)

    def entropy(logits):
        log_probs = jax.nn.log_softmax(logits)
        return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)

    def kl(logits, other):
        log_probs = jax.nn.log_softmax(logits)
        return jnp.sum(jnp.exp(log_probs) * (log_probs - jax.nn.log_softmax(other)), axis=-1)

    return Distribution(
        num_outputs=num_actions,
        sample=sample,
        mode=lambda logits: jnp.argmax(logits, axis=-1).astype(jnp.int32),
        logp=logp,
        entropy=entropy,
        kl=kl,
        to_env=lambda action: action,
    )


def gaussian(num_actions: int, low: float = -jnp.inf, high: float = jnp.inf) -> Distribution:
    """Independent normal actions [A]; the env gets them clipped to its bounds."""
    return Distribution(
        num_outputs=num_actions,
        sample=_sample_normal,
        mode=lambda policy: policy.mean,
        logp=_normal_logp,
        entropy=_normal_entropy,
        kl=_normal_kl,
        to_env=lambda raw: jnp.clip(raw, low, high),
    )


def tanh_gaussian(num_actions: int, low: float, high: float) -> Distribution:
    """Normal variables [A], squashed by tanh to within (low, high): Haarnoja et al. 2018, app. C.

    A raw action is the normal variable. The entropy has no closed form; it is integrated
    numerically, to about 1e-3 nats for standard deviations up to 2.

    Raises:
      BadInput: a bound is infinite.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadInput(f"squashed actions need finite bounds, got [{low}, {high}]")
    half_range = (high - low) / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    weights = weights / weights.sum()

    def log_slope(raw):  # of the squashing: log(half_range (1 - tanh(raw)^2))
        return jnp.log(half_range) + 2 * (jnp.log(2.0) - raw - jax.nn.softplus(-2 * raw))

    def logp(policy, raw):
        return _normal_logp(policy, raw) - jnp.sum(log_slope(raw), axis=-1)

    def entropy(policy):
        raw = policy.mean[..., None] + jnp.exp(policy.log_std)[..., None] * nodes
        expected = jnp.sum(weights * log_slope(raw), axis=-1)
        return _normal_entropy(policy) + jnp.sum(expected, axis=-1)

    return Distribution(
        num_outputs=num_actions,
        sample=_sample_normal,
        mode=lambda policy: policy.mean,
        logp=logp,
        entropy=entropy,
        kl=_normal_kl,  # a one-to-one map leaves it as it is
        to_env=lambda raw: (low + high) / 2 + half_range * jnp.tanh(raw),
    )


def _sample_normal(key: jax.Array, policy: Gaussian) -> jax.Array:
    noise = jax.random.normal(key, policy.mean.shape)
    return policy.mean + jnp.exp(policy.log_std) * noise


def _normal_logp(policy: Gaussian, raw: jax.Array) -> jax.Array:
    deviation = (raw - policy.mean) * jnp.exp(-policy.log_std)
    return -jnp.sum(0.5 * deviation**2 + policy.log_std + 0.5 * jnp.log(2 * jnp.pi), axis=-1)


def _normal_entropy(policy: Gaussian) -> jax.Array:
    return jnp.sum(policy.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e), axis=-1)


def _normal_kl(policy: Gaussian, other: Gaussian) -> jax.Array:
    ratio = jnp.exp(2 * (policy.log_std - other.log_std))
    shift = ((policy.mean - other.mean) * jnp.exp(-other.log_std)) ** 2
    return 0.5 * jnp.sum(ratio + shift - 1 - 2 * (policy.log_std - other.log_std), axis=-1)
