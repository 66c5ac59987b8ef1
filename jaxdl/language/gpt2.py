"""GPT-2, which learns to tell the next token (Radford et al. 2019), and how it is scored."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Fold, Learner, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.language.corpus import bits_per_byte
from jaxdl.language.generate import write_tokens
from jaxdl.language.sampling import Sampling
from jaxdl.language.windows import Scored, TextBatch, draw_windows, next_token_batch
from jaxdl.losses.language import cross_entropy, mean_cross_entropy
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2

EVAL_ROWS = 32  # that are scored at a time
SHOWN = 24  # tokens whose attention is drawn
NO_TOKEN = -1  # which no document begins with
BLANK = -1  # in a text that has not been written


class Samples(NamedTuple):
    """When a learner writes down what its net would say, and how.

    Attributes:
      at: the numbers of the steps after which it writes, rising; () for never.
      prompt: tokens that a text begins with.
      length: tokens that follow.
      sampling: how they are drawn.
    """

    at: tuple[int, ...] = ()
    prompt: tuple[int, ...] = (0,)
    length: int = 32
    sampling: Sampling = Sampling(1.0)


class Diary(NamedTuple):
    """What the net would have said as training proceeded.

    Attributes:
      step: int32 scalar, steps done.
      texts: [K, L] int32; -1 where a page is still blank.
    """

    step: jax.Array
    texts: jax.Array


class EvalBatch(NamedTuple):
    """A part of the held-out text.

    Attributes:
      rows: [E, T + 1] int32 windows.
      weights: [E, T] float32, 0 for what is no target.
      size: float32 scalar, the bytes of the whole text.
      first: [N] int32, the first tokens of the whole text.
    """

    rows: Any
    weights: Any
    size: Any
    first: Any


class Scores(NamedTuple):
    """The evaluation under way.

    Attributes:
      nats: float32 scalar, the sum of all losses.
      tokens: float32 scalar, of which the losses are.
      size: float32 scalar, bytes of the whole text.
      arrays: name -> array for the report.
    """

    nats: jax.Array
    tokens: jax.Array
    size: jax.Array
    arrays: dict[str, jax.Array]


def gpt2(
    net: GPT2,
    tx: optax.GradientTransformation,
    *,
    end: int | None = None,
    held_out: Callable[[], Scored] | None = None,
    samples: Samples | None = None,
    microbatches: int = 1,
) -> Learner:
    """Learns to tell each token of a text from those before it (Radford et al. 2019, eq. 1).

    Args:
      net: whose context is T.
      tx: the optimizer.
      end: the token that documents begin with, if none is to see another; None lets each token see
        all before it in its row, as GPT-2 does.
      held_out: () -> the text that the evaluation scores.
      samples: what is written as training proceeds; None for nothing. It costs a small program of
        its own, which under `vmap` runs at every step: it is for single runs.
      microbatches: parts of a batch that are computed one after the other, for less memory.

    Returns:
      A learner of batches of tokens, windows [B, T + 1] or stretches [B, 2 T] of which each step
      draws windows. Its metrics are the loss in nats per token, and norms. Its evaluation has
      `loss`, `bits_per_byte` and `perplexity`, the `texts` written, and where the first tokens of
      the held-out text look.

    Raises:
      BadInput: samples do not fit the context.
    """
    samples = samples or Samples()
    length = len(samples.prompt) + samples.length
    if samples.at and length > net.context:
        raise BadInput(f"samples of {length} tokens exceed the context of {net.context}")

    def init(key):
        params = net.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        blank = jnp.full((len(samples.at), length), BLANK, jnp.int32)
        return TrainState(params, tx.init(params), extra=Diary(jnp.int32(0), blank))

    def step(key, state, batch):
        window_key, drop_key, write_key = jax.random.split(key, 3)
        is_window = batch.shape[1] == net.context + 1
        windows = batch if is_window else draw_windows(window_key, batch)
        text = next_token_batch(windows, NO_TOKEN if end is None else end)

        def loss_of(params, key, text):
            hidden = encode(net, params, text, end, {"dropout": key})
            rows = hidden.reshape(-1, net.width)
            return mean_cross_entropy(rows, words_of(params), text.targets.reshape(-1))

        descent = jax.value_and_grad(loss_of)
        loss, gradient = accumulate(descent, state.params, drop_key, text, microbatches)
        state, norms = update(tx, state, gradient)
        state = state._replace(extra=write_page(net, samples, write_key, state))
        return state, {"loss": loss} | norms

    if held_out is None:
        return Learner(init, step, lambda key, state: {"texts": state.extra.texts})
    return Learner(init, step, score_held_out(net, held_out, end=end))


def accumulate(
    descent: Callable[[Any, jax.Array, Any], tuple[jax.Array, Any]],
    params: Any,
    key: jax.Array,
    batch: Any,
    parts: int,
) -> tuple[jax.Array, Any]:
    """Averages a loss and its gradient over parts of a batch, one after the other.

    A part is every K-th row of [B, ...], so that rows which are split over devices stay there.

    Args:
      descent: params, key, part -> loss, gradient.
      params: of it.
      key: consumed.
      batch: leaves [B, ...].
      parts: K.

    Raises:
      BadInput: the parts do not divide the batch.
    """
    if parts == 1:
        return descent(params, key, batch)
    rows = len(jax.tree.leaves(batch)[0])
    if rows % parts:
        raise BadInput(f"microbatches={parts} should divide the batch of {rows}")
    split = jax.tree.map(
        lambda x: jnp.moveaxis(x.reshape(rows // parts, parts, *x.shape[1:]), 1, 0), batch
    )
    keys = jax.random.split(key, parts)
    shapes = jax.eval_shape(descent, params, key, jax.tree.map(lambda x: x[0], split))
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def add(total, part):
        return jax.tree.map(jnp.add, total, descent(params, *part)), ()

    total, _ = jax.lax.scan(add, nothing, (keys, split))
    return jax.tree.map(lambda x: x / parts, total)


def words_of(params: Any) -> jax.Array:
    """Returns the embedding of the words, [V, D]."""
    return params["words"]["embedding"]


def encode(net: GPT2, params: Any, text: TextBatch, end: int | None, rngs: Any = None) -> jax.Array:
    """Returns the states [B, T, D] that the targets are told from, in the net's dtype.

    With `rngs` it is in training.
    """
    places = {}
    if end is not None:
        places = {"segments": text.segments, "positions": text.positions}
    hidden = net.apply(
        {"params": params}, text.tokens, rngs is not None, rngs=rngs, method="encode", **places
    )
    return hidden.astype(net.dtype)


def score_held_out(net: GPT2, held_out: Callable[[], Scored], *, end: int | None = None) -> Fold:
    """Makes the evaluation on held-out text, in windows that do not overlap."""
    context = net.context
    shown = min(SHOWN, context)

    def batches() -> Iterator[EvalBatch]:
        text = held_out()
        first = np.asarray(text.rows[0, :shown], np.int32)
        for begin in range(0, len(text.rows), EVAL_ROWS):
            part = slice(begin, begin + EVAL_ROWS)
            missing = ((0, EVAL_ROWS - len(text.rows[part])), (0, 0))
            rows = np.pad(np.asarray(text.rows[part], np.int32), missing)
            weights = np.pad(text.weights[part], missing)
            yield EvalBatch(rows, weights, np.float32(text.num_bytes), first)

    def begin(key, state):
        del key
        maps = jnp.zeros((net.depth, net.heads, shown, shown))
        arrays = {"texts": state.extra.texts, "shown": jnp.zeros(shown, jnp.int32)}
        nothing = jnp.float32(0)
        return Scores(nothing, nothing, nothing, arrays | {"attention": maps})

    def add(scores, state, batch):
        losses = token_losses(net, state.params, batch.rows, end=end)
        looks = {"shown": batch.first, "attention": attention_maps(net, state.params, batch.first)}
        return Scores(
            nats=scores.nats + jnp.sum(batch.weights * losses),
            tokens=scores.tokens + jnp.sum(batch.weights),
            size=batch.size,
            arrays=scores.arrays | looks,
        )

    def result(scores):
        loss = scores.nats / scores.tokens
        bits = bits_per_byte(scores.nats, scores.size)
        measured = {"loss": loss, "bits_per_byte": bits, "perplexity": jnp.exp(loss)}
        return measured | scores.arrays

    shape = EvalBatch(
        jax.ShapeDtypeStruct((EVAL_ROWS, context + 1), jnp.int32),
        jax.ShapeDtypeStruct((EVAL_ROWS, context), jnp.float32),
        jax.ShapeDtypeStruct((), jnp.float32),
        jax.ShapeDtypeStruct((shown,), jnp.int32),
    )
    return Fold(batches, begin, add, result, lambda: shape)


def token_losses(
    net: GPT2, params: Any, windows: jax.Array, *, end: int | None = None
) -> jax.Array:
    """Computes the losses [B, T] of the tokens of windows [B, T + 1], each from those before it."""
    text = next_token_batch(windows, NO_TOKEN if end is None else end)
    hidden = encode(net, params, text, end)
    rows, targets = hidden.reshape(-1, net.width), text.targets.reshape(-1)
    return cross_entropy(rows, words_of(params), targets).reshape(text.targets.shape)


def attention_maps(net: GPT2, params: Any, tokens: jax.Array) -> jax.Array:
    """Returns where each token of one text [T] looks, [L, heads, T, T]."""
    _, found = net.apply(
        {"params": params}, tokens[None], mutable=["intermediates"], method="encode"
    )
    return stack_maps(net, found)


def stack_maps(net: GPT2 | BERT, found: Any) -> jax.Array:
    """Returns the attention [L, heads, T, T] that a net's blocks have noted down of one text."""
    blocks = found["intermediates"]["transformer"]
    if net.scan_layers:
        return blocks["Blocks"]["Attention_0"]["attention"][0][:, 0]
    names = [f"Block_{i}" for i in range(net.depth)]
    return jnp.stack([blocks[name]["Attention_0"]["attention"][0][0] for name in names])


def write_page(net: GPT2, samples: Samples, key: jax.Array, state: TrainState) -> Diary:
    """Writes a page of the diary, where one is due after this step."""
    done, texts = state.extra.step + 1, state.extra.texts
    if not samples.at:
        return Diary(done, texts)
    is_page = jnp.asarray(samples.at) == done

    def write():
        prompt = jnp.asarray(samples.prompt, jnp.int32)[None]
        first = jnp.zeros(1, jnp.int32)
        text = write_tokens(
            net, state.params, key, prompt, first, samples.length, samples.sampling, ()
        )
        return jnp.where(is_page[:, None], text, texts)

    return Diary(done, jax.lax.cond(jnp.any(is_page), write, lambda: texts))
