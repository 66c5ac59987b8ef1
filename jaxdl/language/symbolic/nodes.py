"""Expressions as tables of nodes, which share their parts, and the way back to rows of tokens.

What rewrites a program reads it from right to left, as the stack machine does. But here slots hold
nodes: a token, pointers to its arguments, how many tokens it stands for, and a hash of 64 bits. New
nodes are appended, and `write_out` copies what the last one stands for, so that a derivative may
use a part many times and the table still grows by a few rows a token.

A row is two words of 64 bits, since on a CPU what a read costs is the number of words: who works
with tables does it under `jax.enable_x64`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.expressions import (
    CODES,
    INTEGER,
    LARGE,
    PAD,
    arities,
    fraction,
    integer,
)
from jaxdl.language.symbolic.hash import stir
from jaxdl.ops import apart

LITERALS = {  # numbers at the beginning of every table
    "0": integer(0), "1": integer(1), "2": integer(2), "-1": integer(-1),
    "1/2": fraction(1, 2), "-1/2": fraction(-1, 2),
}  # fmt: skip
ZERO, ONE = 0, 1  # their slots
ADDRESS, SIZE = 11, 10  # bits of a slot, and of a size
MOST_SLOTS, HUGE = 1 << ADDRESS, (1 << SIZE) - 1  # sizes are cut off there


class Node(NamedTuple):
    """A node, or many of one shape, all int32.

    Attributes:
      token: of the operator, name or number.
      a: slot of the first argument.
      b: slot of the second argument.
      size: tokens of what it stands for, at most `HUGE`.
      low: half of a hash of what it stands for.
      high: its other half.
    """

    token: jax.Array
    a: jax.Array
    b: jax.Array
    size: jax.Array
    low: jax.Array
    high: jax.Array


class Program(NamedTuple):
    """A program that was made on the device.

    Attributes:
      tokens: [L] int32.
      fits: bool scalar; False where the expression has more than L tokens. The tokens are then not
        to be used.
    """

    tokens: jax.Array
    fits: jax.Array


def begin_table(slots: int) -> jax.Array:
    """Makes a table [slots, 2] that holds the `LITERALS`.

    Raises:
      ValueError: slots have no more than 11 bits.
    """
    if slots > MOST_SLOTS:
        raise ValueError(f"a table of {slots} nodes is too long: {MOST_SLOTS} are the most")
    table = jnp.zeros((slots, 2), jnp.uint64)
    tokens = jnp.asarray(list(LITERALS.values()), jnp.int32)
    nothing = Node(*[jnp.zeros_like(tokens)] * len(Node._fields))
    return table.at[: len(LITERALS)].set(_rows(make_node(tokens, nothing, nothing, 0, 0)))


def read(table: jax.Array, slot: jax.Array) -> Node:
    """Returns the nodes in slots of any shape."""
    words = jax.lax.bitcast_convert_type(apart(table[slot]), jnp.uint32)  # [..., 2, 2]
    links, token, low, high = jnp.moveaxis(words.reshape(*words.shape[:-2], 4), -1, 0)
    a, b = links & (MOST_SLOTS - 1), (links >> ADDRESS) & (MOST_SLOTS - 1)
    return Node(*(x.astype(jnp.int32) for x in (token, a, b, links >> (2 * ADDRESS), low, high)))


def store(table: jax.Array, slot: jax.Array, node: Node) -> jax.Array:
    """Returns the table [P, 2] with a node in a slot."""
    return jax.lax.dynamic_update_index_in_dim(table, _rows(node), slot, 0)


def make_node(token: jax.Array, first: Node, second: Node, a: jax.Array, b: jax.Array) -> Node:
    """Makes a node of an operator and its arguments, which are left out where it takes none.

    Args:
      token: of it.
      first: the first argument.
      second: the second argument.
      a: slot of the first.
      b: slot of the second.
    """
    arity = arities(token)
    size = 1 + jnp.where(arity > 0, first.size, 0) + jnp.where(arity > 1, second.size, 0)
    low = _mix(token, first.low, second.high, arity, 0x9E3779B1)
    high = _mix(token, first.high, second.low, arity, 0x85EBCA77)
    whole = jnp.broadcast_to(jnp.int32(0), jnp.shape(token))
    return Node(token, whole + a, whole + b, jnp.minimum(size, HUGE), low, high)


def join(
    table: jax.Array, slot: jax.Array, token: jax.Array, a: jax.Array, b: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Applies an operator to two slots: returns the table, and the slot where the result is.

    What is plain to see is done at once: 0 + a, 0 a, 1 a, a / 1, a^1, and sums and products of
    integers. The slot is used up in either case.

    Args:
      table: [P, 2].
      slot: free.
      token: of the operator, or of a leaf.
      a: slot of the first argument.
      b: slot of the second argument.
    """
    nodes = read(table, jnp.stack([jnp.int32(a), jnp.int32(b)]))
    first, second = (jax.tree.map(lambda x, i=i: x[i], nodes) for i in (0, 1))
    is_sum, is_product = token == CODES["+"], token == CODES["*"]
    is_quotient, is_power = token == CODES["/"], token == CODES["^"]
    zero, one = LITERALS["0"], LITERALS["1"]
    to_first = (
        ((is_sum | (token == CODES["-"])) & (second.token == zero))
        | ((is_product | is_quotient) & (first.token == zero))
        | ((is_product | is_quotient | is_power) & (second.token == one))
    )
    to_second = (
        (is_sum & (first.token == zero))
        | (is_product & (second.token == zero))
        | (is_product & (first.token == one))
    )
    over, under = first.token - INTEGER - LARGE, second.token - INTEGER - LARGE
    value = jnp.where(is_sum, over + under, over * under)
    is_small = (jnp.abs(over) < 2**14) & (jnp.abs(under) < 2**14)
    are_integers = (first.token >= INTEGER) & (second.token >= INTEGER)
    folds = (is_sum | is_product) & are_integers & is_small
    token = jnp.where(folds, INTEGER + LARGE + value, token)
    table = store(table, slot, make_node(token, first, second, a, b))
    at = jnp.where(folds, slot, jnp.where(to_first, a, jnp.where(to_second, b, slot)))
    return table, at.astype(jnp.int32)


