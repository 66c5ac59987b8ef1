"""What learners of games descend along, as functions of a minibatch of positions."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.core.learner import Metrics
from jaxdl.rl.search import LEAST
from jaxdl.rl.self_play import Batch


def search_loss(
    net: nn.Module, value_coef: float, params: Any, batch: Batch
) -> tuple[jax.Array, Metrics]:
    """Computes eq. 1 of Silver et al. 2017 without its last term, which is the optimizer's decay.

    Args:
      net: obs -> logits, value.
      value_coef: weight of the value's loss; 1 in the paper.
      params: of the net.
      batch: leaves [G, b, ...].
    """
    logp, value = log_policy_and_value(net, params, batch)
    pi = batch.policy
    z = batch.outcome
    policy_loss = mean_of_batch(-jnp.sum(pi * logp, -1, where=batch.legal), batch)
    value_loss = mean_of_batch((z - value) ** 2, batch)
    entropy = mean_of_batch(-jnp.sum(jax.scipy.special.xlogy(pi, pi), -1), batch)
    agrees = jnp.argmax(logp, -1) == jnp.argmax(pi, -1)
    metrics = {
        "policy_loss": policy_loss,
        "policy_divergence": policy_loss - entropy,  # KL(pi || p)
        "agreement": mean_of_batch(agrees.astype(jnp.float32), batch),
        "value_loss": value_loss,
    }
    return policy_loss + value_coef * value_loss, metrics


def policy_gradient_loss(
    net: nn.Module, value_coef: float, params: Any, batch: Batch
) -> tuple[jax.Array, Metrics]:
    """Computes -(z - v(s)) log p(a | s), eq. 2 with the baseline, and the error of the value.

    Args:
      net: obs -> logits, value.
      value_coef: weight of the value.
      params: of the net.
      batch: leaves [G, b, ...]; the policy is one-hot, the move that was made.
    """
    logp, value = log_policy_and_value(net, params, batch)
    logp = jnp.sum(batch.policy * logp, -1, where=batch.legal)
    adv = batch.outcome - jax.lax.stop_gradient(value)
    policy_loss = mean_of_batch(-adv * logp, batch)
    value_loss = mean_of_batch((batch.outcome - value) ** 2, batch)
    metrics = {
        "policy_loss": policy_loss,
        "policy_entropy": mean_of_batch(-logp, batch),
        "value_loss": value_loss,
    }
    return policy_loss + value_coef * value_loss, metrics


def log_policy_and_value(net: nn.Module, params: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Applies the net to a minibatch; returns log p [G, b, A] and v [G, b]."""
    logits, value = net.apply(params, batch.obs.reshape(-1, *batch.obs.shape[2:]))
    logits = jnp.where(batch.legal, logits.reshape(batch.policy.shape), LEAST)
    return jax.nn.log_softmax(logits), value.reshape(batch.outcome.shape)


def mean_of_batch(values: jax.Array, batch: Batch) -> jax.Array:
    """Averages [G, b] over the rows that count."""
    return jnp.sum(jnp.mean(values, 1) * batch.weight) / jnp.maximum(jnp.sum(batch.weight), 1.0)
