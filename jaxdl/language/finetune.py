"""Fine-tuning: a pretrained net learns to tell the labels of texts (Devlin et al. 2018, section 4).

For each of several numbers of labels two nets are trained side by side, one that begins with
pretrained parameters and the same net untrained; they see the same texts in the same order. What
they learn from is in `state.extra`, and so is what counts of words reach with the same labels.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Mean, Metrics, TrainState, update
from jaxdl.core.mesh import split
from jaxdl.language.encoding import Encoded
from jaxdl.language.metrics import accuracy, matthews
from jaxdl.losses import softmax_cross_entropy, take_positions
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2, INIT
from jaxdl.nn.transformer import wide

KINDS = ("pretrained", "scratch")
BASELINE = "bag_of_words"
AT_ONCE = 32  # texts that are read at a time when nothing is learned
PRETRAINING = ("follows", "words_bias", "words_dense", "words_norm")  # BERT's heads


class Exam(NamedTuple):
    """A task as a net reads it.

    Attributes:
      train: N texts.
      test: M texts, of which nothing is learned.
      metric: how they are scored.
    """

    train: Encoded
    test: Encoded
    metric: str


class Lesson(NamedTuple):
    """What the nets of one seed learn from, and the baseline beside them.

    Attributes:
      rows: [R] int32 of the training texts, the classes in turns; the fewest labels come first.
      baseline: [L] float32, the score of a bag of words by the same labels.
      scored: float32 scalar, 1 where the baseline was computed and 0 where it was not.
    """

    rows: jax.Array
    baseline: jax.Array
    scored: jax.Array


def finetune(
    net: BERT | GPT2,
    tx: optax.GradientTransformation,
    open_exam: Callable[[], Exam],
    *,
    counts: Sequence[int],
    batch_size: int,
    classes: int = 2,
) -> Learner:
    """Learns a task by several numbers of labels, from pretrained parameters and from scratch.

    All parameters are trained (Devlin et al. 2018, section 4.1). Texts are drawn with replacement
    from those that have labels, so that each net makes as many steps.

    Args:
      net: what reads; its dropout is that of the last state too.
      tx: the optimizer, of each net by itself.
      open_exam: () -> the texts; called when a step is traced, whose arguments they become.
      counts: L numbers of labels a class, rising.
      batch_size: B, texts a step of each net.
      classes: K.

    Returns:
      A learner of `batch = ()`. Parameters are {"net", "head"}, leaves [2, L, ...]: of "pretrained"
      and "scratch", which begin alike until `begin_with` puts pretrained ones in. Its metrics are
      means over the numbers of labels. Its evaluation has the scores `pretrained_<count>`,
      `scratch_<count>` and `bag_of_words_<count>`, those with most labels once more without the
      number, `most_frequent`, the score of one who always says the same, and `guesses` [2, L, M].
    """
    sizes = classes * jnp.asarray(counts)

    def init(key):
        keys = jax.random.split(key, len(counts))
        params = jax.vmap(lambda key: init_classifier(key, net, classes))(keys)
        params = jax.tree.map(lambda x: jnp.stack([x] * len(KINDS)), params)
        opt_state = _of_all(tx.init)(params)
        return TrainState(params, opt_state, extra=no_lesson(counts, classes))

    def step(key, state, batch):
        del batch  # its texts are those of the lesson, which differ from seed to seed
        row_key, drop_key = jax.random.split(key)
        places = jax.random.randint(row_key, (len(counts), batch_size), 0, sizes[:, None])
        rows = split(state.extra.rows[places], axis=1)
        texts = jax.tree.map(lambda x: jnp.take(x, rows, axis=0), open_exam().train)  # [L, B, ...]
        keys = jax.random.split(drop_key, len(counts))
        alike = jax.vmap(learn, in_axes=(0, 0, 0, 0))  # over counts
        both = jax.vmap(alike, in_axes=(None, 0, 0, None))  # over kinds
        params, opt_state, found = both(keys, state.params, state.opt_state, texts)
        metrics: Metrics = {name: jnp.mean(x) for name, x in found.items()}
        of_kinds = {name: jnp.mean(found[name], axis=1) for name in ("loss", "accuracy")}
        metrics |= {name: x[0] for name, x in of_kinds.items()}
        metrics |= {f"scratch_{name}": x[1] for name, x in of_kinds.items()}
        return state._replace(params=params, opt_state=opt_state), metrics

    def learn(key, params, opt_state, texts):
        descent = jax.value_and_grad(text_loss, argnums=1, has_aux=True)
        (loss, hits), gradient = descent(net, params, texts, {"dropout": key})
        state, norms = update(tx, TrainState(params, opt_state), gradient)
        return state.params, state.opt_state, {"loss": loss, "accuracy": hits} | norms

    def evaluate(key, state):
        del key
        exam = open_exam()
        score = scorer(exam.metric, classes)
        labels = jnp.asarray(exam.test.labels)
        guesses = _of_all(lambda params: guess(net, params, exam.test))(state.params)  # [2, L, M]
        scores = _of_all(lambda found: score(found, labels))(guesses)
        lesson = state.extra
        columns = {name: list(scores[i]) for i, name in enumerate(KINDS)}
        columns[BASELINE] = [Mean(one * lesson.scored, lesson.scored) for one in lesson.baseline]
        metrics = {name: column[-1] for name, column in columns.items()}
        for name, column in columns.items():
            metrics |= {f"{name}_{n}": one for n, one in zip(counts, column, strict=True)}
        most = jnp.argmax(jnp.bincount(labels, length=classes))
        metrics["most_frequent"] = score(jnp.full_like(labels, most), labels)
        return metrics | {"guesses": guesses}

    return Learner(init, step, evaluate)


def init_classifier(key: jax.Array, net: BERT | GPT2, classes: int) -> Any:
    """Draws the parameters {"net", "head"} of a net that tells one of K classes."""
    net_key, head_key = jax.random.split(key)
    params = net.init(net_key, jnp.zeros((1, 1), jnp.int32))["params"]
    kernel = INIT * jax.random.normal(head_key, (net.width, classes), wide(net.dtype))
    head = {"kernel": kernel, "bias": jnp.zeros(classes, kernel.dtype)}
    return {"net": reading_part(params), "head": head}


def reading_part(params: Any) -> Any:
    """Leaves out the parameters that pretraining alone uses."""
    return {name: x for name, x in params.items() if name not in PRETRAINING}


def no_lesson(counts: Sequence[int], classes: int) -> Lesson:
    """Returns the lesson of nobody: the first texts, and no baseline."""
    rows = jnp.arange(classes * max(counts), dtype=jnp.int32)
    return Lesson(rows, jnp.zeros(len(counts)), jnp.float32(0))


def text_loss(
    net: BERT | GPT2, params: Any, texts: Encoded, rngs: Any = None
) -> tuple[jax.Array, jax.Array]:
    """Computes the mean cross entropy of the labels and the share of right answers.

    Args:
      net: what reads.
      params: {"net", "head"} of it.
      texts: [B, T] of them.
      rngs: {"dropout": key} in training.
    """
    logits = classify(net, params, texts, rngs)
    hits = jnp.argmax(logits, axis=1) == texts.labels
    return softmax_cross_entropy(logits, texts.labels), jnp.mean(hits)


def classify(net: BERT | GPT2, params: Any, texts: Encoded, rngs: Any = None) -> jax.Array:
    """Returns the logits [B, K] of texts [B, T]; with `rngs` it is in training."""
    state = read_texts(net, params["net"], texts, rngs)
    lose = nn.Dropout(net.dropout, deterministic=rngs is None)
    state = lose.apply({}, state, rngs=rngs).astype(params["head"]["kernel"].dtype)
    return state @ params["head"]["kernel"] + params["head"]["bias"]


def read_texts(net: BERT | GPT2, params: Any, texts: Encoded, rngs: Any = None) -> jax.Array:
    """Returns the state [B, D] that stands for a whole text.

    BERT's is that of [CLS], which sees all tokens, through the layer that pretraining told by
    whether two texts belong together (Devlin et al. 2018, section 4.1). In GPT-2 no token sees
    those after it, so it is that of the last one (Radford et al. 2018, section 3.3). Neither sees
    padding: BERT's mask hides it, and in GPT-2 it stands behind.

    Args:
      net: what reads.
      params: of it.
      texts: [B, T] of them.
      rngs: {"dropout": key} in training.
    """
    train = rngs is not None
    if isinstance(net, BERT):
        # The module declares it, though no word is told here.
        params = params | {"words_bias": jnp.zeros(net.vocabulary, wide(net.dtype))}

        def look(net):
            return net.pool(net.encode(texts.tokens, texts.token_types, texts.mask, train))

    else:
        last = jnp.sum(texts.mask, axis=1, dtype=jnp.int32) - 1

        def look(net):
            return take_positions(net.encode(texts.tokens, train), last[:, None])[:, 0]

    return net.apply({"params": params}, method=look, rngs=rngs)


def guess(net: BERT | GPT2, params: Any, texts: Encoded) -> jax.Array:
    """Returns the likeliest labels [M] of texts [M, T], a few texts at a time."""

    def one(text):
        row = jax.tree.map(lambda x: x[None], text)
        return jnp.argmax(classify(net, params, row)[0])

    texts = jax.tree.map(jnp.asarray, texts)
    return jax.lax.map(one, texts, batch_size=min(AT_ONCE, len(texts.labels))).astype(jnp.int32)


def scorer(metric: str, classes: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Returns the function guesses [M], labels [M] -> score of a metric's name."""
    if metric == "accuracy":
        return accuracy
    return lambda guesses, labels: matthews(guesses, labels, classes)


def _of_all(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Maps a function over leaves [2, L, ...]."""
    return jax.vmap(jax.vmap(function))
