"""Masked words (Devlin et al. 2018, section 3.1, task 1), drawn on the device at every step.

15 % of a row's tokens are to be predicted: 80 % of them are replaced by [MASK], 10 % by a random
token, 10 % are left as they are. In whole-word mode all tokens of a word are drawn together, and
share one of the three fates.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.tokenizers import Tokenizer

HIDDEN = 0.8  # Devlin et al. 2018, appendix A.1
RANDOM = 0.1


class Vocabulary(NamedTuple):
    """What masking has to know of the tokens.

    Attributes:
      mask: the token that hides others.
      ordinary: [M] int32, what may be drawn in place of a token: all but the special ones.
      is_special: [V] bool; these are never masked.
      joins_left: [V] bool, as in `WordRule`.
      joins_right: [V] bool.
    """

    mask: int
    ordinary: np.ndarray
    is_special: np.ndarray
    joins_left: np.ndarray
    joins_right: np.ndarray


class Masked(NamedTuple):
    """Rows of which some tokens are to be predicted.

    Attributes:
      tokens: [B, T] int32, with those replaced.
      positions: [B, P] int32, where the original tokens are asked for, in order; then 0.
      targets: [B, P] int32, the originals; then 0.
      weights: [B, P] float32: 1, and 0 where a row has fewer than P.
    """

    tokens: jax.Array
    positions: jax.Array
    targets: jax.Array
    weights: jax.Array


def masking_vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """Reads off a tokenizer what masking has to know.

    Raises:
      BadInput: it has no "mask".
    """
    if "mask" not in tokenizer.specials:
        raise BadInput(f"the tokenizer ({tokenizer.kind}) has no token for masks")
    is_special = np.zeros(tokenizer.vocab_size, bool)
    is_special[list(tokenizer.specials.values())] = True
    ordinary = np.flatnonzero(~is_special).astype(np.int32)
    return Vocabulary(tokenizer.specials["mask"], ordinary, is_special, *tokenizer.words)


def mask_tokens(
    key: jax.Array,
    tokens: jax.Array,
    vocabulary: Vocabulary,
    *,
    most: int,
    share: float = 0.15,
    whole_words: bool = False,
) -> Masked:
    """Draws what is to be predicted, and hides it.

    A row with N tokens that are not special has share * N predictions, rounded, at least 1 and at
    most P. Whole words are drawn one after the other while they fit into that number; a word that
    alone is longer is never drawn.

    Args:
      key: of the draw.
      tokens: [B, T] int32; padding is a special token.
      vocabulary: of `masking_vocabulary`.
      most: P.
      share: of the tokens.
      whole_words: draw words instead of tokens.
    """
    order_key, fate_key, token_key = jax.random.split(key, 3)
    is_special = jnp.asarray(vocabulary.is_special)[tokens]  # [B, T]
    if whole_words:
        words = word_numbers(tokens, vocabulary)
    else:
        words = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    chosen = _choose(order_key, words, is_special, most, share)
    fate = _of_words(jax.random.uniform(fate_key, tokens.shape), words)
    drawn = jax.random.randint(token_key, tokens.shape, 0, len(vocabulary.ordinary))
    random = jnp.asarray(vocabulary.ordinary)[drawn]
    other = jnp.where(fate < HIDDEN + RANDOM, random, tokens)
    replaced = jnp.where(fate < HIDDEN, vocabulary.mask, other)
    places, weights = _places(chosen, most)
    targets = jnp.take_along_axis(tokens, places, axis=1)
    return Masked(
        jnp.where(chosen, replaced, tokens),
        places,
        jnp.where(weights > 0, targets, 0),
        weights,
    )


def word_numbers(tokens: jax.Array, vocabulary: Vocabulary) -> jax.Array:
    """Returns the number [B, T] of each token's word in its row.

    Special tokens stand alone.
    """
    left = jnp.asarray(vocabulary.joins_left)[tokens]
    right = jnp.asarray(vocabulary.joins_right)[tokens]
    begins = ~(right[:, :-1] & left[:, 1:])
    return jnp.cumsum(jnp.pad(begins, ((0, 0), (1, 0))), axis=1, dtype=jnp.int32)


def _choose(
    key: jax.Array, words: jax.Array, is_special: jax.Array, most: int, share: float
) -> jax.Array:
    """Draws tokens [B, T] bool, whole words in random order as long as they fit."""
    ordinary = jnp.sum(~is_special, axis=1, keepdims=True)
    wanted = jnp.clip(jnp.floor(share * ordinary + 0.5), 1, most)  # [B, 1]
    size = _of_words(_add_up(jnp.ones(words.shape), words), words)
    score = _of_words(jax.random.uniform(key, words.shape), words)
    score = jnp.where(is_special | (size > wanted), jnp.inf, score)
    # The sort is stable: tokens of a word stay together even where two words drew the same score.
    rank = jax.vmap(_inverse)(jnp.argsort(score, axis=1))
    last = _of_words(jax.vmap(_highest)(rank, words), words)
    return (last < wanted) & jnp.isfinite(score)


def _places(chosen: jax.Array, most: int) -> tuple[jax.Array, jax.Array]:
    """Positions [B, P] of what was chosen, in order, and weights [B, P]."""
    slots = jnp.where(chosen, jnp.cumsum(chosen, axis=1) - 1, most)

    def fill(row):
        return jnp.zeros(most, jnp.int32).at[row].set(jnp.arange(len(row)), mode="drop")

    weights = jnp.arange(most) < jnp.sum(chosen, axis=1, keepdims=True)
    return jax.vmap(fill)(slots), weights.astype(jnp.float32)


def _inverse(order: jax.Array) -> jax.Array:
    """Returns the place [T] of each number in an order [T]; a second sort would be slower."""
    return jnp.zeros_like(order).at[order].set(jnp.arange(len(order)), unique_indices=True)


def _of_words(values: jax.Array, words: jax.Array) -> jax.Array:
    """Gives each token [B, T] the value of its word."""
    return jnp.take_along_axis(values, words, axis=1)


def _add_up(values: jax.Array, words: jax.Array) -> jax.Array:
    def add(row, numbers):
        return jnp.zeros_like(row).at[numbers].add(row)

    return jax.vmap(add)(values, words)


def _highest(row: jax.Array, numbers: jax.Array) -> jax.Array:
    return jnp.zeros_like(row).at[numbers].max(row)
