"""SNAIL for few-shot classification (Mishra et al. 2018, section 5.1).

A task is a sequence: each labelled image with its label, then an image without one, whose label is
to be told. What was learned of the labelled images is the cache of the past; each image to be told
goes on from it by one step, so that none of them sees another.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Fold, Learner, TrainState, update
from jaxdl.core.run import Run, horizon
from jaxdl.data import FewShot, drawn_characters, read_omniglot, sample_tasks
from jaxdl.launch.options import Optimizer
from jaxdl.launch.system import System
from jaxdl.losses.classification import softmax_cross_entropy
from jaxdl.meta.snail_figures import few_shot_exhibit
from jaxdl.nn.convolution import convolve
from jaxdl.nn.mlp import Dense, Layer, Plan, Zeros, fast_dense, initial
from jaxdl.nn.snail import Attention, Block, Temporal, snail_layer, unroll_snail
from jaxdl.ops import make_optimizer

SIDE = 28  # of images of characters, pixels
MOST_TASKS = 2_000  # that it is scored on: images take longer than pulls
AT_ONCE = 50  # of these
RELU_SCALE = 2**0.5  # He et al. 2015: half of the activations are zero
STAGES = 4  # convolutions of 3 x 3, each of which halves the sides (Vinyals et al. 2016)


class ImageReader(NamedTuple):
    """The part of a few-shot net that reads images.

    Attributes:
      plan: of its parameters, for `jaxdl.nn.initial`.
      apply: parameters, images [B, H, W, 1] -> features [B, D].
      size: D.
    """

    plan: Plan
    apply: Callable[[Any, jax.Array], jax.Array]
    size: int


class Told(NamedTuple):
    """What a few-shot net makes of M tasks.

    Attributes:
      logits: [M, N Q, N] of the images to be told.
      looks: [M, N Q, N K + 1], how much each of these looks at each labelled one, in the order that
        they are given in, and at itself: a mean over the attention blocks.
    """

    logits: jax.Array
    looks: jax.Array


class FewShotNet(NamedTuple):
    """A net that tells images by labelled ones.

    Attributes:
      init: key -> params.
      tell: params, FewShot of M tasks -> Told; the query's labels are not read.
    """

    init: Callable[[jax.Array], Any]
    tell: Callable[[Any, FewShot], Told]


def snail(
    net: FewShotNet,
    tx: optax.GradientTransformation,
    tasks: Callable[[], Iterator[FewShot]],
    *,
    shape: FewShot,
) -> Learner:
    """Makes the learner of few-shot tasks: cross entropy of what is told of unlabelled images.

    Args:
      net: that tells them.
      tx: the optimizer.
      tasks: () -> batches of fresh tasks that it is scored on.
      shape: shapes and dtypes of each of them.

    Returns:
      A learner whose batch is a FewShot of M tasks, and whose evaluation has the metric `accuracy`
      in percent and its `standard_error` over tasks; and for the picture arrays of one task,
      `attention/<name>`: those of a FewShot, the labels that were `told`, and what `looks` at what.
    """

    def init(key):
        params = net.init(key)
        return TrainState(params, tx.init(params))

    def loss(params, batch):
        logits = net.tell(params, batch).logits
        labels = batch.query_y.reshape(-1)
        logits = logits.reshape(len(labels), -1)
        accuracy = jnp.mean(jnp.argmax(logits, axis=1) == labels)
        cost = softmax_cross_entropy(logits, labels)
        return cost, {"loss": cost, "accuracy": 100 * accuracy}

    def step(key, state, batch):
        gradient, metrics = jax.grad(loss, has_aux=True)(state.params, shuffle_support(key, batch))
        state, norms = update(tx, state, gradient)
        return state, metrics | norms

    return Learner(init, step, _evaluation(net, tasks, shape))


class _Tally(NamedTuple):
    """What the tasks so far have come to.

    Attributes:
      right: float32 scalar, sum over tasks of the share of images told right.
      squares: float32 scalar, sum of its square.
      count: float32 scalar, tasks.
      picture: of the first task of the last batch: support images and labels, query images and
        labels, what was told, what was looked at.
    """

    right: jax.Array
    squares: jax.Array
    count: jax.Array
    picture: dict[str, jax.Array]


def _evaluation(net: FewShotNet, tasks: Callable[[], Iterator[FewShot]], shape: FewShot) -> Fold:
    """Makes the evaluation by fresh tasks."""

    def judge(params, batch):
        told = net.tell(params, batch)
        answers = jnp.argmax(told.logits, axis=-1)
        one = jax.tree.map(lambda x: x[0], batch)
        picture = {**one._asdict(), "told": answers[0], "looks": told.looks[0]}
        return jnp.mean(answers == batch.query_y, axis=1), picture

    def begin(key, state):
        _, picture = jax.eval_shape(judge, state.params, shape)
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), picture)
        return _Tally(jnp.float32(0), jnp.float32(0), jnp.float32(0), nothing)

    def add(tally, state, batch):
        right, picture = judge(state.params, batch)
        return _Tally(
            tally.right + jnp.sum(right),
            tally.squares + jnp.sum(right**2),
            tally.count + len(right),
            picture,
        )

    def result(tally):
        mean = tally.right / tally.count
        variance = jnp.maximum(tally.squares / tally.count - mean**2, 0.0)
        metrics = {
            "accuracy": 100 * mean,
            "standard_error": 100 * jnp.sqrt(variance / tally.count),
        }
        return metrics | {f"attention/{name}": x for name, x in tally.picture.items()}

    return Fold(tasks, begin, add, result, batch_shape=lambda: shape)


def shuffle_support(key: jax.Array, batch: FewShot) -> FewShot:
    """Puts the labelled images of each of M tasks into a random order of its own."""

    order = jnp.argsort(jax.random.uniform(key, batch.support_y.shape), axis=1)
    x, y = (jax.vmap(lambda row, order: row[order])(part, order) for part in batch[:2])
    return batch._replace(support_x=x, support_y=y)


def few_shot_net(
    reader: ImageReader, blocks: Sequence[Block], *, ways: int, shots: int, width: int
) -> FewShotNet:
    """Makes SNAIL over sequences of features of images, with their labels one-hot.

    Args:
      reader: of images.
      blocks: of the layer.
      ways: N, classes of a task.
      shots: K, labelled images of each.
      width: H, of the dense layers before and behind the blocks.
    """
    layer = snail_layer(blocks, length=ways * shots + 1)
    plan = {
        "reader": reader.plan,
        "snail": layer.plan(reader.size + ways, width),
        "answer": Layer(width, ways),
    }

    def read(params, images):
        """[M, S, H, W, 1] -> [M, S, D]."""
        tasks, size = images.shape[:2]
        features = reader.apply(params["reader"], images.reshape(-1, *images.shape[2:]))
        return features.reshape(tasks, size, -1)

    def tell(params, batch):
        tasks, queries = batch.query_x.shape[:2]
        known = batch.support_x.shape[1]
        features = read(params, jnp.concatenate([batch.support_x, batch.query_x], axis=1))
        support, query = features[:, :known], features[:, known:]
        # As long as the features, in which a label of length 1 would be lost at first.
        labels = reader.size**0.5 * jax.nn.one_hot(batch.support_y, ways)
        pairs = jnp.concatenate([support, labels], axis=-1).swapaxes(0, 1)  # [N K, M, D + N]
        nothing = layer.initial_carry(tasks, width)
        begins = jnp.zeros((known, tasks), bool)
        past, _, _ = unroll_snail(blocks, params["snail"], nothing, pairs, begins, fast_dense)
        # Each image to be told is one step from the same past.
        past = jax.tree.map(lambda x: jnp.repeat(x, queries, axis=0), past)
        asked = jnp.concatenate([query, jnp.zeros((tasks, queries, ways))], axis=-1)
        asked = asked.reshape(1, tasks * queries, -1)
        goes_on = jnp.zeros((1, tasks * queries), bool)
        _, y, looks = unroll_snail(blocks, params["snail"], past, asked, goes_on, fast_dense)
        logits = fast_dense(params["answer"], y[0])
        look = jnp.mean(jnp.stack([x[:, 0] for x in looks]), axis=0)
        return Told(logits.reshape(tasks, queries, ways), look.reshape(tasks, queries, known + 1))

    return FewShotNet(lambda key: initial(key, plan), tell)


def few_shot_blocks(filters: int) -> list[Block]:
    """Returns attention and TC blocks by turns, as re-implementations have the paper's net.

    They say 128 filters, keys of 64, 256 and 512 numbers and values of 32, 128 and 256.

    Args:
      filters: F, of a dense block; the rest is in proportion.
    """
    return [
        Attention(filters // 2, filters // 4),
        Temporal(filters),
        Attention(2 * filters, filters),
        Temporal(filters),
        Attention(4 * filters, 2 * filters),
    ]


def image_reader(side: int, *, filters: int, features: int = 64) -> ImageReader:
    """Makes four convolutions, each normalized and pooled, and a dense layer (Vinyals et al. 2016).

    Each image is normalized by itself (Wu & He 2018, one group), not by the statistics of a batch:
    what a net makes of an image then depends on no other image of the task.

    Args:
      side: of the images, pixels.
      filters: of each convolution.
      features: D, that are put out.
    """
    sizes = [1, *[filters] * STAGES]
    plan = {
        "stages": [
            {
                "kernel": Layer(9 * sizes[i], filters, RELU_SCALE),
                "gain": Zeros((filters,)),
                "shift": Zeros((filters,)),
            }
            for i in range(STAGES)
        ],
        "features": Layer((side // 2**STAGES) ** 2 * filters, features),
    }

    def apply(params, images):
        x = images
        for stage in params["stages"]:
            x = _convolve(stage["kernel"], x)
            x = _pool(jax.nn.relu(_normalize(x, stage["gain"], stage["shift"])))
        return fast_dense(params["features"], x.reshape(len(x), -1))

    return ImageReader(plan, apply, features)


def _convolve(weights: Dense, x: jax.Array) -> jax.Array:
    """Convolves [B, H, W, C] with 3 x 3 to [B, H, W, F]."""
    kernel = weights.kernel.reshape(3, 3, x.shape[-1], -1)
    return convolve(x, kernel) + weights.bias


def _normalize(x: jax.Array, gain: jax.Array, shift: jax.Array) -> jax.Array:
    """Gives each image [H, W, F] mean 0 and deviation 1, then each channel 1 + gain and shift."""
    centered = x - jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    variance = jnp.mean(centered**2, axis=(1, 2, 3), keepdims=True)
    return centered * jax.lax.rsqrt(variance + 1e-5) * (1 + gain) + shift


def _pool(x: jax.Array) -> jax.Array:
    """Takes the largest of each 2 x 2; a last row or column without a partner is left out."""
    rows, columns = x.shape[1] // 2, x.shape[2] // 2
    x = x[:, : 2 * rows, : 2 * columns]
    return jnp.max(x.reshape(x.shape[0], rows, 2, columns, 2, x.shape[-1]), axis=(2, 4))


class Sizes(Protocol):
    """Which tasks there are.

    Attributes:
      ways: N, classes.
      shots: K, labelled images of a class.
      queries: Q, images of a class that are to be told.
      meta_batch: M, tasks of a step.
      data_dir: where Omniglot's files lie.
    """

    ways: int
    shots: int
    queries: int
    meta_batch: int
    data_dir: str


class Widths(Protocol):
    """How wide the net is.

    Attributes:
      width: H, of the dense layers before and behind the blocks.
      filters: F, of each dense block.
      reader: filters of the convolutions that read images.
    """

    width: int
    filters: int
    reader: int


class Settings(Protocol):
    """What a Config of few-shot tasks holds.

    Attributes:
      tasks: "drawn", characters drawn at random, or "omniglot".
      eval_tasks: fresh ones that the net is scored on; 2,000 at most.
    """

    run: Run
    tasks: str
    net: Widths
    optimizer: Optimizer
    characters: Sizes
    eval_tasks: int


def few_shot_system(config: Settings) -> System:
    """Builds SNAIL for characters; no file is read before training begins.

    As in Vinyals et al. 2016, characters that are turned by 90, 180 and 270 degrees are classes of
    their own to learn from. Tests have none, and other characters.

    Raises:
      BadInput: (when training begins) a file is missing, there are fewer classes than ways, or
        fewer images of one than shots and queries.
    """
    sizes, widths = config.characters, config.net
    draw = partial(sample_tasks, ways=sizes.ways, shots=sizes.shots, queries=sizes.queries)

    @cache
    def read():
        if config.tasks == "drawn":
            return drawn_characters()
        return read_omniglot(sizes.data_dir)

    def data():
        images = jnp.asarray(read().train)
        return lambda key, step: draw(key, images, tasks=sizes.meta_batch, rotations=True)

    def test():
        one = jax.jit(partial(draw, tasks=AT_ONCE))
        images = jnp.asarray(read().test)
        for i in range(max(1, min(config.eval_tasks, MOST_TASKS) // AT_ONCE)):
            yield one(jax.random.fold_in(jax.random.key(1), i), images)

    some = jax.ShapeDtypeStruct((sizes.ways, sizes.shots + sizes.queries, SIDE, SIDE), jnp.uint8)
    net = few_shot_net(
        image_reader(SIDE, filters=widths.reader),
        few_shot_blocks(widths.filters),
        ways=sizes.ways,
        shots=sizes.shots,
        width=widths.width,
    )
    tx = make_optimizer(**asdict(config.optimizer), steps=horizon(config.run))
    shape = jax.eval_shape(partial(draw, tasks=AT_ONCE), jax.random.key(0), some)
    return System(
        snail(net, tx, test, shape=shape),
        data=data,
        samples_per_step=sizes.meta_batch,
        figures=few_shot_exhibit,
    )
