"""Deep domain confusion: features are drawn together by MMD, or by a confused classifier.

Tzeng et al. 2014 (arXiv 1412.3474) add lambda MMD^2 of the features to the loss of the labels (eq.
2). Their kernel is linear, so that means alone are compared; here it is a sum of Gaussians, as in
Long et al. 2015 (arXiv 1502.02791), whose widths follow the features. Tzeng et al. 2015 (arXiv
1510.02192, section 3.1) put a domain classifier in its place, and a loss that asks for its logits
to be equal.
"""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner
from jaxdl.losses import softmax_cross_entropy
from jaxdl.sim2real.alignment import check_bandwidths, mmd
from jaxdl.sim2real.columns import Column
from jaxdl.sim2real.dann import domain_logits, domain_loss, domain_plan
from jaxdl.sim2real.transfer import Aligner, Score, beside_its_twin

ConfusionLoss = Literal["mmd", "confusion"]


def confusion(
    net: Column,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    horizon: int,
    loss: ConfusionLoss = "mmd",
    weight: float = 0.25,
    bandwidths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    score: Score | None = None,
) -> Learner:
    """Learns features whose distributions in both domains are alike.

    Args:
      net: of the classifier.
      tx: the optimizer.
      image_shape: (H, W, C).
      horizon: steps of the whole run.
      loss: "mmd" (2014), or "confusion" (2015).
      weight: lambda of eq. 2; the paper has 0.25.
      bandwidths: of "mmd", in units of the root mean square distance of the batch's features.
      score: evaluates the net and its twin, which saw the source alone.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`, as `beside_its_twin` makes it. Its metrics
      hold `mmd`, or `domain_loss`, `domain_accuracy` and `confusion_loss`.

    Raises:
      BadInput: there is no bandwidth, or one is not positive.
    """
    check_bandwidths(bandwidths)

    def match(params, source, target, progress):
        del params, progress
        unit = root_mean_square_distance(source, target)
        value = mmd(source, target, bandwidths=[unit * width for width in bandwidths])
        return weight * value, {"mmd": value}

    def confuse(params, source, target, progress):
        """Both minimize at once; each holds still for the other (Tzeng et al. 2015)."""
        del progress
        still = jax.lax.stop_gradient
        told_apart, metrics = domain_loss(params, still(source), still(target))
        value = confusion_loss(still(params), source, target)
        named = {"domain_loss": told_apart, "confusion_loss": value}
        return told_apart + weight * value, named | metrics

    if loss == "mmd":
        aligner = Aligner((), match)
    else:
        aligner = Aligner(domain_plan(net.size), confuse)
    return beside_its_twin(net, tx, aligner, image_shape=image_shape, horizon=horizon, score=score)


def confusion_loss(params: Any, source: jax.Array, target: jax.Array) -> jax.Array:
    """Computes the mean cross entropy of a domain classifier's answers to the uniform ones.

    Args:
      params: of the domain classifier.
      source: [B, F] features.
      target: [B, F].
    """
    logits = domain_logits(params, source, target).reshape(-1, 2)
    return softmax_cross_entropy(logits, jnp.full(logits.shape, 0.5))


def root_mean_square_distance(source: jax.Array, target: jax.Array) -> jax.Array:
    """Returns the root of the mean square distance of all rows, through which no gradient flows.

    Args:
      source: [B, F].
      target: [B, F].
    """
    both = jax.lax.stop_gradient(jnp.stack([source, target]))
    spread = jnp.sum(jnp.var(both, axis=(0, 1)))
    return jnp.sqrt(2.0 * spread) + 1e-6  # of features that are all equal it is not 0
