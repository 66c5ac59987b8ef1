"""AlphaFold learns from known structures (Jumper et al. 2021, supplement, section 1.11)."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, update
from jaxdl.science.alphafold.examples import Example, crop
from jaxdl.science.alphafold.features import Sampling, draw_features
from jaxdl.science.alphafold.judge import score_chains
from jaxdl.science.alphafold.loss import TRAINING, Weights, alphafold_loss
from jaxdl.science.alphafold.network import AlphaFold
from jaxdl.science.alphafold.recycling import Prediction, init_params, recycle_in_training

SHOWN, SHOWN_LEARNED = 4, 8  # chains that are kept for the report
CLAMP = 10.0  # Angstrom, of the backbone's error (section 1.11.5)


class Average(NamedTuple):
    """Parameters as they were on average (section 1.11.7).

    Attributes:
      params: of the net.
      steps: int32 scalar, that were averaged over.
    """

    params: Any
    steps: jax.Array


def alphafold(
    net: AlphaFold,
    tx: optax.GradientTransformation,
    sampling: Sampling,
    *,
    held_out: Callable[[], Example],
    learned: Callable[[], Example] | None = None,
    weights: Weights = TRAINING,
    recycles: int = 3,
    clamped: float = 0.9,
    ema: float = 0.999,
    max_norm: float | None = 0.1,
) -> Learner:
    """Learns to tell structures from sequences and alignments.

    Args:
      net: the net.
      tx: the optimizer; in the paper Adam with a rate of 1e-3 and eps of 1e-6, after a warm-up.
      sampling: what a step sees of a chain.
      held_out: () -> examples [H, ...] that are evaluated, of clusters that are not trained on.
      learned: () -> examples [K, ...] that are trained on, and evaluated too.
      weights: of the loss.
      recycles: most passes before the one that is learned from; how many is drawn (algorithm 31).
      clamped: share of steps in which the backbone's error is clamped at 10 Angstrom.
      ema: of the average of parameters that is evaluated; 0 evaluates the last ones.
      max_norm: the gradient of each chain is clipped to this norm; None does not.

    Returns:
      A learner of batches `Example` [B, ...]. Its metrics are the `loss`, its parts, and norms.
      Its evaluation is that of `score_chains` after all recycles, for the held-out chains, and
      with `learned/` before the names for the chains it has learned.
    """

    def init(key):
        params = init_params(net, key)
        extra = Average(params, jnp.int32(0)) if ema else ()
        return TrainState(params, tx.init(params), extra=extra)

    def step(key, state, batch):
        pass_key, clamp_key, chain_key = jax.random.split(key, 3)
        passes = jax.random.randint(pass_key, (), 1, recycles + 2)
        unclamped = ~jax.random.bernoulli(clamp_key, clamped)

        def of_chain(params, key, example):
            crop_key, draw_key, drop_key = jax.random.split(key, 3)
            example = crop(crop_key, example, sampling.crop, unclamped)
            draw = partial(draw_features, draw_key, example, sampling)
            outputs, seen = recycle_in_training(
                net, params, draw, passes, example.aatype.shape[0], drop_key
            )
            clamp = jnp.where(unclamped, jnp.inf, CLAMP)
            return alphafold_loss(outputs, seen, example, weights, clamp=clamp)

        keys = jax.random.split(chain_key, batch.aatype.shape[0])
        descent = jax.value_and_grad(of_chain, has_aux=True)
        (loss, parts), gradients = jax.vmap(descent, (None, 0, 0))(state.params, keys, batch)
        state, norms = update(tx, state, average_gradients(gradients, max_norm))
        if ema:
            state = state._replace(extra=track(state.extra, state.params, ema))
        return state, {"loss": jnp.mean(loss)} | jax.tree.map(jnp.mean, parts) | norms

    def evaluate(key, state):
        params = state.extra.params if ema else state.params
        held_out_key, learned_key = jax.random.split(key)
        judge = partial(score_chains, net, params, sampling=sampling, recycles=recycles)
        scores, arrays = judge(held_out_key, held_out(), shown=SHOWN)
        found = scores | _under("held_out", arrays)
        if learned is not None:
            scores, arrays = judge(learned_key, learned(), shown=SHOWN_LEARNED)
            found |= _under("learned", scores | arrays)
        return found

    return Learner(init, step, evaluate)


def average_gradients(gradients: Any, max_norm: float | None) -> Any:
    """Averages the gradients of B chains, after each was clipped to a norm (section 1.11.3).

    Args:
      gradients: leaves [B, ...].
      max_norm: None clips nothing.
    """
    if max_norm is None:
        return jax.tree.map(lambda x: jnp.mean(x, axis=0), gradients)
    norms = jax.vmap(optax.tree.norm)(gradients)  # [B]
    scale = jnp.minimum(1, max_norm / jnp.maximum(norms, 1e-12)) / norms.shape[0]
    return jax.tree.map(lambda x: jnp.einsum("b,b...->...", scale, x), gradients)


def track(average: Average, params: Any, decay: float) -> Average:
    """Moves the average towards parameters, faster in the first steps, where it knows little."""
    steps = average.steps + 1
    decay = jnp.minimum(decay, steps / (steps + 9.0))
    mixed = optax.incremental_update(params, average.params, 1 - decay)
    return Average(mixed, steps)


def distill(example: Example, prediction: Prediction, *, least: float = 50.0) -> Example:
    """Makes a predicted structure the truth that is learned, where the net was confident of it.

    A net that was trained before predicts chains whose structure is not known, and the next one
    learns from them as from any others (section 1.3, where confidence is told from distances).

    Args:
      example: the chain.
      prediction: of its structure.
      least: pLDDT below which residues are left out.
    """
    is_sure = (prediction.plddt >= least).astype(jnp.float32)
    return example._replace(
        positions=prediction.positions,
        atom_mask=prediction.atom_mask * is_sure[:, None],
    )


def _under(side: str, found: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {f"{side}/{name}": x for name, x in found.items()}
