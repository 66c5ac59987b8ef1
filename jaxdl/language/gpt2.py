"""GPT-2, which learns to tell the next token (Radford et al. 2019), and how it is scored."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Fold, Learner, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.language.generate import write_tokens
from jaxdl.language.sampling import Sampling
from jaxdl.losses.language import cross_entropy, mean_cross_entropy
from jaxdl.nn.gpt2 import GPT2

EVAL_ROWS = 32  # that are scored at a time
SHOWN = 24  # tokens whose attention is drawn


class HeldOut(NamedTuple):
    """Text that is not learned from.

    Attributes:
      read: () -> its tokens [N], when the evaluation is prepared.
      sizes: () -> [V] int, the bytes of text that each token stands for; 0 for special ones.
    """

    read: Callable[[], np.ndarray]
    sizes: Callable[[], np.ndarray]


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
      is_row: [E] bool, False for what fills the last batch.
      size: float32 scalar, the bytes that the targets of these windows stand for.
      first: [N] int32, the first tokens of the whole text.
    """

    rows: Any
    is_row: Any
    size: Any
    first: Any


class Scores(NamedTuple):
    """The evaluation under way.

    Attributes:
      nats: float32 scalar, the sum of all losses.
      tokens: float32 scalar, of which the losses are.
      size: float32 scalar, bytes that these tokens stand for.
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
    held_out: HeldOut | None = None,
    samples: Samples | None = None,
) -> Learner:
    """Learns to tell each token of a text from those before it (Radford et al. 2019, eq. 1).

    Args:
      net: whose context is T.
      tx: the optimizer.
      held_out: text that the evaluation scores, in windows of T tokens that do not overlap. The
        last ones, which do not fill a window, are left out.
      samples: what is written as training proceeds; None for nothing. It costs a small program of
        its own, which runs under `vmap` at every step: it is for single runs.

    Returns:
      A learner of batches of tokens [B, 2 T], of which each row is cut at a place of its own to
      T + 1, so that every token is predicted from any number of others. Its metrics are the loss in
      nats per token, and norms. Its evaluation has `loss`, `bits_per_byte` and `perplexity`, and
      the diary's `texts`.

    Raises:
      BadInput: samples do not fit the context.
    """
    samples = samples or Samples()
    pages = len(samples.at)
    if len(samples.prompt) + samples.length > net.context:
        raise BadInput(
            f"samples of {len(samples.prompt)} and {samples.length} tokens exceed the context of "
            f"{net.context}"
        )

    def init(key):
        params = net.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        blank = jnp.full((pages, len(samples.prompt) + samples.length), -1, jnp.int32)
        return TrainState(params, tx.init(params), extra=Diary(jnp.int32(0), blank))

    def step(key, state, batch):
        crop_key, drop_key, write_key = jax.random.split(key, 3)
        tokens = crop(crop_key, batch, net.context + 1)

        def loss_of(params):
            rngs = {"dropout": drop_key}
            hidden = net.apply({"params": params}, tokens[:, :-1], True, rngs=rngs, method="encode")
            return next_token_loss(hidden, params, tokens[:, 1:])

        loss, gradient = jax.value_and_grad(loss_of)(state.params)
        state, norms = update(tx, state, gradient)
        extra = _write(net, samples, write_key, state)
        return state._replace(extra=extra), {"loss": loss} | norms

    evaluate = lambda key, state: {"texts": state.extra.texts}  # noqa: E731
    return Learner(init, step, evaluate if held_out is None else score_held_out(net, held_out))


def next_token_loss(hidden: jax.Array, params: Any, targets: jax.Array) -> jax.Array:
    """Computes the mean loss of targets [B, T] from states [B, T, D], in nats per token."""
    rows = hidden.reshape(-1, hidden.shape[-1])
    return mean_cross_entropy(rows, params["words"]["embedding"], targets.reshape(-1))


def crop(key: jax.Array, rows: jax.Array, length: int) -> jax.Array:
    """Cuts each row of [B, N] at a random place to [B, length] int32."""
    places = rows.shape[1] - length + 1
    begin = jax.random.randint(key, (len(rows),), 0, places)
    cut = jax.vmap(lambda row, i: jax.lax.dynamic_slice_in_dim(row, i, length))
    return cut(rows, begin).astype(jnp.int32)


def cut_rows(tokens: np.ndarray, context: int) -> np.ndarray:
    """Cuts tokens [N] into overlapping rows [R, 2 T], of which any T + 1 in a row can be learned.

    Each begins T tokens after the last. What is left at the end begins no row.

    Raises:
      BadInput: there are fewer than 2 T tokens.
    """
    if len(tokens) < 2 * context:
        raise BadInput(f"the text has {len(tokens)} tokens, less than two contexts of {context}")
    windows = np.lib.stride_tricks.sliding_window_view(tokens, 2 * context)
    return np.ascontiguousarray(windows[::context])


def score_held_out(net: GPT2, held_out: HeldOut) -> Fold:
    """Makes the evaluation on held-out text, whose first tokens are shown with their attention."""
    context = net.context
    shown = min(SHOWN, context)

    def batches() -> Iterator[EvalBatch]:
        tokens, sizes = held_out.read(), held_out.sizes()
        rows = (len(tokens) - 1) // context
        if rows < 1:
            raise BadInput(f"the held-out text has {len(tokens)} tokens, fewer than a window")
        first = np.asarray(tokens[:shown], np.int32)
        for begin in range(0, rows, EVAL_ROWS):
            count = min(EVAL_ROWS, rows - begin)
            batch = np.zeros((EVAL_ROWS, context + 1), np.int32)
            for i in range(count):
                batch[i] = tokens[(begin + i) * context :][: context + 1]
            size = sizes[batch[:count, 1:]].sum()
            yield EvalBatch(batch, np.arange(EVAL_ROWS) < count, np.float32(size), first)

    def begin(key, state):
        del key
        maps = jnp.zeros((net.depth, net.heads, shown, shown))
        arrays = {"texts": state.extra.texts, "shown": jnp.zeros(shown, jnp.int32)}
        nothing = jnp.float32(0)
        return Scores(nothing, nothing, nothing, arrays | {"attention": maps})

    def add(scores, state, batch):
        hidden = net.apply({"params": state.params}, batch.rows[:, :-1], method="encode")
        targets = batch.rows[:, 1:].reshape(-1)
        table = state.params["words"]["embedding"]
        losses = cross_entropy(hidden.reshape(-1, net.width), table, targets)
        weights = jnp.repeat(jnp.float32(batch.is_row), context)
        looks = {"shown": batch.first, "attention": attention_maps(net, state.params, batch.first)}
        return Scores(
            nats=scores.nats + jnp.sum(weights * losses),
            tokens=scores.tokens + jnp.sum(weights),
            size=scores.size + batch.size,
            arrays=scores.arrays | looks,
        )

    def result(scores):
        loss = scores.nats / scores.tokens
        bits = scores.nats / math.log(2) / scores.size
        measured = {"loss": loss, "bits_per_byte": bits, "perplexity": jnp.exp(loss)}
        return measured | scores.arrays

    shape = EvalBatch(
        jax.ShapeDtypeStruct((EVAL_ROWS, context + 1), jnp.int32),
        jax.ShapeDtypeStruct((EVAL_ROWS,), jnp.bool_),
        jax.ShapeDtypeStruct((), jnp.float32),
        jax.ShapeDtypeStruct((shown,), jnp.int32),
    )
    return Fold(batches, begin, add, result, lambda: shape)


def attention_maps(net: GPT2, params: Any, tokens: jax.Array) -> jax.Array:
    """Returns where each token of one text [T] looks, [L, heads, T, T]."""
    _, found = net.apply(
        {"params": params}, tokens[None], mutable=["intermediates"], method="encode"
    )
    blocks = found["intermediates"]["transformer"]
    if net.scan_layers:
        return blocks["Blocks"]["Attention_0"]["attention"][0][:, 0]
    names = [f"Block_{i}" for i in range(net.depth)]
    return jnp.stack([blocks[name]["Attention_0"]["attention"][0][0] for name in names])


def _write(net: GPT2, samples: Samples, key: jax.Array, state: TrainState) -> Diary:
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