def write_out(
    table: jax.Array, root: jax.Array, length: int, steps: jax.Array | None = None
) -> Program:
    """Writes what a node stands for as a program.

    The first argument of an operator follows it, and the second begins where the first one, whose
    size is known, ends.

    Args:
      table: [P, 2].
      root: its slot.
      length: L.
      steps: int scalar, tokens that are written, at least those that there are; None for L.
    """

    def write(place: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        starts, tokens = carry
        slot = starts[place]
        node = read(table, jnp.maximum(slot, 0))
        arity = jnp.where(slot < 0, 0, arities(node.token))
        beyond = jnp.where(arity == 2, place + 1 + read(table, node.a).size, length + 1)
        starts = starts.at[beyond].set(node.b, mode="drop")
        follows = jnp.where(arity > 0, node.a, starts[place + 1])
        token = jnp.where(slot < 0, PAD, node.token)
        update = jax.lax.dynamic_update_index_in_dim
        return update(starts, follows, place + 1, 0), update(tokens, token, place, 0)

    begun = jnp.full(length + 1, -1, jnp.int32).at[0].set(root), jnp.zeros(length, jnp.int32)
    steps = jnp.int32(length) if steps is None else jnp.minimum(steps, length)
    _, tokens = jax.lax.fori_loop(0, steps, write, begun)
    return Program(tokens, read(table, root).size <= length)


def _rows(node: Node) -> jax.Array:
    links = node.a | (node.b << ADDRESS) | (node.size << (2 * ADDRESS))
    words = jnp.stack([links, node.token, node.low, node.high], axis=-1)
    return jax.lax.bitcast_convert_type(words.reshape(*words.shape[:-1], 2, 2), jnp.uint64)


def _mix(
    token: jax.Array, first: jax.Array, second: jax.Array, arity: jax.Array, odd: int
) -> jax.Array:
    """Returns 32 bits that depend on all bits of an operator and its arguments, in their order."""
    first, second = (x.astype(jnp.uint32) for x in (first, second))
    x = token.astype(jnp.uint32) * jnp.uint32(odd)
    x = stir(x ^ jnp.where(arity > 0, first + jnp.uint32(0x7F4A7C15), 0))
    x = stir(x ^ jnp.where(arity > 1, second * jnp.uint32(0xC2B2AE3D) + jnp.uint32(odd), 0))
    return jax.lax.bitcast_convert_type(x, jnp.int32)
