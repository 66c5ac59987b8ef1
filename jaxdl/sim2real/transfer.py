"""What the learners of domain confusion share: one net, its loss, and a twin that is not adapted.

The loss is that of the source's labels, and beside it one that draws the features of both domains
together, which is all that these learners differ in: an `Aligner`. A twin without it begins with
the same parameters and sees the same source images, so that what the aligner has done is the
difference of the two.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Evaluate, Learner, Metrics, TrainState, update
from jaxdl.data import as_floats
from jaxdl.losses import softmax_cross_entropy
from jaxdl.nn.mlp import Plan, initial
from jaxdl.sim2real.columns import Column, Layers

# parameters of the aligner, features [B, F] of the source and of the target, share of the run that
# is over -> loss, metrics
AlignLoss = Callable[[Any, jax.Array, jax.Array, jax.Array], tuple[jax.Array, Metrics]]
Read = Callable[[TrainState, jax.Array], Layers]  # state, images [B, H, W, C] -> what a net sees
Score = Callable[[Mapping[str, Read]], Evaluate]  # name of a net -> how it reads -> evaluation

ADAPTED, TWIN = "adapted", "source_only"


class Aligner(NamedTuple):
    """What draws two domains together.

    Attributes:
      plan: of its parameters, for `jaxdl.nn.mlp.initial`.
      loss: of the features.
    """

    plan: Plan
    loss: AlignLoss


def source_only(
    net: Column,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    score: Score | None = None,
) -> Learner:
    """Learns to classify the source's images, and sees none of the target's.

    Args:
      net: of the classifier.
      tx: the optimizer.
      image_shape: (H, W, C).
      score: evaluates the net.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`. Its parameters are {"net"}, its metrics the
      mean cross entropy and the accuracy on the batch, and norms.
    """

    def init(key):
        net_key, _ = jax.random.split(key)
        params = {"net": net.init(net_key, jnp.zeros((1, *image_shape)))["params"]}
        return TrainState(params, tx.init(params))

    def step(key, state, batch):
        del key
        images = as_floats(batch.source_images)

        def loss(params):
            logits = net.apply({"params": params["net"]}, images).logits
            hits = jnp.argmax(logits, axis=1) == batch.source_labels
            return softmax_cross_entropy(logits, batch.source_labels), jnp.mean(hits)

        (value, accuracy), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": value, "accuracy": accuracy} | norms

    if score is None:
        return Learner(init, step)
    return Learner(init, step, score({"": lambda state, images: read(net, state.params, images)}))


def adapted(
    net: Column,
    tx: optax.GradientTransformation,
    aligner: Aligner,
    *,
    image_shape: tuple[int, int, int],
    horizon: int,
) -> Learner:
    """Learns to classify the source's images by features that are alike in both domains.

    Args:
      net: of the classifier.
      tx: the optimizer of all parameters.
      aligner: whose loss is added to that of the labels.
      image_shape: (H, W, C).
      horizon: steps of the whole run.

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`. Its parameters are {"net", "aligner"},
      `extra` is the number of steps that were taken. Its metrics are `loss` and `accuracy` on the
      source's labels, those of the aligner, and norms.
    """

    def init(key):
        net_key, aligner_key = jax.random.split(key)
        params = {
            "net": net.init(net_key, jnp.zeros((1, *image_shape)))["params"],
            "aligner": initial(aligner_key, aligner.plan),
        }
        return TrainState(params, tx.init(params), extra=jnp.int32(0))

    def step(key, state, batch):
        del key
        images = in_turns(as_floats(batch.source_images), as_floats(batch.target_images))
        progress = jnp.minimum(state.extra / horizon, 1.0)

        def loss(params):
            seen = net.apply({"params": params["net"]}, images)
            logits, _ = apart_again(seen.logits)
            own = softmax_cross_entropy(logits, batch.source_labels)
            features = apart_again(seen.features)
            alignment, metrics = aligner.loss(params["aligner"], *features, progress)
            hits = jnp.argmax(logits, axis=1) == batch.source_labels
            return own + alignment, {"loss": own, "accuracy": jnp.mean(hits)} | metrics

        (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state._replace(extra=state.extra + 1), metrics | norms

    return Learner(init, step)


def beside_its_twin(
    net: Column,
    tx: optax.GradientTransformation,
    aligner: Aligner,
    *,
    image_shape: tuple[int, int, int],
    horizon: int,
    score: Score | None,
) -> Learner:
    """Learns two nets of the same beginning: one with the aligner, and one by the source alone.

    Args are those of `adapted`; `score` evaluates both, the twin under the name "source_only".

    Returns:
      A learner of batches of `jaxdl.sim2real.Crossing`. Parameters and optimizer state are
      {"adapted", "source_only"}, `extra` is the number of steps. Its metrics are those of `adapted`
      and, of the twin, `source_only_loss` and `source_only_accuracy`.
    """
    one = adapted(net, tx, aligner, image_shape=image_shape, horizon=horizon)
    twin = source_only(net, tx, image_shape=image_shape)

    def init(key):
        return _join(one.init(key), twin.init(key))

    def step(key, state, batch):
        after, metrics = one.step(key, _part(state, ADAPTED), batch)
        twin_after, twin_metrics = twin.step(key, _part(state, TWIN), batch)
        named = {f"{TWIN}_{name}": twin_metrics[name] for name in ("loss", "accuracy")}
        return _join(after, twin_after), metrics | named

    if score is None:
        return Learner(init, step)
    names = {"": ADAPTED, TWIN: TWIN}
    reads: dict[str, Read] = {
        name: lambda state, images, part=part: read(net, state.params[part], images)
        for name, part in names.items()
    }
    return Learner(init, step, score(reads))


def read(net: Column, params: Any, images: jax.Array) -> Layers:
    """Applies a trained net to images [B, H, W, C] of bytes or in [0, 1]."""
    return net.apply({"params": params["net"]}, as_floats(images))


def in_turns(source: jax.Array, target: jax.Array) -> jax.Array:
    """Puts images of both domains beside each other, [B, ...] twice -> [2B, ...].

    Rows that are split over devices stay where they are.
    """
    return jnp.stack([source, target], axis=1).reshape(-1, *source.shape[1:])


def apart_again(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Parts rows that were put `in_turns`, [2B, ...] -> those of the source, of the target."""
    pairs = x.reshape(-1, 2, *x.shape[1:])
    return pairs[:, 0], pairs[:, 1]


def _join(one: TrainState, twin: TrainState) -> TrainState:
    params, opt_state = ({ADAPTED: x, TWIN: y} for x, y in zip(one[:2], twin[:2], strict=True))
    return TrainState(params, opt_state, extra=one.extra)


def _part(state: TrainState, name: str) -> TrainState:
    return TrainState(state.params[name], state.opt_state[name], extra=state.extra)
