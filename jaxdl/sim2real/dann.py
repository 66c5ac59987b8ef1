"""DANN: a domain classifier whose gradient is reversed (Ganin et al. 2016, arXiv 1505.07818)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.losses import softmax_cross_entropy
from jaxdl.nn.mlp import Plan, dense, layers, mlp
from jaxdl.sim2real.alignment import gradient_reversal
from jaxdl.sim2real.columns import Column
from jaxdl.sim2real.transfer import Aligner, Score, beside_its_twin

HIDDEN = 100  # width of the domain classifier for MNIST: section 5.2.2


def dann(
    net: Column,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    horizon: int,
    weight: float = 1.0,
    gamma: float = 10.0,
    score: Score | None = None,
) -> Learner:
    """Learns features by which a domain classifier cannot tell the domains apart.

    The classifier descends its cross entropy, the net ascends it, lambda times as steeply (section
    4.2). Lambda rises over the run, so that the classifier is not obeyed before it knows anything.

    Args:
      net: of the classifier of digits.
      tx: the optimizer of both.
      image_shape: (H, W, C).
      horizon: steps of the whole run.
      weight: what lambda comes to; the paper has 1.
      gamma: how fast (section 5.2.2).
      score: evaluates the net and its twin, which saw the source alone.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`, as `beside_its_twin` makes it. Its metrics
      hold `domain_loss`, `domain_accuracy` and lambda as `reversal`.
    """

    def align(params, source, target, progress):
        scale = weight * reversal_schedule(progress, gamma=gamma)
        reversed_features = gradient_reversal((source, target), scale)
        value, metrics = domain_loss(params, *reversed_features)
        return value, {"domain_loss": value, "reversal": scale} | metrics

    aligner = Aligner(domain_plan(net.size), align)
    return beside_its_twin(net, tx, aligner, image_shape=image_shape, horizon=horizon, score=score)


def reversal_schedule(progress: jax.Array, *, gamma: float = 10.0) -> jax.Array:
    """Computes lambda, 2 / (1 + exp(-gamma p)) - 1: from 0 to nearly 1 as p goes from 0 to 1.

    Args:
      progress: p, share of the run that is over.
      gamma: how fast.
    """
    return 2.0 / (1.0 + jnp.exp(-gamma * progress)) - 1.0


def domain_plan(size: int) -> Plan:
    """Plans a domain classifier: features [B, size], one hidden layer, logits [B, 2]."""
    return layers(size, (HIDDEN, 2))


def domain_logits(params: Any, source: jax.Array, target: jax.Array) -> jax.Array:
    """Applies a domain classifier to features [B, F] of both domains.

    Returns:
      Logits [B, 2, 2], of the source's row and the target's, that it is the source or the target.
    """
    both = jnp.stack([source, target], axis=1)
    return dense(params[-1], mlp(params[:-1], both, activation=jax.nn.relu))


def domain_loss(
    params: Any, source: jax.Array, target: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Computes how well a domain classifier tells features [B, F] of two domains apart.

    Returns:
      The mean cross entropy, and `domain_accuracy`.
    """
    logits = domain_logits(params, source, target)
    labels = jnp.broadcast_to(jnp.arange(2), logits.shape[:2])
    hits = jnp.argmax(logits, axis=2) == labels
    value = softmax_cross_entropy(logits.reshape(-1, 2), labels.reshape(-1))
    return value, {"domain_accuracy": jnp.mean(hits)}
