"""Epochs of minibatches: how on-policy learners fit what they have collected."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Metrics, TrainState, update
from jaxdl.rl.minibatches import Batch, Minibatches

Loss = Callable[[Any, Batch], tuple[jax.Array, Metrics]]  # params, batch -> loss, metrics


class Descent(NamedTuple):
    """The state of an update.

    Attributes:
      state: TrainState; parameters and optimizer change.
      is_going: bool scalar; no minibatch has exceeded the largest divergence.
    """

    state: TrainState
    is_going: jax.Array


def improve(
    key: jax.Array,
    loss: Loss,
    tx: optax.GradientTransformation,
    plan: Minibatches,
    state: TrainState,
    batch: Batch,
    *,
    epochs: int,
    normalize_advantages: bool,
    stop_kl: float | None,
) -> tuple[TrainState, Metrics]:
    """Optimizes the surrogate for K epochs of minibatches, line 6 of algorithm 1.

    Args:
      key: of the order of steps.
      loss: of a microbatch.
      tx: the optimizer.
      plan: how the batch is cut.
      state: its parameters and optimizer state are replaced.
      batch: leaves [T, E, ...].
      epochs: K.
      normalize_advantages: to mean 0 and standard deviation 1 over each minibatch.
      stop_kl: the approximate KL of a minibatch after which nothing more is changed; None is none.

    Returns:
      The state, and metrics, means over all minibatches.
    """
    mix_key, *epoch_keys = jax.random.split(key, 1 + epochs)
    mixed = plan.mix(mix_key, batch)

    def mean_gradient(params, minibatch):
        """Averages over the microbatches."""
        each = partial(jax.grad(loss, has_aux=True), params)
        return jax.tree.map(partial(jnp.mean, axis=0), jax.lax.map(each, minibatch))

    def descend(descent, minibatch):
        state = descent.state
        if normalize_advantages:
            adv = minibatch.adv
            centered = adv - jnp.mean(adv)
            minibatch = minibatch._replace(adv=centered / (jnp.std(adv) + 1e-8))
        gradient, metrics = mean_gradient(state.params, minibatch)
        after, norms = update(tx, state, gradient)
        is_going = descent.is_going
        if stop_kl is not None:
            is_going &= metrics["approximate_kl"] <= stop_kl
            after = jax.tree.map(partial(jnp.where, is_going), after, state)
        return Descent(after, is_going), metrics | norms

    def epoch(descent, key):
        return jax.lax.scan(descend, descent, plan.divide(key, mixed))

    learned = state._replace(actors=(), extra=())  # what does not change stays out of the loop
    start = Descent(learned, jnp.bool_(True))
    end, metrics = jax.lax.scan(epoch, start, jnp.stack(epoch_keys))
    state = state._replace(params=end.state.params, opt_state=end.state.opt_state)
    return state, jax.tree.map(jnp.mean, metrics)
