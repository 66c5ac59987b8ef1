"""One trunk with two heads: a task without labels, and one with few (Zhai et al. 2019).

S4L: Self-Supervised Semi-Supervised Learning, arXiv 1905.03670, whose eq. 1 is the sum of both
losses. Task 1 is any pretext that is given as a `Pretext`; task 2 is classification. How many
labels task 1 saves is read from two curves over the number of labels, one with it and one without:
all of their nets are trained side by side, on labels that are drawn once and nested.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, first_state
from jaxdl.core.run import BadInput, Run
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.vision.label_curve import CurveScore
from jaxdl.vision.supervised import Statistics, apply_in_training, descend, softmax_cross_entropy

# key, images [B, H, W, C] in [0, 1] -> inputs [M, ...] of the net, targets of the loss
Pose = Callable[[jax.Array, jax.Array], tuple[jax.Array, Any]]
PretextLoss = Callable[[Any, Any], jax.Array]  # outputs, targets -> scalar


class Pretext(NamedTuple):
    """A task without labels.

    Attributes:
      net: module (inputs, train) -> outputs whose submodule `trunk` is the net that is shared, such
        as `jaxdl.nn.Projected` or `jaxdl.nn.Classified`.
      pose: makes the task's inputs and targets of images.
      loss: of the outputs.
    """

    net: nn.Module
    pose: Pose
    loss: PretextLoss


def multi_head(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    pretext: Pretext | None,
    *,
    image_shape: tuple[int, int, int],
    counts: Sequence[int],
    label_batch: int,
    weight: float = 1.0,
    score: CurveScore | None = None,
) -> Learner:
    """Learns task 2 by several numbers of labels, each with task 1 beside it and without.

    A net "both" descends the loss of task 2 + weight * that of task 1 (eq. 1), a net "alone" the
    former.
    Two such nets begin with the same parameters. Each task has its own statistics of batch
    normalization, since what one task shows of the images is not what the other does.

    Args:
      net: module (views [b, h, w, C], train) -> logits [b, K] with the parts `trunk` and `head`,
        such as `jaxdl.nn.Classified`.
      tx: the optimizer, of each net by itself.
      augment: key, images [b, H, W, C] in [0, 1] -> views for task 2.
      pretext: task 1. None: it was learned before (`task_one`, `start_after`), and "both" descends
        the loss of task 2 alone too.
      image_shape: (H, W, C) of the images in a batch.
      counts: L numbers of labels a class.
      label_batch: b, labelled images a step for each net; a divisor of the batch size.
      weight: of the loss of task 1.
      score: evaluates the nets, such as `jaxdl.vision.curve_score`.

    Returns:
      A learner of batches of `jaxdl.data.Taught`. Parameters, optimizer state and `extra` are
      {"both", "alone"}, leaves [L, ...]. Its metrics are means over the L nets: `loss` and
      `accuracy` of task 2, `pretext_loss`, and those of "alone" as `alone_...`.
    """
    both = one_net(net, tx, augment, pretext, image_shape=image_shape, weight=weight)
    alone = one_net(net, tx, augment, None, image_shape=image_shape)

    def init(key):
        keys = jax.random.split(key, len(counts))
        return _join(jax.vmap(both.init)(keys), jax.vmap(alone.init)(keys))

    def step(key, state, batch):
        shown, labels = (_thinned(x, label_batch) for x in (batch.shown, batch.labels))

        def advance(learner, part):
            take = lambda s, x, y: learner.step(key, s, (batch.images, x, y))  # noqa: E731
            after, metrics = jax.vmap(take, in_axes=(0, 1, 1))(_part(state, part), shown, labels)
            return after, jax.tree.map(jnp.mean, metrics)

        both_after, metrics = advance(both, "both")
        alone_after, alone_metrics = advance(alone, "alone")
        named = {f"alone_{name}": alone_metrics[name] for name in ("loss", "accuracy")}
        return _join(both_after, alone_after), metrics | named

    if score is None:
        return Learner(init, step)

    def classify(state, images):
        logits = jax.vmap(lambda s: apply_task(net, s, images))
        return {part: logits(_part(state, part)) for part in ("both", "alone")}

    return Learner(init, step, score(classify))


def one_net(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    pretext: Pretext | None,
    *,
    image_shape: tuple[int, int, int],
    weight: float = 1.0,
) -> Learner:
    """Learns task 2, and task 1 beside it where one is given; arguments as of `multi_head`.

    Returns:
      A learner of batches (images [B, H, W, C], labelled images [b, H, W, C], labels [b]), whose
      parameters are {"trunk", "head", "pretext"}, the last one where there is a pretext.
    """

    def init(key):
        key, view_key = jax.random.split(key)
        views = jax.eval_shape(augment, view_key, jnp.zeros((2, *image_shape)))
        variables = dict(net.init(key, jnp.zeros(views.shape), True))
        params = variables.pop("params")
        statistics = {"task": variables}
        if pretext:
            beside, statistics["pretext"] = init_pretext(key, pretext, image_shape)
            params = params | {"pretext": {n: x for n, x in beside.items() if n != "trunk"}}
        return TrainState(params, tx.init(params), extra=statistics)

    def step(key, state, batch):
        images, shown, labels = batch
        pose_key, view_key = jax.random.split(key)
        views = augment(view_key, as_floats(shown))
        posed = pretext.pose(pose_key, as_floats(images)) if pretext else None

        def loss(params, statistics):
            own = {"trunk": params["trunk"], "head": params["head"]}
            logits, task = apply_in_training(net, own, statistics["task"], views)
            value = softmax_cross_entropy(logits, labels)
            hits = jnp.argmax(logits, axis=1) == labels
            metrics: Metrics = {"accuracy": jnp.mean(hits), "task_loss": value}
            new: Statistics = {"task": task}
            if pretext:
                first, new["pretext"] = pretext_loss(pretext, params, statistics["pretext"], posed)
                metrics["pretext_loss"] = first
                value = value + weight * first
            return value, (new, metrics)

        state, metrics = descend(loss, tx, state)
        metrics["loss"] = metrics.pop("task_loss")
        return state, metrics

    return Learner(init, step)


def task_one(
    pretext: Pretext, tx: optax.GradientTransformation, *, image_shape: tuple[int, int, int]
) -> Learner:
    """Learns task 1 by itself: the stage before task 2 where they are not learned together.

    Returns:
      A learner of batches of `jaxdl.data.Taught`, of which it sees the images alone. Parameters are
      {"trunk", "pretext"}.
    """

    def init(key):
        params, statistics = init_pretext(key, pretext, image_shape)
        rest = {name: x for name, x in params.items() if name != "trunk"}
        params = {"trunk": params["trunk"], "pretext": rest}
        return TrainState(params, tx.init(params), extra={"pretext": statistics})

    def step(key, state, batch):
        posed = pretext.pose(key, as_floats(batch.images))

        def loss(params, statistics):
            value, new = pretext_loss(pretext, params, statistics["pretext"], posed)
            return value, ({"pretext": new}, {})

        return descend(loss, tx, state)

    return Learner(init, step)


def start_after(learner: Learner, trunk: Any, run: Run) -> TrainState:
    """Makes the state in which `multi_head` begins when task 1 was learned before.

    Args:
      learner: of `multi_head`.
      trunk: parameters that `task_one` has learned, leaves [S, ...] for S > 1 seeds.
      run: its seeds.

    Returns:
      A first state, leaves [S, L, ...] or [L, ...], whose nets "both" all have that trunk.
    """
    several = run.num_seeds > 1
    state = first_state(learner, run)
    repeat = lambda x, first: jnp.broadcast_to(jnp.expand_dims(x, int(several)), first.shape)  # noqa: E731
    both = state.params["both"]
    both = both | {"trunk": jax.tree.map(repeat, trunk, both["trunk"])}
    return state._replace(params=state.params | {"both": both})


def init_pretext(
    key: jax.Array, pretext: Pretext, image_shape: tuple[int, int, int]
) -> tuple[Any, Statistics]:
    """Makes the parameters of a pretext's net, and its statistics of batch normalization.

    Raises:
      BadInput: its net has no part `trunk`.
    """
    images = jnp.zeros((2, *image_shape))
    inputs, _ = jax.eval_shape(pretext.pose, key, images)
    variables = dict(pretext.net.init(key, jnp.zeros(inputs.shape), True))
    params = variables.pop("params")
    if "trunk" not in params:
        raise BadInput(f"a pretext's net needs a part `trunk`, it has {', '.join(params)}")
    return params, variables


def pretext_loss(
    pretext: Pretext, params: Any, statistics: Statistics, posed: tuple[jax.Array, Any]
) -> tuple[jax.Array, Statistics]:
    """Returns the loss of task 1, and the new statistics of its net."""
    inputs, targets = posed
    own = {"trunk": params["trunk"], **params["pretext"]}
    outputs, statistics = apply_in_training(pretext.net, own, statistics, inputs)
    return pretext.loss(outputs, targets), statistics


def apply_task(net: nn.Module, state: TrainState, images: jax.Array) -> jax.Array:
    """Returns the logits [B, K] of task 2 by its running statistics; images as of `encoder`."""
    params = {"trunk": state.params["trunk"], "head": state.params["head"]}
    return net.apply({"params": params, **state.extra["task"]}, as_floats(images), False)


def apply_best(net: nn.Module, state: TrainState, images: jax.Array) -> jax.Array:
    """Returns the logits [B, K] of the net "both" that had the most labels."""
    return apply_task(net, jax.tree.map(lambda x: x[-1], _part(state, "both")), images)


def _thinned(x: jax.Array, rows: int) -> jax.Array:
    """Takes so many of the rows, evenly spaced: rows that are split over devices stay there."""
    return x.reshape(rows, -1, *x.shape[1:])[:, 0]


def _join(both: TrainState, alone: TrainState) -> TrainState:
    return TrainState(
        {"both": both.params, "alone": alone.params},
        {"both": both.opt_state, "alone": alone.opt_state},
        extra={"both": both.extra, "alone": alone.extra},
    )


def _part(state: TrainState, name: str) -> TrainState:
    opt_state = state.opt_state[name] if state.opt_state else ()
    return TrainState(state.params[name], opt_state, extra=state.extra[name])
