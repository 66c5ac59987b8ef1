"""A net that reads a prompt once and then a token at a time, from a cache of keys and values.

Prompts of different lengths stand at the right end of their rows, so that all rows write to the
same slot of the cache. What fills a row at the left is never seen, and positions count from the
first token of the prompt.

Any function of tokens that never looks ahead can be decoded too, without a cache: it sees all
tokens again at every step.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.nn.gpt2 import GPT2

# Of flax: keys [B, H, D, S] and values [B, H, S, D] of every block ([L, ...] if scanned).
Cache = Any
Params = Any
Decoder = GPT2 | Callable[[Params, jax.Array], jax.Array]  # the latter: tokens -> logits [B, T, V]


class Reading(NamedTuple):
    """What a net has read so far.

    Attributes:
      cache: of S slots; of a function the tokens [B, S] themselves.
      logits: [B, V] of the next token.
    """

    cache: Cache
    logits: jax.Array


def read_prompt(
    net: Decoder, params: Params, prompt: jax.Array, first: jax.Array, slots: int
) -> Reading:
    """Reads whole prompts in one pass.

    Args:
      net: whose parameters these are.
      params: of it.
      prompt: [B, T] int.
      first: [B] int, where each row's prompt begins.
      slots: S, of the cache; the rest is for tokens to come.
    """
    tokens = prompt.shape[1]
    if not isinstance(net, GPT2):
        cache = jnp.pad(prompt, ((0, 0), (0, slots - tokens)))
        return Reading(cache, net(params, cache)[:, tokens - 1])
    query, slot = jnp.arange(tokens)[:, None], jnp.arange(slots)
    seen = (slot <= query) & (slot >= first[:, None, None])  # [B, T, S]
    positions = jnp.maximum(jnp.arange(tokens) - first[:, None], 0)
    # All logits but the last token's would be a large array for nothing.
    hidden, cache = _encode(net, {"params": params}, prompt, positions, seen, 0)
    return Reading(cache, _logits(net, params, hidden[:, -1]))


def read_token(
    net: Decoder,
    params: Params,
    reading: Reading,
    token: jax.Array,
    slot: jax.Array,
    first: jax.Array,
) -> Reading:
    """Reads one more token of each row.

    Args:
      net: as in `read_prompt`.
      params: of it.
      reading: of what came before.
      token: [B] int.
      slot: int scalar, where it stands in its row.
      first: as in `read_prompt`.
    """
    if not isinstance(net, GPT2):
        cache = jax.lax.dynamic_update_index_in_dim(reading.cache, token, slot, axis=1)
        logits = net(params, cache)
        return Reading(cache, jax.lax.dynamic_index_in_dim(logits, slot, 1, keepdims=False))
    slots = jax.tree.leaves(reading.cache)[0].shape[-1]  # of keys, which are the first by name
    seen = (jnp.arange(slots) <= slot) & (jnp.arange(slots) >= first[:, None])  # [B, S]
    variables = {"params": params, "cache": reading.cache}
    positions = (slot - first)[:, None]
    hidden, cache = _encode(net, variables, token[:, None], positions, seen[:, None], slot)
    return Reading(cache, _logits(net, params, hidden[:, 0]))


def of_rows(function: Callable[[jax.Array, int], jax.Array], cache: Cache) -> Cache:
    """Applies a function of array and axis to all arrays of a cache, along their axis B."""
    return jax.tree.map(lambda x: function(x, 0 if x.ndim == 2 else x.ndim - 4), cache)


def _encode(net, variables, tokens, positions, seen, slot):
    """Encodes tokens [B, T] that see the slots [B, T, S], and writes them to the cache."""
    hidden, changed = net.apply(
        variables,
        tokens,
        positions=positions,
        mask=seen[:, None],
        slot=slot,
        mutable=["cache"],
        method="encode",
    )
    return hidden, changed["cache"]


def _logits(net: GPT2, params: Params, hidden: jax.Array) -> jax.Array:
    return net.apply({"params": params}, hidden, method="logits")
