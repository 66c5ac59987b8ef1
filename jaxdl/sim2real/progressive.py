"""Progressive nets: a column learns the target beside one that keeps what it knows of the source.

Rusu et al. 2016 (arXiv 1606.04671; from simulation to a robot: arXiv 1610.04286). The first column
learns the source and is then never changed. The second one learns from few labels of the target,
and reads what the first one computes. Beside it stand what it has to beat, by the same batches: the
first column fine-tuned, and a column that starts anew.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, first_state, update
from jaxdl.core.run import Run
from jaxdl.data import as_floats
from jaxdl.losses import softmax_cross_entropy
from jaxdl.sim2real.columns import Column, Layers
from jaxdl.sim2real.transfer import TWIN, Read, Score

PROGRESSIVE, FINE_TUNED, ANEW = "progressive", "fine_tuned", "from_scratch"
LEARNED = (PROGRESSIVE, FINE_TUNED, ANEW)


def progressive(
    net: Column,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    score: Score | None = None,
) -> Learner:
    """Learns the target's few labels by a second column, by fine-tuning, and from the beginning.

    Args:
      net: of each column.
      tx: the optimizer, of each net by itself.
      image_shape: (H, W, C).
      score: evaluates all nets: the second column under the name "", "fine_tuned", "from_scratch",
        and the first column under "source_only".

    Returns:
      A learner of batches of `jaxdl.data.Labelled`, images of the target. Parameters and optimizer
      state are {"progressive", "fine_tuned", "from_scratch"}; `extra` holds the parameters of the
      first column, which never change: `start_after` puts those in that have learned the source.
      Its metrics are the loss and the accuracy on the batch, those of the others under their names,
      and norms of the second column.
    """

    def init(key):
        first_key, second_key, last_key = jax.random.split(key, 3)
        images = jnp.zeros((1, *image_shape))
        first = net.init(first_key, images)["params"]
        older = net.apply({"params": first}, images)
        params = {
            PROGRESSIVE: net.init(second_key, images, [older])["params"],
            FINE_TUNED: first,
            ANEW: net.init(last_key, images)["params"],
        }
        return TrainState(params, {name: tx.init(params[name]) for name in LEARNED}, extra=first)

    def step(key, state, batch):
        del key
        images = as_floats(batch.images)
        older = net.apply({"params": state.extra}, images)
        found, metrics = {}, {}
        for name in LEARNED:
            beside = [older] if name == PROGRESSIVE else []

            def loss(params, beside=beside):
                logits = net.apply({"params": params}, images, beside).logits
                hits = jnp.argmax(logits, axis=1) == batch.labels
                return softmax_cross_entropy(logits, batch.labels), jnp.mean(hits)

            own = TrainState(state.params[name], state.opt_state[name])
            (value, accuracy), gradient = jax.value_and_grad(loss, has_aux=True)(own.params)
            found[name], norms = update(tx, own, gradient)
            prefix = "" if name == PROGRESSIVE else f"{name}_"
            metrics |= {f"{prefix}loss": value, f"{prefix}accuracy": accuracy}
            metrics |= norms if name == PROGRESSIVE else {}
        params, opt_state = ({name: found[name][i] for name in LEARNED} for i in range(2))
        return state._replace(params=params, opt_state=opt_state), metrics

    if score is None:
        return Learner(init, step)
    return Learner(init, step, score(readers(net)))


def readers(net: Column) -> Mapping[str, Read]:
    """Returns name -> how each net reads images, the second column's under ""."""

    def plain(params: Any, images: jax.Array) -> Layers:
        return net.apply({"params": params}, as_floats(images))

    def beside_the_first(state: TrainState, images: jax.Array) -> Layers:
        older = plain(state.extra, images)
        return net.apply({"params": state.params[PROGRESSIVE]}, as_floats(images), [older])

    return {
        "": beside_the_first,
        FINE_TUNED: lambda state, images: plain(state.params[FINE_TUNED], images),
        ANEW: lambda state, images: plain(state.params[ANEW], images),
        TWIN: lambda state, images: plain(state.extra, images),
    }


def start_after(learner: Learner, column: Any, run: Run) -> TrainState:
    """Makes the state in which `progressive` begins when the source was learned before.

    Args:
      learner: of `progressive`.
      column: parameters that `source_only` has learned, leaves [S, ...] for S > 1 seeds.
      run: its seeds.
    """
    state = first_state(learner, run)
    return state._replace(params=state.params | {FINE_TUNED: column}, extra=column)
