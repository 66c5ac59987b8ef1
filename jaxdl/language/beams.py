"""Beam search with a length penalty (Wu et al. 2016, arXiv 1609.08144, section 7)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

IMPOSSIBLE = -1e30  # a score that nothing real has; infinities would make NaN of their differences


class Beams(NamedTuple):
    """The best continuations of each prompt, best first.

    Attributes:
      tokens: [B, K, N] int32; after a stop token all are stop tokens.
      scores: [B, K], log probabilities divided by the length penalty.
    """

    tokens: jax.Array
    scores: jax.Array


class Search(NamedTuple):
    """A beam search that is under way.

    Attributes:
      step: tokens so far.
      tokens: [B, K, N] int32 of the continuations that go on.
      logp: [B, K] their log probabilities.
      reading: what the net has read of them, leaves [..., B K, ...].
      ended: the best continuations that have ended.
    """

    step: jax.Array
    tokens: jax.Array
    logp: jax.Array
    reading: Any
    ended: Beams


Extend = Callable[[Any, jax.Array, jax.Array, jax.Array], Any]


def length_penalty(length: Any, alpha: float) -> Any:
    """Returns lp(Y) of Wu et al. 2016, eq. 14; 1 for alpha = 0."""
    return ((5.0 + length) / 6.0) ** alpha


def search_beams(
    logits: jax.Array,
    reading: Any,
    extend: Extend,
    *,
    steps: int,
    beams: int,
    stop: tuple[int, ...] = (),
    alpha: float = 0.6,
) -> Beams:
    """Searches for the continuations of highest score.

    In each step the 2K best of all extensions are looked at, since up to K of them may end, and K
    that go on are needed; with several stop tokens more. The search ends when no continuation that
    goes on can beat the worst of K that have ended.

    Args:
      logits: [B, V] of the first token.
      reading: what the net has read of the prompts, whose rows are to be repeated K times.
      extend: reading, rows [B, K] int of those that go on, tokens [B, K], step -> (reading, logits
        [B, K, V]).
      steps: N, the most tokens.
      beams: K.
      stop: tokens that end a continuation.
      alpha: of the length penalty; 0 compares log probabilities.
    """
    rows = len(logits)
    longest = length_penalty(steps, alpha)
    stops = jnp.asarray(stop, jnp.int32)

    def advance(search: Search, logits: jax.Array) -> tuple[Search, jax.Array, jax.Array]:
        """Returns the search with one more token, and the rows and tokens [B, K] that go on."""
        logp = (search.logp[..., None] + jax.nn.log_softmax(logits)).reshape(rows, -1)  # [B, K V]
        best, flat = jax.lax.top_k(logp, min((1 + len(stop)) * beams, logp.shape[1]))
        source, token = jnp.divmod(flat.astype(jnp.int32), logits.shape[-1])
        tokens = _take(search.tokens, source)
        tokens = jax.lax.dynamic_update_index_in_dim(tokens, token, search.step, axis=2)
        step = search.step + 1
        has_ended = jnp.any(token[..., None] == stops, axis=-1) | (step == steps)
        scores = jnp.where(best > IMPOSSIBLE / 2, best / length_penalty(step, alpha), IMPOSSIBLE)
        ended = _merge(search.ended, tokens, jnp.where(has_ended, scores, IMPOSSIBLE))
        logp, chosen = jax.lax.top_k(jnp.where(has_ended, IMPOSSIBLE, best), beams)
        search = Search(step, _take(tokens, chosen), logp, search.reading, ended)
        return search, _take(source, chosen), _take(token, chosen)

    def body(state: tuple[Search, jax.Array]) -> tuple[Search, jax.Array]:
        search, source, token = advance(*state)
        reading, logits = extend(search.reading, source, token, search.step)
        return search._replace(reading=reading), logits

    def go_on(state: tuple[Search, jax.Array]) -> jax.Array:
        search, _ = state
        # Log probabilities only fall, and the longest continuation has the greatest penalty.
        hope = jnp.max(search.logp, axis=1) / longest
        return (search.step < steps) & jnp.any(hope > jnp.min(search.ended.scores, axis=1))

    empty = jnp.full((rows, beams, steps), stop[0] if stop else 0, jnp.int32)
    ended = Beams(empty, jnp.full((rows, beams), IMPOSSIBLE, logits.dtype))
    # All beams are the same prompt as yet, so one of them counts.
    logp = jnp.full((rows, beams), IMPOSSIBLE, logits.dtype).at[:, 0].set(0.0)
    logits = jnp.broadcast_to(logits[:, None], (rows, beams, logits.shape[-1]))
    begun = body((Search(jnp.int32(0), empty, logp, reading, ended), logits))
    return jax.lax.while_loop(go_on, body, begun)[0].ended


def _merge(ended: Beams, tokens: jax.Array, scores: jax.Array) -> Beams:
    """Returns the best K of those that had ended and of others [B, C, N] with scores [B, C]."""
    everything = jnp.concatenate([ended.tokens, tokens], axis=1)
    best, chosen = jax.lax.top_k(
        jnp.concatenate([ended.scores, scores], axis=1), ended.scores.shape[1]
    )
    return Beams(_take(everything, chosen), best)


def _take(x: jax.Array, rows: jax.Array) -> jax.Array:
    """Takes x[b, rows[b, k]] of [B, C, ...] for rows [B, K]."""
    return jax.vmap(lambda x, rows: x[rows])(x, rows)
