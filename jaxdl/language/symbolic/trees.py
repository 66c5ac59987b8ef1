"""Random expressions, all trees of n operators alike (Lample & Charton 2019, appendix C).

D(e, n) counts the expressions that can be grown from e empty nodes with n operators. With them a
tree is drawn token by token in prefix order, without rejection, and all of them are equally likely.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.language.symbolic.expressions import BINARY, CODES, UNARY, integer

DRAWN_BINARY = BINARY[:4]  # + - * /
DIGITS = tuple(value for value in range(-5, 6) if value)  # of leaves: [-5, 5] without 0
SHARE_OF_X = 0.75


class Growth(NamedTuple):
    """A tree that is being drawn.

    Attributes:
      empty: int32 scalar, nodes that are still to be filled.
      operators: int32 scalar, operators that are still to be placed.
    """

    empty: jax.Array
    operators: jax.Array


def count_trees(
    empty: int, operators: int, *, leaves: int = 1, unary: int = 1, binary: int = 1
) -> int:
    """Returns D(e, n), exactly (appendix C.2).

    With one binary operator alone and one leaf D(1, n) are the numbers of Catalan, 1 1 2 5 14; with
    one unary operator beside it those of Schroeder, 1 2 6 22 90.

    Args:
      empty: e.
      operators: n.
      leaves: L, kinds of leaves.
      unary: p1, kinds of unary operators; 0 for binary trees.
      binary: p2, kinds of binary operators.
    """
    return _count_table(empty + operators, operators, leaves, unary, binary)[operators][empty]


@cache
def _count_table(
    most: int, operators: int, leaves: int, unary: int, binary: int
) -> list[list[int]]:
    """Returns D as rows [n][e] for e up to `most` - n."""
    table = [[leaves**e for e in range(most + 1)]]
    for n in range(1, operators + 1):
        before, row = table[-1], [0]
        for e in range(1, most - n + 1):
            row.append(leaves * row[e - 1] + unary * before[e] + binary * before[e + 1])
        table.append(row)
    return table


@cache
def choice_table(most: int, leaves: int, unary: int, binary: int) -> np.ndarray:
    """Returns the chances that the next node is a leaf, unary or binary.

    These are L D(e-1, n), p1 D(e, n-1) and p2 D(e+1, n-1), over D(e, n): appendix C.2's choice of
    the next operator's place, taken node by node.

    Returns:
      [most + 1, most + 2, 3] float32 by n and e, 0 where nothing is left to be drawn.
    """
    counts = _count_table(2 * most + 2, most, leaves, unary, binary)
    table = np.zeros((most + 1, most + 2, 3), np.float64)
    table[0, 1:, 0] = 1.0
    for n in range(1, most + 1):
        for e in range(1, most + 2):
            whole, before = counts[n][e], counts[n - 1]
            parts = (leaves * counts[n][e - 1], unary * before[e], binary * before[e + 1])
            table[n, e] = [part / whole for part in parts]
    return table.astype(np.float32)


def sample_shape(
    key: jax.Array, operators: jax.Array, *, most: int, leaves: int = 11, unary: int = 15,
    binary: int = 4,
) -> jax.Array:  # fmt: skip
    """Draws the shape of a tree.

    Args:
      key: consumed.
      operators: int scalar, n; 0 for a leaf alone.
      most: the largest n that there may be; static.
      leaves: L of the paper's counts.
      unary: p1; 0 for binary trees.
      binary: p2.

    Returns:
      [2 most + 1] int32 arities in prefix order, -1 behind the end.
    """
    table = jnp.asarray(choice_table(most, leaves, unary, binary))

    def grow(growth: Growth, lot: jax.Array) -> tuple[Growth, jax.Array]:
        chances = jnp.cumsum(table[growth.operators, growth.empty])
        arity = jnp.sum(lot * chances[2] >= chances[:2], dtype=jnp.int32)
        is_done = growth.empty == 0
        grown = Growth(growth.empty + arity - 1, growth.operators - (arity > 0))
        return jax.tree.map(lambda old, new: jnp.where(is_done, old, new), growth, grown), (
            jnp.where(is_done, -1, arity)
        )

    begun = Growth(jnp.int32(1), jnp.int32(operators))
    return jax.lax.scan(grow, begun, jax.random.uniform(key, (2 * most + 1,)))[1]


def sample_expression(
    key: jax.Array,
    *,
    most: int,
    least: int = 1,
    share_of_x: float = SHARE_OF_X,
    unary: tuple[str, ...] = UNARY,
    binary: tuple[str, ...] = DRAWN_BINARY,
) -> jax.Array:
    """Draws a random expression of x (section 4.1, appendix C).

    The number of operators is uniform from `least` to `most`, then the tree is uniform among those
    of that size, and operators are uniform. The paper names x and ten integers as leaves; of equal
    chances most small trees would hold no x, so that here it has a chance of its own.

    Args:
      key: consumed.
      most: operators.
      least: operators.
      share_of_x: chance that a leaf is x, and not one of the integers.
      unary: p1 operators; () for binary trees.
      binary: p2 operators.

    Returns:
      [2 most + 1] int32.
    """
    size_key, shape_key, leaf_key, digit_key, name_key = jax.random.split(key, 5)
    operators = jax.random.randint(size_key, (), least, most + 1)
    shape = sample_shape(
        shape_key,
        operators,
        most=most,
        leaves=1 + len(DIGITS),
        unary=len(unary),
        binary=len(binary),
    )
    tokens = (2 * most + 1,)
    digits = jax.random.choice(digit_key, jnp.asarray([integer(v) for v in DIGITS]), tokens)
    is_x = jax.random.uniform(leaf_key, tokens) < share_of_x
    lots = jax.random.uniform(name_key, tokens)
    leaf = jnp.where(is_x, CODES["x"], digits)
    names = [_draw(lots, kinds) for kinds in (unary or ("",), binary)]
    return jnp.select([shape == 0, shape == 1, shape == 2], [leaf, *names], 0).astype(jnp.int32)


def _draw(lots: jax.Array, names: tuple[str, ...]) -> jax.Array:
    """Returns one of the operators for each number from U[0, 1)."""
    codes = jnp.asarray([CODES[name] for name in names], jnp.int32)
    return codes[jnp.minimum(jnp.int32(lots * len(names)), len(names) - 1)]
