"""A net that reads a prompt once and then a token at a time, from a cache of keys and values.

Prompts of different lengths stand at the right end of their rows, so that all rows write to the
same slot of the cache. What fills a row at the left is never seen, and positions count from the
first token of the prompt.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.nn.gpt2 import GPT2

Cache = Any  # of flax: keys and values of every block, [B, S, H, D] each ([L, ...] if scanned)
Params = dict[str, Any]


class Reading(NamedTuple):
    """What a net has read so far.

    Attributes:
      cache: of S slots.
      logits: [B, V] of the next token.
    """

    cache: Cache
    logits: jax.Array


def read_prompt(
    net: GPT2, params: Params, prompt: jax.Array, first: jax.Array, slots: int
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
    query, slot = jnp.arange(tokens)[:, None], jnp.arange(slots)
    seen = (slot <= query) & (slot >= first[:, None, None])  # [B, T, S]
    positions = jnp.maximum(jnp.arange(tokens) - first[:, None], 0)
    # All logits but the last token's would be a large array for nothing.
    hidden, cache = _encode(net, {"params": params}, prompt, positions, seen, 0)
    return Reading(cache, _logits(net, params, hidden[:, -1]))


def read_token(
    net: GPT2, params: Params, reading: Reading, token: jax.Array, slot: jax.Array, first: jax.Array
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
    slots = jax.tree.leaves(reading.cache)[0].shape[-3]
    seen = (jnp.arange(slots) <= slot) & (jnp.arange(slots) >= first[:, None])  # [B, S]
    variables = {"params": params, "cache": reading.cache}
    positions = (slot - first)[:, None]
    hidden, cache = _encode(net, variables, token[:, None], positions, seen[:, None], slot)
    return Reading(cache, _logits(net, params, hidden[:, 0]))


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
