"""Batches of programs of many lengths, without the time that their padding would take."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.expressions import count_tokens

CHUNK = 64  # programs at a time, whose tables a core's cache holds


def map_by_length(
    fn: Callable[..., Any], programs: jax.Array, *others: Any, chunk: int = CHUNK
) -> Any:
    """Applies a function to programs in chunks of like lengths, one after the other.

    On a CPU this takes a third of the time of all at once; where the whole batch is one chunk, as
    on an accelerator, nothing is sorted.

    Args:
      fn: steps, programs [C, L], others with leaves [C, ...] -> leaves [C, ...]; the steps are an
        int scalar, the tokens of the longest program of the chunk.
      programs: [B, L] int32.
      others: leaves [B, ...], what else is known of each program.
      chunk: C; a B that it does not divide is filled up with empty programs.
    """
    count = len(programs)
    if count <= chunk:
        return fn(jnp.max(count_tokens(programs), initial=1), programs, *others)
    missing = -count % chunk
    rows = jax.tree.map(
        lambda x: jnp.pad(x, ((0, missing), *((0, 0),) * (x.ndim - 1))), (programs, *others)
    )
    order = jnp.argsort(count_tokens(rows[0]))
    chunks = jax.tree.map(lambda x: x[order].reshape(-1, chunk, *x.shape[1:]), rows)

    def apply(rows: tuple) -> Any:
        return fn(jnp.max(count_tokens(rows[0]), initial=1), *rows)

    done = jax.lax.map(apply, chunks)
    back = jnp.argsort(order)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[back][:count], done)
