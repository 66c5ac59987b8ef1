"""Hashes of programs, and duplicates found by them, on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.expressions import PAD


class Hash(NamedTuple):
    """64 bits that tell programs apart; of canonical programs, expressions.

    Among a million programs two different ones have the same with a chance of 3e-8.

    Attributes:
      high: [...] uint32.
      low: [...] uint32.
    """

    high: jax.Array
    low: jax.Array


def hash_programs(programs: jax.Array) -> Hash:
    """Hashes programs [..., L]; their padding does not count."""
    place = jnp.arange(1, programs.shape[-1] + 1, dtype=jnp.uint32)
    tokens = programs.astype(jnp.uint32)
    halves = []
    for odd in (0x9E3779B1, 0x85EBCA77):
        words = stir(tokens * jnp.uint32(odd) + stir(place * jnp.uint32(odd ^ 0x5BD1E995)))
        sums = jnp.sum(jnp.where(programs == PAD, 0, words), axis=-1, dtype=jnp.uint32)
        halves.append(stir(sums))
    return Hash(*halves)


def first_of_each(programs: jax.Array, is_valid: jax.Array | None = None) -> jax.Array:
    """Says which programs are the first of their kind, by one sort.

    Args:
      programs: [B, L] int32.
      is_valid: [B] bool; others are never the first. None for all.

    Returns:
      [B] bool.
    """
    count = len(programs)
    valid = jnp.ones(count, bool) if is_valid is None else is_valid
    high, low = hash_programs(programs)
    places = jnp.arange(count, dtype=jnp.int32)
    keys = ((~valid).astype(jnp.uint32), high, low)
    invalid, high, low, places = jax.lax.sort((*keys, places), num_keys=3, is_stable=True)
    differs = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    is_first = jnp.append(jnp.ones(1, bool), differs)[:count] & (invalid == 0)
    return jnp.zeros(count, bool).at[places].set(is_first)


def find(table: Hash, wanted: Hash) -> tuple[jax.Array, jax.Array]:
    """Finds hashes in a sorted table, by bisection.

    Args:
      table: [N], sorted by high, then low.
      wanted: [...] of any shape.

    Returns:
      int32 [...], places in the table, and bool [...], whether it is there.
    """
    count = len(table.high)

    def halve(_, span):
        low, high = span
        middle = (low + high) // 2
        is_before = (table.high[middle] < wanted.high) | (
            (table.high[middle] == wanted.high) & (table.low[middle] < wanted.low)
        )
        return jnp.where(is_before, middle + 1, low), jnp.where(is_before, high, middle)

    begin = jnp.zeros(wanted.high.shape, jnp.int32)
    span = begin, jnp.full(wanted.high.shape, count, jnp.int32)
    place, _ = jax.lax.fori_loop(0, count.bit_length(), halve, span)
    place = jnp.minimum(place, count - 1)
    return place, (table.high[place] == wanted.high) & (table.low[place] == wanted.low)


def stir(x: jax.Array) -> jax.Array:
    """Mixes 32 bits (the finalizer of MurmurHash3, Appleby 2011)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
