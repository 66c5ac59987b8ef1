"""BERT, which learns to tell masked words and what follows (Devlin et al. 2018, section 3.1)."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.core.learner import Fold, Learner, Mean, TrainState, update
from jaxdl.language.gpt2 import accumulate, stack_maps
from jaxdl.language.masking import Vocabulary, masking_vocabulary
from jaxdl.language.sentence_pairs import BertBatch, Marks, Rows, bert_batch, marks_of
from jaxdl.language.tokenizers import Tokenizer
from jaxdl.losses.language import masked_lm_loss, next_sentence_loss, take_positions
from jaxdl.nn.bert import BERT

EVAL_ROWS = 32  # that are scored at a time
SHOWN = 8  # rows of which the best fillings are kept
FILLINGS = 5  # of each
DRAWN = 24  # tokens whose attention is drawn
EVAL_SEED = 0  # of the masks of the evaluation, which are the same each time


class Words(NamedTuple):
    """What is known of a tokenizer.

    Attributes:
      vocabulary: which of its tokens may be masked, and by what.
      marks: its special tokens.
    """

    vocabulary: Vocabulary
    marks: Marks


class Masking(NamedTuple):
    """What is hidden of a text, and what is asked.

    Attributes:
      read: () -> what is known of the tokenizer, whose files are read when a step is traced.
      pairs: whether the next sentence is asked for.
      share: of the tokens that are masked.
      whole_words: whether words are masked as a whole.
    """

    read: Callable[[], Words]
    pairs: bool = True
    share: float = 0.15
    whole_words: bool = False


class Told(NamedTuple):
    """What a net says of a batch.

    Attributes:
      states: [B, P, D] that the masked words are told from, in the net's dtype.
      follows: [B, 2] logits of what follows.
    """

    states: jax.Array
    follows: jax.Array


class Heldout(NamedTuple):
    """A part of the held-out text.

    Attributes:
      rows: [E, L] of `Rows`.
      weights: [E] float32, 0 for rows that were scored before and fill up the last part.
      number: int32 scalar, of the part.
    """

    rows: Rows
    weights: Any
    number: Any


class Fillings(NamedTuple):
    """Rows in which masked words are told.

    Attributes:
      tokens: [R, T] int32, as the net has read them.
      positions: [R, P] int32 of what was asked for.
      targets: [R, P] int32 that were there.
      weights: [R, P] float32, 0 where a row has fewer than P.
      best: [R, P, 5] int32, the likeliest tokens, the best first.
      chances: [R, P, 5] float32, their probabilities.
    """

    tokens: jax.Array
    positions: jax.Array
    targets: jax.Array
    weights: jax.Array
    best: jax.Array
    chances: jax.Array


class Looks(NamedTuple):
    """Where the tokens of one text look.

    Attributes:
      shown: [N] int32, the text, of which nothing is masked.
      attention: [L, heads, N, N].
    """

    shown: jax.Array
    attention: jax.Array


class Sums(NamedTuple):
    """The evaluation under way.

    Attributes:
      nats: float32 scalar, losses of the masked words.
      hits: float32 scalar, words told.
      targets: [V] float32, how often each token was asked for.
      pair_nats: float32 scalar, losses of what follows.
      pair_hits: float32 scalar, pairs told.
      rows: float32 scalar, rows scored.
      fillings: of the first rows.
      looks: of one row of the first part.
    """

    nats: jax.Array
    hits: jax.Array
    targets: jax.Array
    pair_nats: jax.Array
    pair_hits: jax.Array
    rows: jax.Array
    fillings: Fillings
    looks: Looks


def bert(
    net: BERT,
    tx: optax.GradientTransformation,
    masking: Masking,
    *,
    held_out: Callable[[], Rows] | None = None,
    microbatches: int = 1,
) -> Learner:
    """Learns to tell masked words, and whether one part of a text follows another.

    The loss is the sum of the two means (Devlin et al. 2018, appendix A.2).

    Args:
      net: whose context is T.
      tx: the optimizer.
      masking: what is drawn anew at every step.
      held_out: () -> the rows that the evaluation scores, with the same masks each time.
      microbatches: parts of a batch that are computed one after the other, for less memory.

    Returns:
      A learner of batches of `Rows`, as `document_rows` makes them. Its metrics are the `loss` in
      nats, its two parts, and norms. Its evaluation has the `loss` of a masked word in nats,
      `masked_accuracy`, `most_frequent` (the accuracy of one who always says the token that is
      asked for most), with pairs `next_sentence_loss` and `next_sentence_accuracy`, `Fillings`,
      and where the tokens of a text look (`Looks`).
    """

    def init(key):
        params = net.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        return TrainState(params, tx.init(params))

    def step(key, state, rows):
        batch_key, drop_key = jax.random.split(key)
        batch = draw_batch(batch_key, net, masking, rows)
        words = jnp.sum(batch.weights)

        def loss_of(params, key, part):
            told = tell(net, params, part, {"dropout": key})
            # So that the mean over parts is the mean over all masked words of the batch.
            share = jnp.sum(part.weights) * microbatches / jnp.maximum(words, 1)
            masked = share * word_loss(params, told, part)
            if not masking.pairs:
                return masked, {"masked_loss": masked}
            follows = next_sentence_loss(told.follows, part.next_sentence)
            return masked + follows, {"masked_loss": masked, "next_sentence_loss": follows}

        descent = jax.value_and_grad(loss_of, has_aux=True)
        found, gradient = accumulate(descent, state.params, drop_key, batch, microbatches)
        loss, parts = found
        state, norms = update(tx, state, gradient)
        return state, {"loss": loss} | parts | norms

    if held_out is None:
        return Learner(init, step)
    return Learner(init, step, score_rows(net, masking, held_out))


def words_of(tokenizer: Tokenizer) -> Words:
    """Reads off a tokenizer what masking and pairing have to know.

    Raises:
      BadInput: it lacks one of BERT's special tokens.
    """
    return Words(masking_vocabulary(tokenizer), marks_of(tokenizer))


def draw_batch(key: jax.Array, net: BERT, masking: Masking, rows: Rows) -> BertBatch:
    """Masks rows, and pairs them where that is asked for."""
    return bert_batch(
        key,
        rows,
        *masking.read(),
        most=most_masked(net.context, masking),
        pairs=masking.pairs,
        share=masking.share,
        whole_words=masking.whole_words,
    )


def most_masked(context: int, masking: Masking) -> int:
    """Returns P, the words that a full row of T tokens is asked for."""
    ordinary = context - (3 if masking.pairs else 2)
    return max(int(masking.share * ordinary + 0.5), 1)


def tell(net: BERT, params: Any, batch: BertBatch, rngs: Any = None) -> Told:
    """Reads a batch; with `rngs` it is in training."""

    def read(net):
        hidden = net.encode(batch.tokens, batch.token_types, batch.mask, rngs is not None)
        asked = net.transform(take_positions(hidden, batch.positions))
        return Told(asked.astype(net.dtype), net.next_sentence(hidden))

    return net.apply({"params": params}, method=read, rngs=rngs)


def word_loss(params: Any, told: Told, batch: BertBatch) -> jax.Array:
    """Computes the mean loss of the masked words, in nats."""
    table, bias = params["words"]["embedding"], params["words_bias"]
    return masked_lm_loss(told.states, table, bias, batch.targets, batch.weights)


def score_rows(net: BERT, masking: Masking, held_out: Callable[[], Rows]) -> Fold:
    """Makes the evaluation on held-out rows, which are masked alike each time."""
    asked = most_masked(net.context, masking)
    length = net.context - (3 if masking.pairs else 2)
    shape = jax.ShapeDtypeStruct
    drawn = min(DRAWN, net.context)

    def batches() -> Iterator[Heldout]:
        rows = held_out()
        count = len(rows.length)
        for number, begin in enumerate(range(0, count, EVAL_ROWS)):
            places = np.arange(begin, begin + EVAL_ROWS)
            part = Rows(*(np.asarray(x[places % count], np.int32) for x in rows))
            yield Heldout(part, (places < count).astype(np.float32), np.int32(number))

    def begin(key, state):
        del key, state
        nothing = jnp.float32(0)
        whole, few = jnp.zeros((SHOWN, asked), jnp.int32), (SHOWN, asked, FILLINGS)
        tokens = jnp.zeros((SHOWN, net.context), jnp.int32)
        best, chances = jnp.zeros(few, jnp.int32), jnp.zeros(few)
        empty = Fillings(tokens, whole, whole, jnp.zeros((SHOWN, asked)), best, chances)
        maps = jnp.zeros((net.depth, net.heads, drawn, drawn))
        looks = Looks(jnp.zeros(drawn, jnp.int32), maps)
        counts = jnp.zeros(net.vocabulary)
        return Sums(nothing, nothing, counts, nothing, nothing, nothing, empty, looks)

    def add(sums, state, part):
        key = jax.random.fold_in(jax.random.key(EVAL_SEED), part.number)
        batch = draw_batch(key, net, masking, part.rows)
        text = opening(part.rows, masking.read().marks, drawn)
        return add_up(net, state.params, sums, batch, part, look(net, state.params, *text))

    def result(sums):
        words = jnp.sum(sums.targets)
        rows = sums.rows
        measured = {
            "loss": Mean(sums.nats, words),
            "masked_accuracy": Mean(sums.hits, words),
            "most_frequent": Mean(jnp.max(sums.targets), words),
        }
        if masking.pairs:
            measured["next_sentence_loss"] = Mean(sums.pair_nats, rows)
            measured["next_sentence_accuracy"] = Mean(sums.pair_hits, rows)
        return measured | sums.fillings._asdict() | sums.looks._asdict()

    def batch_shape():
        rows = Rows(
            shape((EVAL_ROWS, length), jnp.int32),
            shape((EVAL_ROWS,), jnp.int32),
            shape((EVAL_ROWS,), jnp.int32),
        )
        return Heldout(rows, shape((EVAL_ROWS,), jnp.float32), shape((), jnp.int32))

    return Fold(batches, begin, add, result, batch_shape)


def opening(rows: Rows, marks: Marks, count: int) -> tuple[jax.Array, jax.Array]:
    """Returns what the longest row begins with, as the net reads it, and False for padding.

    Args:
      rows: of which one is taken.
      marks: [CLS] and [SEP], which stand around it, and [PAD].
      count: N, tokens with these.

    Returns:
      [N] int32, and [N] bool.
    """
    row = jnp.argmax(rows.length)
    length = jnp.minimum(rows.length[row], count - 2)
    tokens = jnp.pad(jnp.asarray(rows.tokens)[row], (1, count))[:count]
    place = jnp.arange(count)
    tokens = jnp.where(place == 0, marks.start, tokens)
    tokens = jnp.where(place == length + 1, marks.separator, tokens)
    is_seen = place <= length + 1
    return jnp.where(is_seen, tokens, marks.pad).astype(jnp.int32), is_seen


def look(net: BERT, params: Any, tokens: jax.Array, mask: jax.Array) -> Looks:
    """Returns where the tokens of a text [N] look; the mask [N] is False for padding."""
    _, found = net.apply(
        {"params": params}, tokens[None], None, mask[None], mutable=["intermediates"],
        method="encode",
    )  # fmt: skip
    return Looks(tokens, stack_maps(net, found))


def add_up(
    net: BERT, params: Any, sums: Sums, batch: BertBatch, part: Heldout, looks: Looks
) -> Sums:
    """Adds the scores of a part of the held-out text."""
    told = tell(net, params, batch)
    logits = net.apply({"params": params}, told.states, method="logits")  # [E, P, V]
    logp = jax.nn.log_softmax(logits)
    weights = batch.weights * part.weights[:, None]  # [E, P]
    of_targets = jnp.take_along_axis(logp, batch.targets[..., None], axis=2)[..., 0]
    hits = jnp.argmax(logits, axis=2) == batch.targets
    pair_logp = jax.nn.log_softmax(told.follows)
    of_labels = jnp.take_along_axis(pair_logp, batch.next_sentence[:, None], axis=1)[:, 0]
    pair_hits = jnp.argmax(told.follows, axis=1) == batch.next_sentence
    chances, best = jax.lax.top_k(jnp.exp(logp[:SHOWN]), FILLINGS)
    seen = (batch.tokens, batch.positions, batch.targets, batch.weights)
    found = Fillings(*(x[:SHOWN] for x in seen), best, chances)
    is_first = part.number == 0
    kept, looks = jax.tree.map(
        lambda new, old: jnp.where(is_first, new, old), (found, looks), (sums.fillings, sums.looks)
    )
    return Sums(
        nats=sums.nats - jnp.sum(weights * of_targets),
        hits=sums.hits + jnp.sum(weights * hits),
        targets=sums.targets.at[batch.targets].add(weights),
        pair_nats=sums.pair_nats - jnp.sum(part.weights * of_labels),
        pair_hits=sums.pair_hits + jnp.sum(part.weights * pair_hits),
        rows=sums.rows + jnp.sum(part.weights),
        fillings=kept,
        looks=looks,
    )
