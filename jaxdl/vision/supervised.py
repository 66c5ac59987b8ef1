"""What image learners share: states with batch statistics, and a step down a loss."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics, TrainState, update
from jaxdl.data.colors import as_floats
from jaxdl.losses import softmax_cross_entropy

Statistics = Mapping[str, Any]  # of batch normalization: what a net keeps beside its parameters
# params, statistics -> loss, (new statistics, metrics)
Loss = Callable[[Any, Statistics], tuple[jax.Array, tuple[Statistics, Metrics]]]


def init_net(
    key: jax.Array, net: nn.Module, tx: optax.GradientTransformation, images: jax.Array
) -> TrainState:
    """Makes the first state of a net.

    Args:
      key: of the parameters.
      net: module (images, train) -> outputs.
      tx: the optimizer.
      images: [B, H, W, C] floats; their shape counts, their content does not.

    Returns:
      A state whose `extra` holds the statistics of batch normalization.
    """
    statistics = dict(net.init(key, jnp.zeros(images.shape), True))
    params = statistics.pop("params")
    return TrainState(params, tx.init(params), extra=statistics)


def apply_in_training(
    net: nn.Module, params: Any, statistics: Statistics, images: jax.Array
) -> tuple[Any, Statistics]:
    """Applies a net with the batch's own statistics; returns outputs and new running ones."""
    variables = {"params": params, **statistics}
    outputs, new = net.apply(variables, images, True, mutable=list(statistics))
    return outputs, dict(new)


def apply_trained(net: nn.Module, state: TrainState, images: jax.Array) -> Any:
    """Applies a net with its running statistics to images [B, H, W, C] of bytes or in [0, 1]."""
    return net.apply({"params": state.params, **state.extra}, as_floats(images), False)


def descend(
    loss: Loss, tx: optax.GradientTransformation, state: TrainState
) -> tuple[TrainState, Metrics]:
    """Takes one step down a loss, and keeps the batch statistics that came of it.

    Returns:
      The state, and the metrics `loss`, those of the loss, and the norms of the step.
    """
    (value, (statistics, metrics)), gradient = jax.value_and_grad(loss, has_aux=True)(
        state.params, state.extra
    )
    state, norms = update(tx, state._replace(extra=statistics), gradient)
    return state, {"loss": value} | metrics | norms


def supervised_step(
    net: nn.Module,
    tx: optax.GradientTransformation,
    state: TrainState,
    images: jax.Array,
    targets: jax.Array,
) -> tuple[TrainState, Metrics]:
    """Takes one step of classification.

    Args:
      net: module (images, train) -> logits [B, K].
      tx: the optimizer.
      state: as `init_net` makes it.
      images: [B, H, W, C] bytes, or floats in [0, 1].
      targets: [B] integer labels, or [B, K] probabilities such as another net's.

    Returns:
      The state, and the metrics `loss` (mean cross entropy in nats), `accuracy`, and norms.
    """
    images = as_floats(images)

    def loss(params, statistics):
        logits, statistics = apply_in_training(net, params, statistics, images)
        hits = jnp.argmax(logits, axis=1) == most_likely(targets)
        return softmax_cross_entropy(logits, targets), (statistics, {"accuracy": jnp.mean(hits)})

    return descend(loss, tx, state)


def most_likely(targets: jax.Array) -> jax.Array:
    """Returns the labels [B] of labels [B] or of probabilities [B, K]."""
    return targets if targets.ndim == 1 else jnp.argmax(targets, axis=1)
