"""MoCo: momentum contrast for visual representations (He et al. 2019, arXiv 1911.05722).

Keys of earlier batches serve as negatives, so that their number does not depend on the batch, and a
slowly moving copy of the encoder keeps them alike. Version 2 (Chen et al. 2020, arXiv 2003.04297)
is the same algorithm with SimCLR's head, views and schedule, which are arguments here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState
from jaxdl.core.mesh import spread
from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.losses import info_nce
from jaxdl.losses.contrastive import queue_logits, unit
from jaxdl.vision.contrastive import (
    alignment,
    encoder,
    in_pairs,
    init_on_views,
    judged_learner,
)
from jaxdl.vision.probe import Probe
from jaxdl.vision.supervised import Statistics, apply_in_training, descend


class Memory(NamedTuple):
    """What MoCo keeps beside the query encoder.

    Attributes:
      statistics: of the query encoder's batch normalization. The key encoder never needs any: it
        is applied in training alone, by the statistics of its groups.
      key_params: theta_k, the moving average of the query encoder's parameters theta_q.
      queue: [K, D] unit keys, a ring.
      pointer: int32 scalar, the row of the oldest keys, which the next batch replaces.
    """

    statistics: Statistics
    key_params: Any
    queue: jax.Array
    pointer: jax.Array


def moco(
    net: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    image_shape: tuple[int, int, int],
    queue_size: int = 65_536,
    momentum: float = 0.999,
    temperature: float = 0.07,
    probe: Probe | None = None,
) -> Learner:
    """Learns features in which a view lies closer to its image's other view than to past images.

    Batches carry a trace of themselves through batch normalization, by which a key of the same
    batch is told from the older ones in the queue (`jaxdl.nn.BatchNorm`). The net should therefore
    have several groups of statistics: the keys' images are shuffled, so that those of a query and
    of its key have nothing in common.

    Args:
      net: module (views [B, H, W, C], train) -> (features h [B, F], projections z [B, D]), such as
        `jaxdl.nn.Projected` over a trunk with `groups`; its head without batch normalization.
      tx: the optimizer of the query encoder.
      augment: key, images [2B, H, W, C] in [0, 1] -> views.
      image_shape: (H, W, C) of the images in a batch.
      queue_size: K, a multiple of B.
      momentum: m of eq. 2.
      temperature: tau of eq. 1.
      probe: evaluates the query encoder's features h, such as `jaxdl.vision.linear_probe`.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1], whose step raises BadInput where
      the queue is no multiple of the batch. `state.extra` is a `Memory`. Its metrics are the loss,
      the mean cosine of query and key, the share of queries that are closer to their key than to
      all of the queue (`found`), and norms. Its evaluation is the probe's, as SimCLR's.
    """

    def init(key):
        net_key, view_key, queue_key = jax.random.split(key, 3)
        state = init_on_views(net_key, net, tx, augment, image_shape)
        variables = {"params": state.params, **state.extra}
        pair = jnp.zeros((2, *image_shape))
        _, z = jax.eval_shape(lambda: net.apply(variables, augment(view_key, pair), False))
        queue = unit(jax.random.normal(queue_key, (queue_size, z.shape[1])))
        return state._replace(extra=Memory(state.extra, state.params, queue, jnp.int32(0)))

    def step(key, state, batch):
        check_queue(queue_size, len(batch))
        view_key, shuffle_key = jax.random.split(key)
        memory = state.extra
        views = augment(view_key, in_pairs(as_floats(batch)))
        x_q, x_k = jnp.moveaxis(views.reshape(-1, 2, *views.shape[1:]), 1, 0)  # [B, h, w, C]
        k = shuffled_keys(shuffle_key, net, memory, x_k)
        queue = jax.lax.stop_gradient(memory.queue)

        def loss(params, statistics):
            (_, q), statistics = apply_in_training(net, params, statistics, x_q)
            loss = info_nce(q, k, queue, temperature=temperature)
            found = share_found(q, k, queue, temperature)
            return loss, (statistics, {"alignment": alignment(q, k), "found": found})

        state, metrics = descend(loss, tx, state._replace(extra=memory.statistics))
        key_params = moving_average(memory.key_params, state.params, momentum)
        memory = enqueue(memory._replace(statistics=state.extra, key_params=key_params), k)
        return state._replace(extra=memory), metrics

    return judged_learner(
        init, step, lambda state, images: query_encoder(net, state)(images), probe, augment
    )


def check_queue(queue_size: int, batch_size: int) -> None:
    """Refuses a queue that does not hold whole batches.

    Raises:
      BadInput: in one line.
    """
    if queue_size < batch_size or queue_size % batch_size:
        raise BadInput(
            f"a queue of {queue_size} keys should be a multiple of the batch of {batch_size} images"
        )


def shuffled_keys(key: jax.Array, net: nn.Module, memory: Memory, views: jax.Array) -> jax.Array:
    """Computes unit keys of views, [B, h, w, C] -> [B, D], through which no gradient flows.

    The views are shuffled before the key encoder, and their keys are put back in order: "shuffling
    BN", He et al. 2019, section 3.3.
    """
    order = jax.random.permutation(key, len(views))
    shuffled = spread(views[order])  # divided among the devices again, wherever they came from
    (_, keys), _ = apply_in_training(net, memory.key_params, memory.statistics, shuffled)
    return jax.lax.stop_gradient(unit(keys)[jnp.argsort(order)])


def moving_average(old: Any, new: Any, momentum: float) -> Any:
    """Moves the key encoder's parameters, m theta_k + (1 - m) theta_q: He et al. 2019, eq. 2."""
    return jax.tree.map(lambda k, q: momentum * k + (1.0 - momentum) * q, old, new)


def enqueue(memory: Memory, keys: jax.Array) -> Memory:
    """Replaces the oldest keys of the ring by new ones [B, D], and moves the pointer on."""
    queue = jax.lax.dynamic_update_slice_in_dim(memory.queue, keys, memory.pointer, axis=0)
    pointer = (memory.pointer + len(keys)) % len(queue)
    return memory._replace(queue=queue, pointer=pointer)


def share_found(q: jax.Array, k: jax.Array, queue: jax.Array, temperature: float) -> jax.Array:
    """Returns the share of queries [B, D] that are closer to their key than to all of the queue."""
    positive, negatives = queue_logits(q, k, queue, temperature=temperature)  # those of the loss
    return jax.lax.stop_gradient(jnp.mean(positive > jnp.max(negatives, axis=1)))


def query_encoder(net: nn.Module, state: TrainState) -> Callable[[jax.Array], jax.Array]:
    """Makes a function of the trained trunk: images [B, H, W, C] -> features h [B, F]."""
    return encoder(net, state._replace(extra=state.extra.statistics))
